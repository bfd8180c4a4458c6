"""A fetcher for aiokafka's consumer that makes no object for each record, and none for each field of a request.

aiokafka makes two objects for each record, and as many for each field of requests and answers. All of that stood
between a call's arrival and its decision. Here requests and answers are packed (`streams.kafka.fetch.messages`), and
records stay columns (`streams.kafka.fetch.batch_reader`). Positions, errors, resets, leaders and back-off remain
aiokafka's.

What a batch unpacks to is bounded, and more than a millisecond of it is done in a thread, one batch at a time; other
partitions go on meanwhile. A batch that is too large is stepped over, one that is damaged after `DAMAGED_TRIES`.
"""

# ruff: noqa: SLF001 - aiokafka has no public way to its fetcher; `tests/contracts` pins what is used here

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Self

from aiokafka.consumer.fetcher import READ_UNCOMMITTED, Fetcher, FetchError
from aiokafka.structs import TopicPartition

from streams.kafka.fetch.batch_reader import BITE_BYTES, BatchDamaged, BatchLimits, BatchReader
from streams.kafka.fetch.lineage import Lineage
from streams.kafka.fetch.messages import PackedFetch
from streams.kafka.fetch.unpacking import TooLarge
from streams.kafka.fetched import Rows
from streams.settings import Settings
from streams.wire.refusals import Code

