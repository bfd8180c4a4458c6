"""The archive back to files that `robocall replay` and `robocall train` take: events in order of arrival, and labels.

Bounded memory: one batch of rows for each Kafka partition, merged.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from detector.contract.decisions import Step
from detector.contract.events import Feedback, FeedbackSource, Verdict
from detector.features.window_constants import DAY_MS, HOUR_MS, MINUTE_MS
from detector.policy.reasons import IMPOSSIBLE_NUMBER
from models.data import label_files
from models.data.joining import Joining
from models.data.verdicts import DO_NOT_ORIGINATE, INVALID_NUMBER
from streams.archive.files import ArchiveStore, Part, chosen, day_of
from streams.archive.output import fetched
from streams.archive.query import ask
from streams.archive.schema import OFFSET, PLACE, TIMESTAMP
from streams.kafka.topics import CALL_EVENTS

ROWS_AT_A_TIME = 4_096
CALLS_BETWEEN_UPDATES = 20_000
_PLACE_COLUMNS = frozenset(column.name for column in PLACE)
_ENCODER = msgspec.json.Encoder()

_SAID = """
SELECT time_ms, verdict, source, call_id, calling_number, called_number, call_time_ms, campaign, kind
FROM call_feedback WHERE time_ms < {before_ms}
"""
_CALLS = """
SELECT call_id, calling_number, called_number, setup_time_ms FROM call_events
WHERE type = 'call_setup' AND day BETWEEN DATE '{first_day}' AND DATE '{last_day}'
"""
_HITS = """
SELECT call_id, reasons[1].text = '{impossible}' FROM call_decisions
WHERE decided_by = '{step}' AND day BETWEEN DATE '{first_day}' AND DATE '{last_day}'
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


@dataclass(frozen=True, slots=True)
class LabelRules:
    """How verdicts become labels.

    Attributes:
        reach_hours: A verdict on a number is about its calls in so many hours before it.
        tolerance_minutes: A verdict that tells the called number and the instant of the call is about the nearest call
            to that number, so many minutes away at most.
        before_ms: Verdicts of then or later by their `time_ms`, epoch milliseconds, are as if they were not there.
        traps: Called numbers that nobody should call, in the form in which the archive keeps numbers.
        has_rule_hits: Calls whose calling number is on the do-not-originate list or impossible count as robocalls too,
            at their low weight.
    """

    reach_hours: int
    tolerance_minutes: float
    before_ms: int
    traps: frozenset[str] = frozenset()
    has_rule_hits: bool = False


def write_labels(
    connection: Any, span: Span, rules: LabelRules, out: TextIO, on_calls: Callable[[int], object] = lambda _: None
) -> tuple[int, Joining]:
    """Write what `call-feedback`, traps and rules say about calls as a label file (`models.data.label_files`).

    It blocks for a query over all feedback and one over the days of the span. Feedback is in memory, and what is said
    of calls; a million calls take some ten seconds.

    Args:
        connection: Of `streams.archive.query.connected`.
        span: Calls are those that arrived on its days.
        rules: How verdicts become labels.
        out: Where the CSV goes.
        on_calls: Told how many calls were looked at, now and then.

    Returns:
        Number of labelled calls, and the joining, which knows how many verdicts were about no call.

    Raises:
        QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
        OSError: `out` cannot be written.
    """
    days = {"first_day": span.first_day, "last_day": span.last_day}
    said = list(feedback_before(connection, rules.before_ms))
    joining = Joining(
        said,
        reach_ms=rules.reach_hours * HOUR_MS,
        tolerance_ms=round(rules.tolerance_minutes * MINUTE_MS),
        traps=rules.traps,
        hits=_hits(connection, days) if rules.has_rule_hits else None,
    )
    for count, call in enumerate(fetched(ask(connection, _CALLS.format(**days))), 1):
        joining.take(*call)
        if not count % CALLS_BETWEEN_UPDATES:
            on_calls(count)
    return label_files.write_labels(joining.labels(), out), joining


def feedback_before(connection: Any, before_ms: int) -> Iterator[Feedback]:
    """Everything that had been said before an instant; it blocks for a query over all feedback.

    Args:
        connection: Of `streams.archive.query.connected`; ask nothing else of it meanwhile.
        before_ms: What was said then or later, by its `time_ms`, is left out; epoch milliseconds.

    Raises:
        QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
    """
    return map(_feedback, fetched(ask(connection, _SAID.format(before_ms=before_ms))))


def _feedback(row: Sequence[Any]) -> Feedback:
    time_ms, verdict, source, call_id, calling, called, call_time_ms, campaign, kind = row
    return Feedback(
        time_ms=time_ms,
        verdict=Verdict(verdict),
        source=FeedbackSource(source),
        call_id=call_id,
        calling_number=calling,
        called_number=called,
        call_time_ms=call_time_ms,
        campaign=campaign,
        kind=kind,
    )


def _hits(connection: Any, days: dict[str, str]) -> dict[str, str]:
    """Calls that the rules of the policy say something of: source by call id."""
    sql = _HITS.format(step=Step.DNO, impossible=IMPOSSIBLE_NUMBER.text, **days)
    rows = fetched(ask(connection, sql))
    return {call: INVALID_NUMBER if is_impossible else DO_NOT_ORIGINATE for call, is_impossible in rows}
