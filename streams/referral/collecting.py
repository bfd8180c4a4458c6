"""What a package holds, out of the archive: the calls, their decisions, a timeline, and the best examples."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from detector.features.window_constants import HOUR_MS
from models.data.cells import inert
from streams.archive.calls import ArchivedCall, joined
from streams.archive.output import fetched, write_csv
from streams.archive.picking import best
from streams.archive.query import ask, view_of
from streams.archive.schema import PLACE, SCHEMAS
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.referral.package import PackageRefused, Versions

CALLS, DECISIONS, TIMELINE, EXAMPLES = "calls.jsonl", "decisions.jsonl", "timeline.csv", "examples.csv"
MOST_CALLS = 100_000
EXAMPLES_WANTED = 10
_EXAMPLE = (
    "call_id", "time_utc", "calling_number", "called_number", "talk_s", "trunk_group_id", "upstream_ocn",
    "attestation", "origid", "signer_spc",
)  # fmt: skip
_CHOSEN = "referred_calls"
_DAYS = """
SELECT min(day), max(day)
FROM (SELECT day, call_id FROM call_events UNION ALL SELECT day, call_id FROM call_decisions)
SEMI JOIN referred_calls USING (call_id)
"""
_OF_CALLS = """
SELECT {columns} FROM {view} SEMI JOIN referred_calls USING (call_id)
WHERE day BETWEEN DATE '{first}' AND DATE '{last}' ORDER BY kafka_partition, kafka_offset
"""
_EVENTS, _DECIDED = "referred_events", "referred_decisions"
_TIMELINE = """
WITH ends AS (
    SELECT call_id, bool_or(answer_time_ms IS NOT NULL) AS answered
    FROM {events} WHERE type = 'call_end' GROUP BY call_id
),
decided AS (
    SELECT call_id, any_value(action) AS action, any_value(would_be) AS would_be FROM {decisions} GROUP BY call_id
)
SELECT strftime(make_timestamp_ms(any_value(setup_time_ms) // {hour} * {hour}), '%Y-%m-%dT%H:00:00Z') AS hour,
    count(*) AS calls, count(DISTINCT calling_number) AS calling_numbers,
    count(DISTINCT called_number) AS called_numbers,
    count(*) FILTER (answered) AS answered, count(*) FILTER (action = 'label') AS labelled,
    count(*) FILTER (action = 'block') AS blocked, count(*) FILTER (would_be IN ('label', 'block')) AS only_tried,
    string_agg(DISTINCT trunk_group_id, ' ' ORDER BY trunk_group_id) AS trunk_groups
FROM {events} LEFT JOIN ends USING (call_id) LEFT JOIN decided USING (call_id)
WHERE type = 'call_setup' GROUP BY setup_time_ms // {hour} ORDER BY hour
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found of the calls.

    Attributes:
        files: Content by name.
        calls: How many of them have a set-up in the archive.
        first_ms: Set-up of the first of these.
        last_ms: Set-up of the last.
        versions: What decided.
        call_ids: Those that the archive has something of.
    """

    files: dict[str, bytes]
    calls: int
    first_ms: int
    last_ms: int
    versions: Versions
    call_ids: frozenset[str]


def collected(
    connection: Any, call_ids: Sequence[str], made_ms: int, detector: str, days: tuple[str, str] | None = None
) -> Collected:
    """Collect what the archive has of some calls. Whole rows are read of their days alone.

    Args:
        connection: Of `streams.archive.query.connected`. It blocks for reading, and holds all that it returns.
        call_ids: Of the campaign; at most `MOST_CALLS` different ones.
        made_ms: Now, epoch milliseconds: examples are no older than ten days.
        detector: Version of this program.
        days: First and last day of arrival, `YYYY-MM-DD`, where they are known; else the ids of every day are read.

    Raises:
        PackageRefused: there are too many, none is in the archive, or none was decided.
        QueryRefused: DuckDB met a fault.
    """
    chosen = sorted(set(call_ids))
    if len(chosen) > MOST_CALLS:
        raise PackageRefused(f"{len(chosen):,} calls: a package takes {MOST_CALLS:,}, refer a shorter span")
    connection.register(_CHOSEN, pa.table({"call_id": pa.array(chosen, pa.string())}))
    span: Sequence[object] = next(iter(fetched(ask(connection, _DAYS)))) if days is None else days
    calls = _rows(connection, CALL_EVENTS, span, _EVENTS)
    decisions = _rows(connection, CALL_DECISIONS, span, _DECIDED)
    setups = [row["setup_time_ms"] for row in calls if row["type"] == "call_setup"]
    if not setups or not decisions:
        raise PackageRefused("the archive has no decided call of these ids: see `robocall archive query`")
    timeline = _TIMELINE.format(events=_EVENTS, decisions=_DECIDED, hour=HOUR_MS)
    files = {
        CALLS: _lines(calls),
        DECISIONS: _lines(decisions),
        TIMELINE: _csv(connection, timeline),
        EXAMPLES: _examples(best(joined(calls), made_ms, EXAMPLES_WANTED)),
    }
    versions = Versions(
        detector=detector,
        models=_counted(decisions, "model_version"),
        policies=_counted(decisions, "policy_version"),
        feature_schemas=_counted(decisions, "feature_schema"),
    )
    have = frozenset(row["call_id"] for row in (*calls, *decisions))
    return Collected(files, len(setups), min(setups), max(setups), versions, have)


def _rows(connection: Any, topic: str, days: Sequence[object], name: str) -> list[dict[str, Any]]:
    """Rows of a topic about the chosen calls, without their places; also as a table of that name in the connection."""
    schema = pa.schema([field for field in SCHEMAS[topic] if field not in PLACE])
    first, last = days
    sql = _OF_CALLS.format(columns=", ".join(schema.names), view=view_of(topic), first=first, last=last)
    rows = [
        {column: value for column, value in zip(schema.names, row, strict=True) if value is not None}
        for row in ([] if first is None else fetched(ask(connection, sql)))
    ]
    connection.register(name, pa.Table.from_pylist(rows, schema=schema))
    return rows


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _csv(connection: Any, sql: str) -> bytes:
    out = io.BytesIO()
    write_csv(ask(connection, sql), out)
    return out.getvalue()


def _examples(calls: Sequence[ArchivedCall]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, _EXAMPLE, lineterminator="\n")
    writer.writeheader()
    for call in calls:
        talk_s = None if call.duration_s is None else round(call.duration_s)
        at = datetime.fromtimestamp(call.set_up.setup_time_ms / 1_000, UTC)
        row = {"time_utc": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "talk_s": talk_s}
        row |= {name: getattr(call.set_up, name) for name in _EXAMPLE if name not in row}
        writer.writerow({name: inert(value) for name, value in row.items()})
    return out.getvalue().encode()


def _counted(rows: Sequence[dict[str, Any]], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        if row.get(name):
            found[row[name]] = found.get(row[name], 0) + 1
    return dict(sorted(found.items()))