DAMAGED_TRIES = 3
"""Fetches of a batch that cannot be read: damage in flight or in a cache is gone with the next, on disk it stays."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How brokers are asked for records, and which are read.

    Attributes:
        max_wait_ms: longest that a broker holds an empty fetch.
        isolation_level: `read_committed`, or `read_uncommitted` for those too whose transaction is open or aborted.
        limits: of one batch.
    """

    max_wait_ms: int
    isolation_level: str
    limits: BatchLimits

    @property
    def is_committed(self) -> bool:
        """Only records of committed transactions, and of none, are read."""
        return self.isolation_level == "read_committed"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the settings say."""
        limits = BatchLimits(settings.kafka_max_batch_bytes, settings.kafka_max_batch_records)
        return cls(settings.kafka_fetch_max_wait_ms, settings.kafka_isolation_level, limits)


class Fetched:
    """What a fetch brought of one partition and nobody has taken yet.

    Args:
        tp: the partition.
        reader: of its batches.
        limits: of one batch.
        assignment: of aiokafka's consumer, when it was asked for.
        backoff_s: for so long aiokafka lets the node's other partitions wait for us.
    """

    def __init__(
        self, tp: TopicPartition, reader: BatchReader, limits: BatchLimits, assignment: Any, backoff_s: float
    ) -> None:
        self.tp = tp
        self.reader = reader
        self.offset = reader.offset
        self._limits = limits
        self._assignment = assignment
        self._until = time.monotonic() + backoff_s
        self._is_large = False
        self._unpacking: asyncio.Future[Rows] | None = None

    def calculate_backoff(self) -> float:
        """Seconds that are left of the back-off; none where a batch is large: other partitions do not wait for it."""
        return 0.0 if self._is_large else max(0.0, self._until - time.monotonic())

    def stand_aside(self) -> None:
        """Have no other partition wait: nobody wants this one's records now."""
        self._until = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether the partition is still read from where this begins."""
        if not self._assignment.active:
            return False
        state = self._assignment.state_value(self.tp)
        return not state.paused and bool(state.position == self.offset)

    @property
    def is_unpacking(self) -> bool:
        """Whether a large batch of it is in memory, or on its way to it."""
        return self._unpacking is not None

    def read(self) -> Rows | None:
        """Read the next bite; None where its batch is large and `unpack` is to be called, or has not done it yet.

        Raises:
            TooLarge: the batch is larger than any may be.
            BatchDamaged: it cannot be read.
        """
        if self._unpacking is not None:
            if not self._unpacking.done():
                return None
            unpacked, self._unpacking, self._is_large = self._unpacking, None, False
            return unpacked.result()
        if not self._is_large:
            try:
                return self.reader.read(BITE_BYTES)
            except TooLarge:
                self._is_large = True
        return None

    def unpack(self, on_done: Callable[["asyncio.Future[Rows]"], object]) -> None:
        """Begin to read a large batch in a thread."""
        self._unpacking = asyncio.ensure_future(asyncio.to_thread(self.reader.read, self._limits.unpacked_bytes))
        self._unpacking.add_done_callback(on_done)

    def move_to(self, offset: int) -> None:
        """Note that the bite that ends there was taken."""
        self.offset = offset
        self._assignment.state_value(self.tp).consumed_to(offset)


class BatchFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, with records as `streams.kafka.fetched.Rows`.

    Args:
        limits: of one batch.
        lineage: told what arrives and what is refused.
        client: and all else that aiokafka's takes.

    Where a log ends is asked as if all were committed: a position that was reached before may lie behind what may be
    read now, since a transaction is open, and must not be taken for one of another log.
    """

    def __init__(self, limits: BatchLimits, lineage: Lineage, client: Any, *args: Any, **kwargs: Any) -> None:
        self._limits = limits
        self._lineage = lineage
        self._tries: dict[TopicPartition, tuple[int, int]] = {}
        super().__init__(client, *args, **kwargs)
        self._records_level: int = self._isolation_level
        self._isolation_level: int = READ_UNCOMMITTED

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Have aiokafka's fetcher look at everything but the records, and keep those."""
        request._isolation_level = self._records_level
        packed = PackedFetch(request)
        try:
            needs_wakeup = bool(await super()._proc_fetch_request(assignment, node_id, packed))
        except asyncio.CancelledError:  # while it waits to ask a broker again that is away: `close` awaits this task
            return False
        if not assignment.active:
            return needs_wakeup
        self._lineage.refused(packed.refused())
        if packed.response is None or not packed.response.records:
            return needs_wakeup
        for topic, partitions in packed.topics:
            for partition, offset, _ in partitions:
                tp = TopicPartition(topic, partition)
                stretch = packed.response.records.get(tp)
                state = assignment.state_value(tp)
                if stretch is not None and state.has_valid_position and state.position == offset:
                    self._lineage.arrived(tp, stretch.data, stretch.start, stretch.stop)
                    reader = BatchReader(stretch, offset, self._limits)
                    self._records[tp] = Fetched(tp, reader, self._limits, assignment, self._prefetch_backoff)
                    needs_wakeup = True
        if needs_wakeup:  # not only when the fetching task gets to it, which asks for more first
            self._wake()
        return needs_wakeup

    def _wake(self) -> None:
        for waiter in self._fetch_waiters:
            self._notify(waiter)

    async def fetched_records(
        self,
        partitions: Collection[TopicPartition],
        timeout: float = 0,  # noqa: ASYNC109 - aiokafka's signature
        max_records: int | None = None,
    ) -> dict[TopicPartition, Rows]:
        """Wait for records of some partitions, of all where none is named, and take a bite of each.

        Rows without a record say how far to move on. `max_records` is the affair of whoever takes them.
        """
        del max_records
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout
        while True:
            if self._subscriptions.reassignment_in_progress:
                await self._subscriptions.wait_for_assignment()
            found = self._take(partitions)
            left_s = end_s - loop.time()
            if found or left_s <= 0 or self._closed:
                return found
            waiter = self._create_fetch_waiter()
            alarm = loop.call_later(left_s, self._notify, waiter)
            try:
                await waiter  # raises what the group refuses for good
            finally:
                alarm.cancel()

    def _take(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Rows]:
        taken: dict[TopicPartition, Rows] = {}
        unpacked_bytes = 0
        for tp in list(self._records):
            if unpacked_bytes >= BITE_BYTES:
                break  # the others come with the next call: those that are left stand before the ones taken now
            found = self._records[tp]
            if partitions and tp not in partitions:
                if not self._subscriptions.is_assigned(tp):
                    del self._records[tp]
                elif isinstance(found, Fetched) and found.calculate_backoff():
                    found.stand_aside()
                    self._notify(self._wait_consume_future)
            elif isinstance(found, FetchError):
                if taken:
                    break  # what is wrong is said with the next call
                self._drop(tp)
                found.check_raise()
            elif not found.is_wanted:
                self._drop(tp)
            elif (rows := self._bite(found)) is not None:
                taken[tp] = rows
                unpacked_bytes += found.reader.copied_bytes
                found.move_to(rows.end)
                if found.reader.is_done:
                    self._drop(tp)
                else:
                    self._records.move_to_end(tp)
        return taken

    def _drop(self, tp: TopicPartition) -> None:
        """Have the partition be fetched again."""
        del self._records[tp]
        self._notify(self._wait_consume_future)

    def _bite(self, found: Fetched) -> Rows | None:
        """Read a bite, or step over what cannot be read; None where there is nothing to take yet."""
        while True:
            try:
                rows = found.read()
            except TooLarge:
                rows = found.reader.step_over(Code.BATCH_TOO_LARGE, self._limits.meaning)
            except BatchDamaged as error:
                if not self._is_damaged_for_good(found):
                    self._drop(found.tp)
                    return None
                rows = found.reader.step_over(Code.BATCH_DAMAGED, f"The batch is damaged: {error}.")
            if rows is None:
                self._unpack(found)
                return None
            if rows.end > rows.begin or found.reader.is_done:
                return rows

    def _is_damaged_for_good(self, found: Fetched) -> bool:
        offset, tries = self._tries.pop(found.tp, (found.offset, 0))
        tries = tries + 1 if offset == found.offset else 1
        if tries < DAMAGED_TRIES:
            self._tries[found.tp] = found.offset, tries
        return tries >= DAMAGED_TRIES

    def _unpack(self, found: Fetched) -> None:
        """Have a large batch be unpacked in a thread, unless one is: so memory holds one of them at a time."""
        if not any(isinstance(one, Fetched) and one.is_unpacking for one in self._records.values()):
            found.unpack(self._unpacked)

    def _unpacked(self, done: "asyncio.Future[Rows]") -> None:
        if not done.cancelled():
            done.exception()  # `Fetched.read` raises it, if anybody still wants to know
        self._wake()


async def fetch_batches(consumer: Any, limits: BatchLimits, lineage: Lineage | None = None) -> None:
    """Give a started `aiokafka.AIOKafkaConsumer`, which has not subscribed to anything yet, a `BatchFetcher`.

    From then on its `getmany` returns `Rows` by partition. `lineage` hears of what arrives and what is refused.
    """
    old = consumer._fetcher
    await old.close()
    consumer._fetcher = BatchFetcher(
        limits,
        lineage or Lineage(),
        consumer._client,
        consumer._subscription,
        fetch_min_bytes=consumer._fetch_min_bytes,
        fetch_max_bytes=consumer._fetch_max_bytes,
        fetch_max_wait_ms=consumer._fetch_max_wait_ms,
        max_partition_fetch_bytes=consumer._max_partition_fetch_bytes,
        fetcher_timeout=consumer._consumer_timeout,
        retry_backoff_ms=consumer._retry_backoff_ms,
        auto_offset_reset=consumer._auto_offset_reset,
        isolation_level=consumer._isolation_level,
        client_rack=consumer._client_rack,
    )
