"""A fetcher for aiokafka's consumer that makes no object for each record, and none for each field of a request.

aiokafka encodes a fetch of twelve partitions field by field (0.3 ms), decodes the answer the same way, and then makes
two objects for each record. All of that stood between a call's arrival and its decision. Here requests and answers of
the version that brokers have spoken since 2.3 are packed and unpacked with `struct`, and records stay columns
(`streams.kafka.record_batches`). Positions, errors, resets, leaders and back-off remain aiokafka's.
"""

# ruff: noqa: SLF001 - aiokafka has no public way to its fetcher; `tests/contracts` pins what is used here

import asyncio
import struct
import time
from collections.abc import Collection, Iterable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, Fetcher, FetchError, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.kafka.fetched import Rows, rows_of
from streams.kafka.record_batches import BAD_CHECKSUM, FOREIGN, MALFORMED, read_batches

VERSION = 11
_HEAD = struct.Struct(">iiiibii")
_ASKED = struct.Struct(">iiqqi")
_ANSWER_HEAD_BYTES = 10
_ANSWERED = struct.Struct(">ihqqqi")
_RECORDS_HEAD = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")
_TEXT_LENGTH = struct.Struct(">h")
_BATCH_LENGTH = struct.Struct(">8xi")
_ABORTED_BYTES = 16


class Stretch(NamedTuple):
    """Where the batches of a partition stand in a response."""

    data: bytes
    start: int
    stop: int

    def has_a_batch(self) -> bool:
        """Whether the first batch is there as a whole."""
        size = self.stop - self.start
        return size >= _BATCH_LENGTH.size and 0 < _BATCH_LENGTH.unpack_from(self.data, self.start)[0] <= size - 12


class PackedFetchResponse(NamedTuple):
    """A fetch response.

    Attributes:
        topics: what aiokafka's fetcher wants to see of it, records left out.
        records: those.
    """

    topics: list[tuple[str, list[tuple[Any, ...]]]]
    records: dict[TopicPartition, Stretch]
    API_VERSION: int = VERSION


def read_response(data: bytes, at: int) -> PackedFetchResponse:
    """Read a response of version 11 whose header ends at `at`."""
    (topic_count,) = _LENGTH.unpack_from(data, at + _ANSWER_HEAD_BYTES)
    at += _ANSWER_HEAD_BYTES + _LENGTH.size
    response = PackedFetchResponse([], {})
    for _ in range(topic_count):
        (size,) = _TEXT_LENGTH.unpack_from(data, at)
        at += _TEXT_LENGTH.size
        topic = data[at : at + size].decode()
        (partition_count,) = _LENGTH.unpack_from(data, at + size)
        at += size + _LENGTH.size
        partitions: list[tuple[Any, ...]] = []
        for _ in range(partition_count):
            partition, error, end, stable, begin, aborted = _ANSWERED.unpack_from(data, at)
            at += _ANSWERED.size + _ABORTED_BYTES * max(0, aborted)
            replica, size = _RECORDS_HEAD.unpack_from(data, at)
            at += _RECORDS_HEAD.size
            stretch = Stretch(data, at, at + max(0, size))
            at = stretch.stop
            left = b""
            if stretch.has_a_batch():
                response.records[TopicPartition(topic, partition)] = stretch
            else:  # nothing, or a part of a batch that is too large, of which aiokafka says what is to be said
                left = data[stretch.start : at]
            partitions.append((partition, error, end, stable, begin, None, replica, left))
        response.topics.append((topic, partitions))
    return response


class PackedFetchRequest(FetchRequest_v11):  # type: ignore[misc]  # aiokafka has no types
    """A fetch request of version 11, packed; the response goes to `asker`."""

    def __init__(self, request: FetchRequest, asker: "PackedFetch") -> None:
        self._request = request
        self._asker = asker

    @property
    def RESPONSE_TYPE(self) -> "PackedFetchRequest":  # noqa: N802 - aiokafka's name for whatever decodes the response
        """Ourselves: a class could not know who asked."""
        return self

    def __repr__(self) -> str:
        """For aiokafka's log."""
        return f"PackedFetchRequest({len(self._asker.topics)} topics)"

    def encode(self) -> bytes:
        """Same bytes as aiokafka's."""
        asked = self._request
        parts = [
            _HEAD.pack(-1, asked._max_wait_ms, asked._min_bytes, asked._max_bytes, asked._isolation_level, 0, -1),
            _LENGTH.pack(len(asked.topics)),
        ]
        for topic, partitions in asked.topics:
            name = topic.encode()
            parts += (_TEXT_LENGTH.pack(len(name)), name, _LENGTH.pack(len(partitions)))
            parts += [_ASKED.pack(number, -1, offset, -1, limit) for number, offset, limit in partitions]
        rack = asked._rack_id.encode()
        parts += (_LENGTH.pack(0), _TEXT_LENGTH.pack(len(rack)), rack)
        return b"".join(parts)

    def decode(self, frame: BytesIO) -> PackedFetchResponse:
        """Read the response, after its header."""
        self._asker.response = response = read_response(frame.getvalue(), frame.tell())
        return response


