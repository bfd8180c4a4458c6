"""Find calls in the archive: the one that somebody asks about, and those that were blocked for a subscriber."""

import os
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from detector.features.window_constants import DAY_MS
from streams.archive.calls import is_any_of
from streams.archive.coverage import missing, require_some
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey, kept_forms
from streams.archive.output import fetched
from streams.archive.query import ask, connected
from streams.archive.settings import ARCHIVE_PREFIX, ArchiveSettings
from streams.cases.redress import Claim
from streams.redress.finding import TOLERANCE_MS, decided_text

LOOKED_BACK_DAYS = 28
_QUOTABLE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COLUMNS = (
    "decision_id, call_id, calling_number, called_number, trunk_group_id, setup_time_ms, would_be, action, decided_by, "
    "reasons[1].code"
)
_SELECT = """
SELECT {columns} FROM call_decisions WHERE {wanted} AND day BETWEEN DATE '{first}' AND DATE '{last}'
ORDER BY would_be IS NULL AND action = 'allow', abs(setup_time_ms - {at_ms}) LIMIT 1
"""
"""A call that something was done about before one that was allowed."""
_BLOCKED = """
WITH decided AS (SELECT call_id, min(setup_time_ms) AS at_ms, any_value(calling_number) AS calling FROM call_decisions
  WHERE {is_called} AND action = 'block' AND day >= DATE '{since}' GROUP BY call_id),
ends AS (SELECT call_id, any_value(treatment) AS treatment, min(coalesce(setup_time_ms, end_time_ms)) AS at_ms,
  any_value(calling_number) AS calling FROM call_events
  WHERE type = 'call_end' AND {is_called} AND day >= DATE '{since}' GROUP BY call_id)
SELECT coalesce(decided.at_ms, ends.at_ms) AS at_ms, coalesce(decided.calling, ends.calling)
FROM decided FULL JOIN ends USING (call_id)
WHERE coalesce(decided.at_ms, ends.at_ms) >= {since_ms}
AND coalesce(ends.treatment = 'block', decided.at_ms IS NOT NULL)
ORDER BY 1
"""
"""Where a switch says what became of a call, that counts: it may have routed it before the block came, or blocked it by
a standing decision without asking. Where it does not, the decision."""


def in_archive(asked: Claim, now_ms: int) -> Claim | None:
    """Find what `finding.in_redis` finds in the archive: of the last 28 days, or of the days around the instant.

    None where no archive is configured. It blocks for a query. An archive that keeps digests of numbers has other
    decision ids: there it takes numbers.

    Raises:
        StorageError: the archive cannot be listed.
        QueryRefused: DuckDB is missing or met a fault.
        SettingsInvalid: a setting of the archive is wrong.
    """
    if not os.environ.get(f"{ARCHIVE_PREFIX}URL"):
        return None
    chosen = ArchiveSettings.load()
    wanted = _wanted(asked, None if chosen.key is None else NumberKey(chosen.key))
    if wanted is None:
        return None
    at_ms, days = (now_ms, LOOKED_BACK_DAYS) if asked.call_time_ms is None else (asked.call_time_ms, 1)
    first, last = (_day(at_ms + by * DAY_MS) for by in (-days, 1))
    sql = _SELECT.format(columns=_COLUMNS, wanted=wanted, first=first, last=last, at_ms=at_ms)
    with ExitStack() as stack:
        rows = list(fetched(ask(stack.enter_context(connected(ArchiveStore(chosen.url))), sql)))
    return _row(asked if chosen.key is not None else Claim(), *rows[0]) if rows else None


class BlockedCalls(NamedTuple):
    """What the archive has of a subscriber's blocked calls.

    Attributes:
        calls: Instant and calling number of each, in order of time.
        lacks: What keeps the archive from having all of the 28 days; None where nothing does.
    """

    calls: list[tuple[int, str]]
    lacks: str | None


def blocked_calls(subscriber: str, now_ms: int) -> BlockedCalls:
    """Calls to a subscriber that were blocked in the last 28 days, from the archive: instant and calling number.

    47 CFR 64.1200(k)(10). It blocks for a query. Where the archive keeps digests, the numbers are those. Calls of the
    last day need not be archived yet.

    Args:
        subscriber: E.164.
        now_ms: Epoch milliseconds.

    Raises:
        ArchiveUnusable: nothing is archived.
        StorageError: the archive cannot be listed.
        QueryRefused: DuckDB is missing or met a fault.
        SettingsInvalid: a setting of the archive is wrong.
    """
    chosen = ArchiveSettings.load()
    store = ArchiveStore(chosen.url)
    require_some(store)
    key = None if chosen.key is None else NumberKey(chosen.key)
    since_ms = now_ms - LOOKED_BACK_DAYS * DAY_MS
    is_called = _is("called_number", subscriber, key)
    sql = _BLOCKED.format(is_called=is_called, since=_day(since_ms), since_ms=since_ms)
    with connected(store) as connection:
        calls = [(row[0], row[1]) for row in fetched(ask(connection, sql))]
        return BlockedCalls(calls, missing(connection, since_ms, now_ms - DAY_MS))


def _row(said: Claim, *row: Any) -> Claim:
    """What the archive has of a call, with the numbers that were said where it has digests of them."""
    decision_id, call_id, calling, called, trunk, setup_ms, would_be, action, decided_by, because = row
    return Claim(
        calling_number=said.calling_number or calling,
        called_number=said.called_number or called,
        call_time_ms=setup_ms,
        decision_id=decision_id,
        call_id=call_id,
        trunk_group_id=trunk,
        decided=decided_text(would_be, action, decided_by),
        because=because,
    )


def _wanted(asked: Claim, key: NumberKey | None) -> str | None:
    """Condition of the query; None where the archive cannot have what is asked."""
    if asked.decision_id is not None:
        return f"decision_id = '{_checked(asked.decision_id)}'" if key is None else None
    numbers = {"calling_number": asked.calling_number, "called_number": asked.called_number}
    parts = [_is(name, text, key) for name, text in numbers.items() if text]
    if asked.call_time_ms is not None:
        parts.append(f"abs(setup_time_ms - {asked.call_time_ms}) <= {TOLERANCE_MS}")
    return " AND ".join(parts) or None


def _is(column: str, number: str, key: NumberKey | None) -> str:
    """Condition that a column has a number, in any form in which switches write it."""
    return is_any_of(column, kept_forms(number, key))


def _checked(text: str) -> str:
    """Text of a query, of which nothing can end the quotes.

    Raises:
        ValueError: it is no id.
    """
    if not _QUOTABLE.fullmatch(text):
        raise ValueError("no id of a decision")
    return text


def _day(at_ms: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).date().isoformat()
