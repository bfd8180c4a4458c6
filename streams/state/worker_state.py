"""The state of partitions and the offsets that it belongs to: windows and policy memory as of the next record's offset.

Everything here runs on the event loop, and every method leaves state and offset in step: whoever looks between two of
them sees, for each partition in `positions`, exactly the records before that offset counted, each of them once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice

from detector.policy.screening import Screener
from detector.policy.standing import PolicyMemory
from detector.windows import WindowEngine
from detector.windows.sweep import Sweep
from streams.kafka.fetched import Rows, gather
from streams.screening.pipeline import Pipeline
from streams.screening.repeats import Remembered
from streams.state.snapshot_file import Snapshot

NUMBERS_PER_SLICE = 500
"""Numbers of the policy memory handled in one go: about a millisecond."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a snapshot is made of.

    Attributes:
        positions: offset of the next record, by partition.
        sweep: the windows of that instant, to be fetched step by step.
        memory: the policy memory of all partitions of that instant.
        repeats: the latest answers of that instant, by partition.
    """

    positions: dict[int, int]
    sweep: Sweep
    memory: PolicyMemory
    repeats: dict[int, Remembered]


class WorkerState:
    """Windows and policy memory of one worker, by partition.

    Args:
        pipeline: counts and decides.
        partition_of: partition of a calling number, for the policy memory, which is kept by number.
    """

    def __init__(self, pipeline: Pipeline, partition_of: Callable[[str], int]) -> None:
        self._pipeline = pipeline
        self._partition_of = partition_of
        self.positions: dict[int, int] = {}
        self.forgotten: Counter[int] = Counter()
        """How often each partition's state was dropped."""
        self._touched: set[int] = set()

    @property
    def _screener(self) -> Screener[WindowEngine]:
        return self._pipeline.screener

    @property
    def engine(self) -> WindowEngine:
        """The windows."""
        return self._screener.engine

    def processed(self, partition: int, next_offset: int) -> None:
        """Note that every record before `next_offset` is counted; nothing may be awaited since it was."""
        self.positions[partition] = next_offset
        self._touched.add(partition)

    async def keep_only(self, partitions: Collection[int]) -> None:
        """Forget all other partitions."""
        await self.forget(*(self._touched - set(partitions)))

    async def forget(self, *partitions: int) -> None:
        """Drop windows and policy memory of partitions, in slices; no record of them may be counted meanwhile.

        Whenever this is cut short, they have no position, and the next call for them goes on with it.
        """
        gone = [partition for partition in partitions if partition in self._touched]
        if not gone:
            return
        self.forgotten.update(gone)
        for partition in gone:
            self.positions.pop(partition, None)
        await self._forget_memory(gone)
        for partition in gone:
            self._pipeline.repeats.forget(partition)
            for _ in self.engine.forget_slowly(partition):
                await asyncio.sleep(0)
            self._touched.discard(partition)

    async def _forget_memory(self, gone: Collection[int]) -> None:
        standing = self._screener.standing
        numbers = iter(standing.memory().numbers())
        while some := list(islice(numbers, NUMBERS_PER_SLICE)):
            standing.forget([number for number in some if self._partition_of(number) in gone])
            await asyncio.sleep(0)

    async def load(self, partition: int, snapshot: Snapshot, memory: PolicyMemory, remembered: Remembered) -> None:
        """Take a snapshot's state over, in slices; the partition has no position until all of it is there.

        It must have been forgotten before, and be forgotten again when this is cut short.

        Args:
            partition: whose state it is.
            snapshot: its windows and their offset.
            memory: its policy memory, decoded.
            remembered: its latest answers.
        """
        self._touched.add(partition)
        self._pipeline.repeats.restore(partition, remembered)
        for _ in self.engine.load(partition, snapshot.parts, snapshot.names, snapshot.header.kept):
            await asyncio.sleep(0)
        for part in memory.parts(NUMBERS_PER_SLICE):
            self._screener.standing.restore(part)
            await asyncio.sleep(0)
        self.positions[partition] = snapshot.header.offset

    def catch_up(self, partition: int, rows: Rows) -> None:
        """Count and judge records of a partition again that are decided already; there must be some."""
        self._pipeline.catch_up(gather([(partition, rows)]))
        self.processed(partition, rows.end)

    def warm_up(self, partition: int, rows: Rows) -> None:
        """Count records of a partition, without judging them; there must be some."""
        self._pipeline.warm_up(gather([(partition, rows)]))
        self.processed(partition, rows.end)

    def copy(self, partitions: Collection[int]) -> Copy:
        """Begin a copy of partitions as they are now; ends any other that is still being fetched.

        Raises:
            KeyError: a partition has no position.
        """
        positions = {partition: self.positions[partition] for partition in partitions}
        repeats = {partition: self._pipeline.repeats.copy(partition) for partition in partitions}
        return Copy(positions, self.engine.sweep(), self._screener.standing.memory(), repeats)
