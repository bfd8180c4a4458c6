"""Reading a stretch of one topic outside of the consumer group: for catching up with what was counted elsewhere."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition

from streams.kafka.client import make_consumer
from streams.settings import Settings

MAX_RECORDS_PER_READ = 2_048
READ_TIMEOUT_MS = 500
MAX_FETCH_BYTES = 8 * 1024 * 1024


class LogReader:
    """A consumer without a group, on one topic; commits nothing. Use it as an async context manager.

    Args:
        settings: how the brokers are spoken to.
        topic: what is read.

    Used on the event loop, by one task at a time.

    Raises:
        aiokafka.errors.KafkaError: from every method. A broker that is away for a moment only makes it slower.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
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
        )
        try:
            await self._consumer.start()
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
        found = await self._consumer.beginning_offsets([tp])
        return int(found[tp])

    async def offset_at(self, partition: int, time_ms: int) -> int | None:
        """Offset of the first record at or after an instant, epoch milliseconds; None where there is none."""
        tp = TopicPartition(self._topic, partition)
        found = await self._consumer.offsets_for_times({tp: time_ms})
        return None if found.get(tp) is None else int(found[tp].offset)

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[list[Any]]:
        """Yield the records from offset `start` on, up to and without `stop`, in order, in lists of at most 2,048.

        Where the topic no longer has `start` it begins with the oldest record; it ends early where the topic does.
        """
        tp = TopicPartition(self._topic, partition)
        self._consumer.assign([tp])
        ends = await self._consumer.end_offsets([tp])
        stop = min(stop, int(ends[tp]))
        self._consumer.seek(tp, max(start, await self.beginning(partition)))
        while await self._consumer.position(tp) < stop:
            found = await self._consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS, max_records=MAX_RECORDS_PER_READ)
            rows = [row for row in found.get(tp, ()) if row.offset < stop]
            if rows:
                yield rows
