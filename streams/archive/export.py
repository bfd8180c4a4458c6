"""The archive back to files that `robocall replay` and `robocall train` take: events in order of arrival, and labels.

Bounded memory: one batch of rows for each Kafka partition, merged.
"""

import csv
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from detector.features.window_constants import DAY_MS, HOUR_MS
from streams.archive.files import ArchiveStore, Part, chosen, day_of
from streams.archive.output import fetched
from streams.archive.query import ask
from streams.archive.schema import OFFSET, PLACE, TIMESTAMP
from streams.kafka.topics import CALL_EVENTS

ROWS_AT_A_TIME = 4_096
_PLACE_COLUMNS = frozenset(column.name for column in PLACE)
_ENCODER = msgspec.json.Encoder()

_LABELS = """
WITH calls AS (
  SELECT call_id, calling_number, setup_time_ms FROM call_events
  WHERE type = 'call_setup' AND day BETWEEN DATE '{first_day}' AND DATE '{last_day}'
), verdicts AS (
  SELECT call_id, verdict, campaign, time_ms, 1 AS names_call FROM call_feedback
  WHERE call_id IN (SELECT call_id FROM calls) AND time_ms < {before_ms}
  UNION ALL
  SELECT calls.call_id, said.verdict, said.campaign, said.time_ms, 0
  FROM calls JOIN call_feedback said
    ON said.call_id IS NULL AND said.calling_number = calls.calling_number
    AND calls.setup_time_ms BETWEEN said.time_ms - {reach_ms} AND said.time_ms
    AND said.time_ms < {before_ms}
)
SELECT call_id, verdict, campaign FROM verdicts
QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY names_call DESC, time_ms DESC, verdict, campaign) = 1
ORDER BY call_id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Arrival times, epoch milliseconds: from `begin_ms` up to but not including `end_ms`."""

    begin_ms: int
    end_ms: int

    @property
    def first_day(self) -> str:
        """UTC day of the beginning."""
        return day_of(self.begin_ms)

    @property
    def last_day(self) -> str:
        """UTC day of the last instant."""
        return day_of(max(self.begin_ms, self.end_ms - 1))


def parts_of(store: ArchiveStore, span: Span) -> list[Part]:
    """Files with call events of the days of the span. It blocks for listing them.

    Raises:
        StorageError: the archive cannot be listed.
    """
    parts = chosen(store.files(CALL_EVENTS)).parts
    return [part for part in parts if span.first_day <= part.file.day <= span.last_day]


def events(
    store: ArchiveStore, parts: list[Part], span: Span, on_file: Callable[[Part], object] = lambda _: None
) -> Iterator[bytes]:
    """Call events of the span as JSON, in order of arrival; those of one partition always in the order of Kafka.

    It blocks for reading while it is iterated; a file of each partition is open at a time.

    Args:
        store: the archive.
        parts: see `parts_of`.
        span: when they arrived.
        on_file: told about each file that was read to its end.

    Raises:
        ArchiveUnusable: a file went meanwhile, or is no Parquet file; raised while iterating, as the other one is.
        StorageError: the archive does not answer or refuses, or a page of a file is damaged.
    """
    by_partition: dict[int, list[Part]] = {}
    for part in parts:
        by_partition.setdefault(part.file.partition, []).append(part)
    streams = [_partition(store, of_one, on_file) for of_one in by_partition.values()]
    for arrival_ms, _, _, event in heapq.merge(*streams):
        if span.begin_ms <= arrival_ms < span.end_ms:
            yield event


def _partition(
    store: ArchiveStore, parts: list[Part], on_file: Callable[[Part], object]
) -> Iterator[tuple[int, int, int, bytes]]:
    """Arrival, partition, offset and JSON of each event of one partition.

    The time that Kafka has may be a producer's and fall; an event arrives not before the one ahead of it, and on the
    day of its file.
    """
    arrival_ms = 0
    for part in sorted(parts, key=lambda one: one.begin):
        begin_ms = _day_ms(part.file.day)
        for row in _rows(store, part):
            arrival_ms = min(max(arrival_ms, row[TIMESTAMP], begin_ms), begin_ms + DAY_MS - 1)
            event = {name: value for name, value in row.items() if value is not None and name not in _PLACE_COLUMNS}
            yield arrival_ms, part.file.partition, row[OFFSET], _ENCODER.encode(event)
        on_file(part)


def _rows(store: ArchiveStore, part: Part) -> Iterator[dict[str, Any]]:
    with store.open(part.file) as parquet:
        for batch in parquet.iter_batches(ROWS_AT_A_TIME):
            used = [name for name in batch.schema.names if batch.column(name).null_count < batch.num_rows]
            yield from (row for row in batch.select(used).to_pylist() if row[OFFSET] >= part.begin)


def _day_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1_000)


def write_labels(connection: Any, span: Span, reach_hours: int, before_ms: int, out: TextIO) -> int:
    """Write what `call-feedback` says about calls as a label file: `call_id`, `label`, `campaign`.

    The latest verdict counts, one that names the call before one that names a number. It blocks for one query over the
    days of the span and all feedback.

    Args:
        connection: Of `streams.archive.query.connected`.
        span: Calls are those that arrived on its days.
        reach_hours: A verdict on a number is about its calls in so many hours before it.
        before_ms: Verdicts of then or later by their `time_ms`, epoch milliseconds, are as if they were not there.
        out: Where the CSV goes.

    Returns:
        Number of labelled calls.

    Raises:
        QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
        OSError: `out` cannot be written.
    """
    days = {"first_day": span.first_day, "last_day": span.last_day}
    cursor = ask(connection, _LABELS.format(reach_ms=reach_hours * HOUR_MS, before_ms=before_ms, **days))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("call_id", "label", "campaign"))
    count = 0
    for row in fetched(cursor):
        writer.writerow(row)
        count += 1
    return count
