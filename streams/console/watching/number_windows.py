"""Windows of a calling number at an instant, counted out of the archive as workers count them.

Workers keep millions of numbers and tell of none; features are kept of a sample of calls alone. The archive has every
event of a number, so its windows can be counted for whoever looks, up to what has reached the archive.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from detector.columns.call_columns import BAD_NUMBER, RELEASE_CLASS
from detector.features.window_constants import LONG_TALK_MS, SHORT_TALK_MS, WINDOW_MS

MEASURES = {
    "attempts": "calls",
    "distinct_called": "different numbers called",
    "asr": "answer-seizure ratio",
    "sdr": "short-duration ratio",
    "long_share": "long share",
    "mean_talk": "mean talk, s",
    "bad_number_share": "to unassigned numbers",
}
"""What windows are shown by, named as the features of a calling number, and what people call it."""
FEWEST = 5
"""Calls that a share is of, at least, as in the feature table."""
Rows = Callable[[str], Sequence[Sequence[Any]]]

MOST_EVENTS = 20_000
"""Of a number with more in a day the latest count, and windows that reach further back have no value."""
_COLUMNS = "type, call_id, called_number, setup_time_ms, end_time_ms, answer_time_ms, sip_status, treatment"
_AT_MS = "CASE WHEN type = 'call_end' THEN end_time_ms ELSE setup_time_ms END"


def windows_at(rows: Rows, condition: str, at_ms: int) -> dict[str, list[float | None]]:
    """Count the windows `(at - length, at]`.

    Args:
        rows: Asks the archive.
        condition: SQL that tells whether an event is of the number.
        at_ms: The instant, epoch milliseconds.

    Returns:
        By measure a value for each of `WINDOW_MS`, None of too few calls; measures without a value are left out, and
        so are all where the archive has no set-up of the number in a day before the instant.
    """
    at = datetime.fromtimestamp(at_ms / 1_000, UTC).date()
    days = f"day BETWEEN DATE '{at - timedelta(1)}' AND DATE '{at + timedelta(1)}'"
    span = f"{_AT_MS} > {at_ms - WINDOW_MS[-1]} AND {_AT_MS} <= {at_ms}"
    found = rows(
        f"SELECT {_AT_MS} AS at_ms, {_COLUMNS} FROM call_events WHERE {condition} AND {days} AND {span} "  # noqa: S608
        f"ORDER BY at_ms DESC LIMIT {MOST_EVENTS}"
    )
    since_ms = found[-1][0] if len(found) == MOST_EVENTS else 0
    windows = [
        _values([row for row in found if row[0] > at_ms - length]) if at_ms - length >= since_ms else {}
        for length in WINDOW_MS
    ]
    if not any(row[1] == "call_setup" for row in found):
        return {}
    values = {name: [window.get(name) for window in windows] for name in MEASURES}
    return {name: mine for name, mine in values.items() if any(value is not None for value in mine)}


def _values(events: Sequence[Sequence[Any]]) -> dict[str, float | None]:
    """What one window has. A record that is there twice counts once; the end of a call that we blocked nowhere."""
    called = {call_id: called for _, kind, call_id, called, *_ in events if kind == "call_setup"}
    ends = {row[2]: row for row in events if row[1] == "call_end" and row[8] != "block"}
    talks_ms = [max(0, row[5] - row[6]) for row in ends.values() if row[6] is not None]
    bad = sum(row[6] is None and RELEASE_CLASS.get(row[7]) == BAD_NUMBER for row in ends.values())

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole >= FEWEST else None

    return {
        "attempts": len(called),
        "distinct_called": len(set(called.values())),
        "asr": share(len(talks_ms), len(ends)),
        "sdr": share(sum(talk_ms <= SHORT_TALK_MS for talk_ms in talks_ms), len(talks_ms)),
        "long_share": share(sum(talk_ms > LONG_TALK_MS for talk_ms in talks_ms), len(talks_ms)),
        "mean_talk": sum(talks_ms) / len(talks_ms) / 1_000 if len(talks_ms) >= FEWEST else None,
        "bad_number_share": share(bad, len(ends)),
    }