class PackedFetch:
    """Stands in for aiokafka's builder of a fetch request.

    Attributes:
        topics: what is asked for, as aiokafka keeps it.
        response: what came back, None before, and where aiokafka read it.
    """

    API_KEY = FetchRequest.API_KEY

    def __init__(self, request: FetchRequest) -> None:
        self._request = request
        self.topics = request.topics
        self.response: PackedFetchResponse | None = None

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """Choose the form for a broker: ours, or aiokafka's for one that does not speak it."""
        lowest, highest = versions.get(self.API_KEY, (0, 0))
        if lowest <= VERSION <= highest:
            return PackedFetchRequest(self._request, self)
        return self._request.prepare(versions)


class Fetched:
    """What a fetch brought of one partition and nobody has taken yet.

    Args:
        stretch: its batches.
        first: offset that was asked for.
        assignment: of aiokafka's consumer, when it was asked for.
        backoff_s: for so long aiokafka lets the node's other partitions wait for us.
    """

    def __init__(self, stretch: Stretch, first: int, assignment: Any, backoff_s: float) -> None:
        self._stretch = stretch
        self._first = first
        self._assignment = assignment
        self._until = time.monotonic() + backoff_s

    def calculate_backoff(self) -> float:
        """Seconds that are left of the back-off."""
        return max(0.0, self._until - time.monotonic())

    def take(self, tp: TopicPartition) -> Rows | None:
        """Read the records and move the partition's position; None when it is no longer read from where this begins.

        Raises:
            aiokafka.errors.CorruptRecordException: the batches are damaged.
        """
        if not self._assignment.active:
            return None
        state = self._assignment.state_value(tp)
        if state.paused or state.position != self._first:
            return None
        rows, following = read_rows(tp, self._stretch, self._first)
        state.consumed_to(following)
        return rows


class BatchFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, with records as `streams.kafka.fetched.Rows`. Reads uncommitted, as the worker does."""

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Have aiokafka's fetcher look at everything but the records, and keep those."""
        packed = PackedFetch(request)
        needs_wakeup = bool(await super()._proc_fetch_request(assignment, node_id, packed))
        if packed.response is None or not packed.response.records or not assignment.active:
            return needs_wakeup
        for topic, partitions in packed.topics:
            for partition, offset, _ in partitions:
                tp = TopicPartition(topic, partition)
                stretch = packed.response.records.get(tp)
                state = assignment.state_value(tp)
                if stretch is not None and state.has_valid_position and state.position == offset:
                    self._records[tp] = Fetched(stretch, offset, assignment, self._prefetch_backoff)
                    needs_wakeup = True
        if needs_wakeup:  # not only when the fetching task gets to it, which asks for more first
            for waiter in self._fetch_waiters:
                self._notify(waiter)
        return needs_wakeup

    async def fetched_records(
        self,
        partitions: Collection[TopicPartition],
        timeout: float = 0,  # noqa: ASYNC109 - aiokafka's signature
        max_records: int | None = None,
    ) -> dict[TopicPartition, Rows]:
        """Wait for records of some partitions, and take all that is there; `max_records` is the transport's affair."""
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
        for tp in list(self._records):
            if tp not in partitions:
                if not self._subscriptions.is_assigned(tp):
                    del self._records[tp]
                continue
            found = self._records[tp]
            if isinstance(found, FetchError) and taken:
                return taken  # what is wrong is said with the next call
            del self._records[tp]
            self._notify(self._wait_consume_future)
            if isinstance(found, FetchError):
                found.check_raise()
            try:
                rows = found.take(tp) if isinstance(found, Fetched) else _rows_of_objects(found.getall())
            except CorruptRecordException:
                if not taken:
                    raise
                self._records[tp] = found  # said with the next call: what was taken is not lost for it
                return taken
            if rows is not None and len(rows):
                taken[tp] = rows
        return taken


async def fetch_batches(consumer: Any) -> None:
    """Give a started `aiokafka.AIOKafkaConsumer`, which has not subscribed to anything yet, a `BatchFetcher`."""
    old = consumer._fetcher
    await old.close()
    consumer._fetcher = BatchFetcher(
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


def read_rows(tp: TopicPartition, stretch: Stretch, first: int) -> tuple[Rows, int]:
    """Read the whole batches of a partition; returns the records from `first` on, and the offset to go on with.

    Raises:
        aiokafka.errors.CorruptRecordException: a checksum is wrong, or what it covers is no batch.
    """
    data, start, stop = stretch
    outcome, table, following = read_batches(np.frombuffer(data, np.uint8), start, stop, first)
    if outcome == BAD_CHECKSUM:
        raise CorruptRecordException(f"Invalid CRC - {tp}")
    if outcome == MALFORMED:
        raise CorruptRecordException(f"Invalid record batch - {tp}")
    if outcome == FOREIGN:  # compressed, or as old as Kafka 0.10
        records = PartitionRecords(
            tp,
            MemoryRecords(data[start:stop]),
            None,
            first,
            None,
            None,
            True,
            READ_UNCOMMITTED,
        )
        return _rows_of_objects(list(records)), records.next_fetch_offset
    return Rows(data, table), following


def _rows_of_objects(records: Iterable[Any]) -> Rows:
    return rows_of((one.offset, one.timestamp, one.key, one.value) for one in records)
