"""Bringing the state of assigned partitions to where the group stands, before any of their calls is decided.

State in memory that is not ahead of the committed offset is kept. Else the newest snapshot that is not ahead of it is
loaded, or the one before that; with none, the recent past of the topic is counted. What lies between the state and the
committed offset is counted and judged again, and not published: it was when it was committed.

Partitions have turns, so that one with much to count holds up no other: each is ready as soon as it is there.

State belongs to a log. Where the topic was made again it starts empty: calls of the old log may come once more in the
new one, and a call that is counted twice makes a lawful caller look busy.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

import structlog
from aiokafka.errors import KafkaError

from detector.columns.hashing import name_of
from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.standing import PolicyMemory
from streams.kafka.fetched import Rows
from streams.kafka.locating import Change, Place
from streams.running.clock import wall_clock_ms
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described
from streams.screening.repeats import Remembered
from streams.state.policy_memory import decode
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_file import Snapshot, read_snapshot
from streams.state.snapshot_store import Entry, SnapshotStore, kind_of
from streams.state.worker_state import WorkerState

RETRY_S = 1.0
RESTORING, WARMING = "restoring", "warming"
P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


class ReadsLog(AbstractAsyncContextManager["ReadsLog"], Protocol):
    """What recovery needs of `streams.kafka.log_reader.LogReader`, which says more. It is used by one task at a time.

    Every method raises a `KafkaError` or a `TimeoutError` where the log cannot be read now.
    """

    async def offset_at(self, partition: int, time_ms: int) -> int | None:
        """Offset of the first record at or after an instant, epoch milliseconds; None where there is none."""
        ...

    def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Rows]:
        """Yield the records from offset `start` on, up to and without `stop`, in order, as they were fetched."""
        ...


@dataclass(frozen=True, slots=True)
class RecoveryLimits:
    """Bounds.

    Attributes:
        warm_up_s: how far back to count where there is no snapshot, seconds.
        warm_up_events: most records counted then, the latest ones.
        slice_events: records counted in one go; bounds the time that the event loop is held.
        store_s: longest that one answer of the snapshot store is waited for, seconds.
        releases_s: longest that the look at released numbers is waited for, seconds.
        model_s: longest that the model is waited for whose margins a snapshot holds, seconds.
        turn_s: how long records of one partition are counted before it is the next one's turn, seconds.
    """

    warm_up_s: float
    warm_up_events: int
    slice_events: int = 256
    store_s: float = 30.0
    releases_s: float = 2.0
    model_s: float = 5.0
    turn_s: float = 0.5


class Recovery:
    """Restores partitions in turns; each may be read as soon as it is there.

    All of it runs on the event loop, in slices; the store is read in a thread of its own.

    Args:
        state: what is restored.
        store: where snapshots are; None = there are none.
        topic: whose partitions they are; with the id of its log it is its name in the store.
        spool: folder for what a remote store is read through.
        reader: makes a reader of the topic.
        limits: bounds.
        model_begun: awaited where a snapshot holds margins of another model than the one in place: at the start that
            may not be the one yet that was promoted. For no longer than `RecoveryLimits.model_s`.
        on_restored: awaited after a partition was caught up with: what came back may have been released since. It is
            waited for no longer than `RecoveryLimits.releases_s`, and may raise.
    """

    def __init__(
        self,
        state: WorkerState,
        store: SnapshotStore | None,
        topic: str,
        spool: Path,
        reader: Callable[[], ReadsLog],
        limits: RecoveryLimits,
        *,
        model_begun: Callable[[], Awaitable[object]],
        on_restored: Callable[[], Awaitable[object]],
    ) -> None:
        self._state = state
        self._store = store
        self._topic = topic
        self.identity = topic
        """Name of the topic's present log in the store, as of the latest partition that was begun with."""
        self._spool = spool
        self._reader = reader
        self._limits = limits
        self._model_begun = model_begun
        self._on_restored = on_restored
        self._thread = DaemonThread("snapshot reader")
        self._is_store_away = False
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[int, Place] = {}
        self._began_s: dict[int, float] = {}
        self.ready: set[int] = set()
        """Partitions whose state is where the group stands, or was when they were given to us."""
        self.unready: dict[int, str] = {}
        """What is being done about each other assigned partition: `restoring` or `warming`."""
        self.assignments = 0
        """How often the group gave us partitions."""
        self.warm_starts = 0
        """Partitions that began without a usable snapshot."""
        self.restored_s = 0.0
        """Seconds that the latest restoration of a partition took."""

    def is_ready(self, tp: Any) -> bool:
        """Whether calls of the partition may be decided."""
        return tp.partition in self.ready

    async def halt(self) -> None:
        """Stop: the partitions are about to be taken away. Waits for the end of what is under way; never raises."""
        self.ready.clear()
        self.unready.clear()
        self._waiting.clear()
        self._began_s.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def expect(self, partitions: Collection[int]) -> None:
        """Note which partitions were given to us; called once for each assignment.

        Until `begin` was told of one it is not ready, and `unready` names it.
        """
        self.assignments += 1
        self.unready |= dict.fromkeys(set(partitions) - self.ready - self.unready.keys(), RESTORING)
        self._is_store_away = False

    async def begin(self, places: Mapping[Any, Place]) -> None:
        """Begin to restore partitions of which it is known now where reading goes on; returns before that is done.

        Called for each of them once after an assignment, and again whenever its log has changed.
        """
        for tp, place in places.items():
            partition, held = tp.partition, self._state.positions.get(tp.partition)
            self.ready.discard(partition)
            if place.topic_id is not None:
                self.identity = f"{self._topic}.{place.topic_id}"
            if held == place.offset and not place.is_new and place.change is None:
                self._is_there(partition)
            else:
                self.unready[partition] = RESTORING
                self._waiting[partition] = place
                self._began_s.pop(partition, None)
        if self._waiting and (self._task is None or self._task.done()):
            self._start()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._restore_all(), name="recovery")
        self._task.add_done_callback(self._look_after)

    def _look_after(self, task: "asyncio.Task[None]") -> None:
        if task is self._task and self._waiting:  # nobody halted us
            log.error("restoring partitions was interrupted, going on", partitions=sorted(self._waiting))
            self._start()

    def _is_there(self, partition: int) -> None:
        self.unready.pop(partition, None)
        self.ready.add(partition)

    async def _restore_all(self) -> None:
        """Restore what waits, in turns; a partition that cannot be read waits behind the others."""
        while self._waiting:
            try:
                async with self._reader() as reader:
                    while self._waiting:
                        if not await self._try_each(reader):
                            await asyncio.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, the partitions must not wait for ever
                log.warning("cannot read the topic to restore partitions, trying again", **described(error))
                await asyncio.sleep(RETRY_S)

    async def _try_each(self, reader: ReadsLog) -> bool:
        """Give each partition that waits a turn; False where none could be read."""
        is_moving = False
        for partition, place in list(self._waiting.items()):
            try:
                is_restored = await self._restore(reader, partition, place)
            except (KafkaError, TimeoutError) as error:
                log.warning("cannot read a partition to restore it, going on with the others", partition=partition,
                            **described(error))  # fmt: skip
                continue
            is_moving = True
            if is_restored and self._waiting.get(partition) is place:  # its log has not changed meanwhile
                del self._waiting[partition]
                self._is_there(partition)
        return is_moving

    async def _restore(self, reader: ReadsLog, partition: int, place: Place) -> bool:
        """Restore one partition, or a part of it; whatever goes wrong inside of us, its calls must flow.

        Returns:
            Whether it is restored.
        """
        is_first_turn = partition not in self._began_s
        started_s = self._began_s.setdefault(partition, time.monotonic())
        try:
            if is_first_turn and place.change is Change.MADE_AGAIN:
                await self._state.forget(partition)
            if is_first_turn and place.change is Change.CUT:
                await self._drop_beyond(partition, place.offset)
            if not await self._bring_to(reader, partition, place.offset):
                return False
        except (KafkaError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - fail open: an empty window blocks nobody
            log.error("could not restore a partition, its windows start empty", partition=partition, **described(error))  # noqa: TRY400
            await self._state.forget(partition)
        await self._look_at_releases(partition)
        self._state.processed(partition, place.offset)
        self.restored_s = time.monotonic() - started_s
        log.info("partition ready", partition=partition, offset=place.offset, seconds=round(self.restored_s, 3))
        return True

    async def _bring_to(self, reader: ReadsLog, partition: int, target: int) -> bool:
        """Bring a partition to an offset, or nearer to it while others wait; tell whether it is there."""
        held = self._state.positions.get(partition)
        if held is None or held > target:  # what we counted beyond will be read again
            await self._state.forget(partition)
            if not await self._load_newest(partition, target) and not await self._begin_to_warm_up(
                reader, partition, target
            ):
                return True
        count = self._state.warm_up if self.unready.get(partition) == WARMING else self._state.catch_up
        ends_s = time.monotonic() + self._limits.turn_s
        async for rows in reader.read(partition, self._state.positions[partition], target):
            for start in range(0, len(rows), self._limits.slice_events):
                count(partition, rows[start : start + self._limits.slice_events])
                await asyncio.sleep(0)
            if len(self._waiting) > 1 and time.monotonic() >= ends_s and self._state.positions[partition] < target:
                return False
        return True

    async def _look_at_releases(self, partition: int) -> None:
        """Look whether standing blocks that came back were released since; without Redis, when it is back."""
        try:
            async with asyncio.timeout(self._limits.releases_s):
                await self._on_restored()
        except Exception as error:  # noqa: BLE001 - the list sync goes on with it
            log.warning("releases are looked at later", partition=partition, **described(error))

    async def _drop_beyond(self, partition: int, offset: int) -> None:
        """Delete snapshots of records that the log has lost: later ones will have their offsets."""
        if self._store is None:
            return
        try:
            await self._ask_store(self._store.drop_beyond, self.identity, partition, offset)
        except (RobocallError, OSError, TimeoutError) as error:
            log.warning("snapshots beyond the end of a log are left", partition=partition, cause=str(error))

    async def _load_newest(self, partition: int, target: int) -> bool:
        if self._store is None or self._is_store_away:
            return False
        try:
            found = await self._ask_store(self._store.candidates, self.identity, partition, target, self._kind())
            for entry in found:
                if await self._load(self._store, entry, partition):
                    return True
        except TimeoutError:
            self._is_store_away = True  # for the other partitions of this assignment too
            self._thread = DaemonThread("snapshot reader")  # the call hangs in the old one
            log.warning("the snapshot store does not answer", partition=partition, seconds=self._limits.store_s)
        except (RobocallError, OSError) as error:
            log.warning("no snapshots can be had", partition=partition, cause=str(error))
        return False

    def _kind(self) -> str:
        engine = self._state.engine
        return kind_of(engine.layout, FEATURE_SCHEMA_ID, name_of(engine.settings.seed))

    async def _load(self, store: SnapshotStore, entry: Entry, partition: int) -> bool:
        try:
            snapshot, memory, remembered = await self._ask_store(self._read, store, entry, partition)
            if self._state.engine.kept.lacks(snapshot.header.kept):
                await self._await_model()
            await self._state.load(partition, snapshot, memory, remembered)
        except TimeoutError:
            raise
        except (RobocallError, ValueError, OSError) as error:
            log.warning("snapshot not used", partition=partition, offset=entry.offset, cause=str(error))
            await self._state.forget(partition)
            return False
        return True

    async def _await_model(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.model_s):
                await self._model_begun()

    async def _ask_store(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with asyncio.timeout(self._limits.store_s):
            return await self._thread.run(call, *args, **kwargs)

    def _read(self, store: SnapshotStore, entry: Entry, partition: int) -> tuple[Snapshot, PolicyMemory, Remembered]:
        engine = self._state.engine
        with tempfile.TemporaryDirectory(dir=self._spool) as folder:
            path = store.fetch(entry, Path(folder))
            found = read_snapshot(
                path,
                topic=self.identity,
                partition=partition,
                layout=engine.layout,
                feature_schema=FEATURE_SCHEMA_ID,
                seed=name_of(engine.settings.seed),
                signing=store.signing,
            )
        if found.header.offset != entry.offset:  # beyond the commit it would count what comes again
            raise SnapshotRefused(f"snapshot {entry.name} is skipped: it is of offset {found.header.offset}")
        return found, *decode(found.memory)

    async def _begin_to_warm_up(self, reader: ReadsLog, partition: int, target: int) -> bool:
        """Go to where the recent past of the topic begins: to count it is better than nothing, and said.

        Returns:
            Whether there is anything to count.
        """
        since_ms = wall_clock_ms() - round(self._limits.warm_up_s * 1_000)
        start = await reader.offset_at(partition, since_ms)
        start = max(target if start is None else start, target - self._limits.warm_up_events)
        if start >= target:
            return False
        self.unready[partition] = WARMING
        self.warm_starts += 1
        log.warning("no usable snapshot, warming up from the topic", partition=partition, records=target - start)
        self._state.processed(partition, start)
        return True
