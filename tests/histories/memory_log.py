"""A topic in memory, and a reader of it that recovery takes for `streams.kafka.log_reader.LogReader`."""

from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Self

from streams.kafka.fetched import Rows, rows_of
from tests.histories.calls import Record

FETCHED = 5
"""Most records that come at once."""


class MemoryLog:
    """The records of each partition.

    Args:
        partitions: how many there are.
        records: what stands in them from the beginning on, in order of arrival.
    """

    def __init__(self, partitions: int, records: Iterable[Record] = ()) -> None:
        self.partitions = partitions
        self.records: list[list[Record]] = [[] for _ in range(partitions)]
        for record in records:
            self.records[record.partition].append(record)

    def end(self, partition: int) -> int:
        """Offset of the record that comes next."""
        return len(self.records[partition])

    def rows(self, partition: int, start: int, stop: int) -> Rows:
        """Records as they are fetched."""
        found = self.records[partition][start:stop]
        return rows_of(((r.offset, r.at_ms, r.key, r.value) for r in found), start, start + len(found))


class MemoryReader:
    """Reads it, a few records at a time."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def __aenter__(self) -> Self:
        """There is nothing to connect to."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    async def offset_at(self, partition: int, time_ms: int) -> int | None:
        found = (record.offset for record in self._log.records[partition] if record.at_ms >= time_ms)
        return next(found, None)

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Rows]:
        stop = min(stop, self._log.end(partition))
        for first in range(start, stop, FETCHED):
            yield self._log.rows(partition, first, min(first + FETCHED, stop))
