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

_BAD = ", ".join(str(status) for status, kind in RELEASE_CLASS.items() if kind == BAD_NUMBER)
_TALK = "end_time_ms - answer_time_ms"
_ANSWERED = "answer_time_ms IS NOT NULL"
_COUNTS = (
    ("call_id", "setup", "true"),
    ("called_number", "setup", "true"),
    ("call_id", "end", "true"),
    ("call_id", "end", _ANSWERED),
    ("call_id", "end", f"{_ANSWERED} AND {_TALK} <= {SHORT_TALK_MS}"),
    ("call_id", "end", f"{_ANSWERED} AND {_TALK} > {LONG_TALK_MS}"),
    ("call_id", "end", f"answer_time_ms IS NULL AND sip_status IN ({_BAD})"),
)
"""What is counted distinct, at a set-up or an end, and where. An end of a call that we blocked counts nowhere."""


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
    columns = [column for length in WINDOW_MS for column in _columns(at_ms - length, at_ms)]
    ((*found,),) = rows(f"SELECT {', '.join(columns)} FROM call_events WHERE {condition} AND {days}")  # noqa: S608
    width = len(found) // len(WINDOW_MS)
    windows = [_values(found[place : place + width]) for place in range(0, len(found), width)]
    values = {name: [window[name] for window in windows] for name in MEASURES}
    if not values["attempts"][-1]:
        return {}
    return {name: mine for name, mine in values.items() if any(value is not None for value in mine)}


def _columns(after_ms: int, at_ms: int) -> list[str]:
    """SQL of what is counted in one window, then of the mean talk."""
    among = {
        "setup": f"type = 'call_setup' AND setup_time_ms > {after_ms} AND setup_time_ms <= {at_ms}",
        "end": f"type = 'call_end' AND end_time_ms > {after_ms} AND end_time_ms <= {at_ms} "
        "AND treatment IS DISTINCT FROM 'block'",
    }
    counts = [f"count(DISTINCT {what}) FILTER (WHERE {among[kind]} AND {where})" for what, kind, where in _COUNTS]
    return [*counts, f"avg({_TALK}) FILTER (WHERE {among['end']} AND {_ANSWERED})"]


def _values(window: Sequence[Any]) -> dict[str, float | None]:
    attempts, called, ended, answered, short, long, bad, talk_ms = window

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole >= FEWEST else None

    return {
        "attempts": attempts,
        "distinct_called": called,
        "asr": share(answered, ended),
        "sdr": share(short, answered),
        "long_share": share(long, answered),
        "mean_talk": max(0, talk_ms) / 1_000 if answered >= FEWEST else None,
        "bad_number_share": share(bad, ended),
    }
