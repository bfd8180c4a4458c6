"""Taking snapshots beside the stream, and the last one when partitions are handed over.

A snapshot becomes visible only after the group has taken the offset that it belongs to, and only from the worker that
owned the partition, in that generation of the group, all the while. So nobody ever finds a snapshot that is ahead of
the group, and one that woke up as a zombie has none to offer: its commits are refused.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import structlog

from detector.columns.hashing import name_of
from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.standing import PolicyMemory
from detector.windows.sweep import Sweep, SweptRows
from streams.running.clock import wall_clock_ms
from streams.running.daemon_thread import DaemonThread
from streams.state.policy_memory import encode
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_file import SnapshotWriter
from streams.state.snapshot_format import Header
from streams.state.snapshot_store import SnapshotStore
from streams.state.worker_state import Copy, WorkerState

COMMIT_CHECK_S = 0.05
COMMIT_PATIENCE_S = 30.0
STEPS_PER_PAUSE = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """Bounds and times.

    Attributes:
        interval_s: pause between two snapshots, seconds.
        step_bytes: copied in one go; bounds the time that the event loop is held.
        hand_over_s: longest that a hand-over waits for its snapshots; without them the next owner counts again.
    """

    interval_s: float
    step_bytes: int = 1 << 18
    hand_over_s: float = 5.0


@dataclass(slots=True)
class Taken:
    """What operators are shown.

    Attributes:
        published: snapshots made visible since the start.
        failures: snapshots that could not be written or published since the start.
        last_ms: wall clock of the latest one, epoch milliseconds, 0 = none yet.
        size_bytes: of the latest one, all partitions.
        longest_step_s: longest that the latest one held the event loop in one go, its beginning included, seconds.
    """

    published: int = 0
    failures: int = 0
    last_ms: int = 0
    size_bytes: int = 0
    longest_step_s: float = 0.0


class Snapshots:
    """Takes snapshots of all partitions that are ready.

    Everything runs on the event loop in short steps, but for writing and publishing files, which a thread does. The
    functions that are asked (`ready`, `committed` ...) are asked on the event loop and only look something up.

    Args:
        state: what is copied.
        store: where snapshots go.
        identity: name of the topic's present log in the store.
        instance: name of this worker, for people.
        spool: folder for files that are being written.
        ready: the partitions whose state is complete.
        committed: offset that the group has taken, by partition.
        generation: of the group, as this worker knows it.
        partition_of: partition of a calling number.
        partitions: how many the topic has.
        limits: bounds.
    """

    def __init__(
        self,
        state: WorkerState,
        store: SnapshotStore,
        *,
        identity: Callable[[], str],
        instance: str,
        spool: Path,
        ready: Callable[[], Collection[int]],
        committed: Callable[[int], int | None],
        generation: Callable[[], int],
        partition_of: Callable[[str], int],
        partitions: Callable[[], int],
        limits: SnapshotLimits,
    ) -> None:
        self._state = state
        self._store = store
        self._identity = identity
        self._instance = instance
        self._spool = spool
        self._ready = ready
        self._committed = committed
        self._generation = generation
        self._partition_of = partition_of
        self._partitions = partitions
        self._limits = limits
        self._thread = DaemonThread("snapshot writer")
        self._copying = asyncio.Lock()
        self._is_handing_over = False
        self._last: dict[int, int] = {}
        self._files = itertools.count()
        self._longest_s = 0.0
        self.taken = Taken()

    async def run(self) -> None:
        """Take snapshots until cancelled."""
        while True:
            await asyncio.sleep(self._limits.interval_s)
            await self.take()

    async def take(self) -> None:
        """Take one of every partition that moved since its last one; never raises.

        Returns when all are published or given up. It waits up to `COMMIT_PATIENCE_S` for the group to take each
        snapshot's offset.
        """
        moved = [p for p in self._ready() if self._state.positions.get(p) != self._last.get(p)]
        if not moved or self._is_handing_over:
            return
        generation = self._generation()
        forgotten = {p: self._state.forgotten[p] for p in moved}
        files: list[tuple[Path, Header]] = []
        try:
            async with self._copying:
                files = await self._write(moved, generation, is_urgent=False)
            for path, header in files:
                await self._publish_committed(path, header, forgotten[header.partition])
        except Exception as error:  # noqa: BLE001 - without a snapshot the worker goes on, whatever it was
            self._failed(error)
        finally:
            await self._thread.run(_remove, files)

    async def hand_over(self) -> None:
        """Publish the state of every partition whose offset is committed; gives up after a while, never raises."""
        self._is_handing_over = True  # a copy under way ends at its next step
        files: list[tuple[Path, Header]] = []
        try:
            async with asyncio.timeout(self._limits.hand_over_s):
                async with self._copying:
                    ready = [p for p in self._ready() if self._state.positions.get(p) == self._committed(p)]
                    moved = [p for p in ready if self._state.positions[p] != self._last.get(p)]
                    files = await self._write(moved, self._generation(), is_urgent=True) if moved else []
                for path, header in files:
                    await self._publish(path, header)
        except Exception as error:  # noqa: BLE001 - without a snapshot the next owner counts again
            self._failed(error)
        finally:
            self._is_handing_over = False
            self._thread.post(_remove, files)

    def _failed(self, error: Exception) -> None:
        self.taken.failures += 1
        why = f"not done within {self._limits.hand_over_s:g} s" if isinstance(error, TimeoutError) else str(error)
        log.warning("no snapshot this time, the one before stays", cause=why, kind=type(error).__name__)

    async def _write(
        self, partitions: Collection[int], generation: int, *, is_urgent: bool
    ) -> list[tuple[Path, Header]]:
        """Copy step by step and write in the thread; empty when the partitions went away meanwhile."""
        started_s = time.perf_counter()
        copy = self._state.copy(partitions)
        self._longest_s = time.perf_counter() - started_s
        files = {p: (self._path(p), self._header(p, offset, generation)) for p, offset in copy.positions.items()}
        writers: dict[int, SnapshotWriter] = {}
        finished: list[tuple[Path, Header]] = []
        try:
            await self._thread.run(self._open, copy, files, writers)
            if await self._fill(copy.sweep, writers, generation, is_urgent=is_urgent):
                self.taken.size_bytes = sum(await self._thread.run(_close, writers))
                finished = list(files.values())
        finally:
            if not finished:
                copy.sweep.abandon()
                self._thread.post(_abandon, writers)
        return finished

    async def _fill(
        self, sweep: Sweep, writers: dict[int, SnapshotWriter], generation: int, *, is_urgent: bool
    ) -> bool:
        """Copy all rows; False when the copy is of no use any more: partitions went away, or are handed over."""
        while not sweep.is_done:
            if generation != self._generation() or (self._is_handing_over and not is_urgent):
                return False
            started_s = time.perf_counter()
            parts = sweep.step(self._limits.step_bytes)
            took_s = time.perf_counter() - started_s
            self._longest_s = max(self._longest_s, took_s)
            await self._thread.run(_add, writers, parts)
            await asyncio.sleep(0 if is_urgent else STEPS_PER_PAUSE * took_s)
        self.taken.longest_step_s = self._longest_s
        return True

    def _open(self, copy: Copy, files: dict[int, tuple[Path, Header]], writers: dict[int, SnapshotWriter]) -> None:
        owners = _owners(copy.memory, self._partition_of)
        for partition, (path, header) in list(files.items()):
            memory = copy.memory.of(lambda number, partition=partition: owners[number] == partition)  # type: ignore[misc]
            try:
                content = encode(memory, copy.repeats[partition])
            except SnapshotRefused as error:  # the other partitions may fare better
                del files[partition]
                self._failed(error)
                continue
            writers[partition] = SnapshotWriter(path, header, content, copy.sweep.names, self._store.signing)

    def _path(self, partition: int) -> Path:
        return self._spool / f"{partition}-{next(self._files)}.part"

    def _header(self, partition: int, offset: int, generation: int) -> Header:
        return Header(
            topic=self._identity(),
            partition=partition,
            offset=offset,
            generation=generation,
            created_ms=wall_clock_ms(),
            layout=self._state.engine.layout,
            feature_schema=FEATURE_SCHEMA_ID,
            partitions=self._partitions(),
            instance=self._instance,
            seed=name_of(self._state.engine.settings.seed),
            **self._state.engine.kept._asdict(),
        )

    async def _publish_committed(self, path: Path, header: Header, forgotten: int) -> None:
        """Wait until the group is past the snapshot's offset, then publish; drop it when we may no longer.

        Nor when the partition was forgotten meanwhile: then its log has changed, and other records have these offsets.
        """
        deadline_s = time.monotonic() + COMMIT_PATIENCE_S
        while (
            header.generation == self._generation()
            and forgotten == self._state.forgotten[header.partition]
            and time.monotonic() < deadline_s
        ):
            committed = self._committed(header.partition)
            if committed is not None and committed >= header.offset:
                await self._publish(path, header)
                return
            await asyncio.sleep(COMMIT_CHECK_S)

    async def _publish(self, path: Path, header: Header) -> None:
        try:
            await self._thread.run(self._store.publish, path, header)
        except RobocallError as error:  # the other partitions may fare better
            self._failed(error)
            return
        self._last[header.partition] = header.offset
        self.taken.published += 1
        self.taken.last_ms = wall_clock_ms()


def _owners(memory: PolicyMemory, partition_of: Callable[[str], int]) -> dict[str, int]:
    """Partition of every number in the memory: worked out once, asked for once a partition."""
    return {number: partition_of(number) for number in memory.numbers()}


def _add(writers: dict[int, SnapshotWriter], parts: list[SweptRows]) -> None:
    for part in parts:
        for partition in set(part.partitions.tolist()) & writers.keys():
            writers[partition].add(part.of(partition))


def _close(writers: dict[int, SnapshotWriter]) -> list[int]:
    return [writer.close() for writer in writers.values()]


def _abandon(writers: dict[int, SnapshotWriter]) -> None:
    for writer in writers.values():
        writer.abandon()


def _remove(files: list[tuple[Path, Header]]) -> None:
    for path, _ in files:
        path.unlink(missing_ok=True)
