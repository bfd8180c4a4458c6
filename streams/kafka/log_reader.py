"""Reading a stretch of one topic outside of the consumer group: for catching up with what was counted elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from streams.kafka.client import make_consumer
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.kafka.fetched import Rows, Unreadable
from streams.settings import Settings

READ_TIMEOUT_MS = 500
FETCH_WAIT_MS = 20
"""That a broker holds a fetch at most: questions about offsets wait behind it on the same connection."""
MAX_FETCH_BYTES = 8 * 1024 * 1024
STALL_S = 5.0
T = TypeVar("T")


class LogReader:
    """A consumer without a group, on one topic; commits nothing. Use it as an async context manager.

    Args:
        settings: how the brokers are spoken to.
        topic: what is read.
        on_unreadable: told of every batch that was stepped over.

    Used on the event loop, by one task at a time.

    Raises:
        aiokafka.errors.KafkaError: from every method. A broker that is away for a moment only makes it slower; a
            partition that gives nothing for `STALL_S` must not keep the others waiting.
    """

    def __init__(self, settings: Settings, topic: str, on_unreadable: Callable[[Any, Unreadable], object]) -> None:
        self._topic = topic
        self._on_unreadable = on_unreadable
        self._settings = settings
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        """Connect."""
        self._consumer = make_consumer(
            self._settings,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=MAX_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        try:
            await self._consumer.start()
            await fetch_batches(self._consumer, Reading.of(self._settings).limits)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def beginning(self, partition: int) -> int:
        """Offset of the oldest record that is kept."""
        tp = TopicPartition(self._topic, partition)
        found = await _soon(self._consumer.beginning_offsets([tp]))
        return int(found[tp])

    async def partitions(self) -> int:
        """Number of partitions of the topic, 0 where it is not there."""
        cluster = await _soon(self._consumer._client.fetch_all_metadata())  # noqa: SLF001 - the public way keeps it
        return len(cluster.partitions_for_topic(self._topic) or ())

    async def end(self, partition: int) -> int:
        """Offset behind the latest record, of an open transaction too."""
        tp = TopicPartition(self._topic, partition)
        found = await _soon(self._consumer.end_offsets([tp]))
        return int(found[tp])

    async def offset_at(self, partition: int, time_ms: int) -> int | None:
        """Offset of the first record at or after an instant, epoch milliseconds; None where there is none."""
        tp = TopicPartition(self._topic, partition)
        found = await _soon(self._consumer.offsets_for_times({tp: time_ms}))
        return None if found.get(tp) is None else int(found[tp].offset)

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Rows]:
        """Yield the records from offset `start` on, up to and without `stop`, in order, as they were fetched.

        Where the topic no longer has `start` it begins with the oldest record; it ends early where the topic does, or
        where a transaction is open.
        """
        async for _, rows in self.read_all({partition: (start, stop)}):
            yield rows

    async def read_all(self, spans: Mapping[int, tuple[int, int]]) -> AsyncIterator[tuple[int, Rows]]:
        """The same of several partitions at once: each with its `start` and `stop`; yields the partition too.

        Much faster than one after the other, where each has little.
        """
        asked = {TopicPartition(self._topic, partition): span for partition, span in spans.items()}
        ends = await _soon(self._consumer.end_offsets(list(asked)))
        begins = await _soon(self._consumer.beginning_offsets(list(asked)))
        stops = {tp: min(stop, int(ends[tp])) for tp, (_, stop) in asked.items()}
        starts = {tp: max(start, int(begins[tp])) for tp, (start, _) in asked.items()}
        left = [tp for tp, stop in stops.items() if starts[tp] < stop]
        if not left:
            return  # a client that was assigned nothing may never stop
        self._consumer.assign(left)
        for tp in left:
            self._consumer.seek(tp, starts[tp])
        moved_s, before = time.monotonic(), dict[TopicPartition, int]()
        while True:
            now = {tp: int(await _soon(self._consumer.position(tp))) for tp in left}
            left = [tp for tp, position in now.items() if position < min(stops[tp], self._readable(tp, stops[tp]))]
            if not left:
                return
            self._consumer.pause(*(now.keys() - set(left)))
            if now != before:
                moved_s, before = time.monotonic(), now
            elif time.monotonic() - moved_s > STALL_S:
                raise KafkaTimeoutError(f"nothing of {self._topic}/{left[0].partition} came for {STALL_S:g} s")
            for tp, rows in (await self._consumer.getmany(*left, timeout_ms=READ_TIMEOUT_MS)).items():
                if rows.unreadable is not None:
                    self._on_unreadable(tp, rows.unreadable)
                if wanted := rows.before(stops[tp]):
                    yield tp.partition, wanted

    def _readable(self, tp: TopicPartition, stop: int) -> int:
        """Where an open transaction holds reading back, as far as is known; what it hides is not waited for."""
        found = self._consumer.last_stable_offset(tp)
        return stop if found is None or found < 0 else int(found)


async def _soon(answer: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(answer, STALL_S)
    except TimeoutError:
        raise KafkaTimeoutError(f"no answer within {STALL_S:g} s") from None
