"""When a watch learns, from what, and what it remembers: by a clock that is a number."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.archive.export import Span
from streams.commands.adapt.nights import ATTEMPTS, DRAFTS, FILE, Night, Notes, Schedule, at_ms, iso
from streams.errors import SettingsInvalid

HOUR_MS = 3_600_000
AT_TWO = Schedule(at_ms=2 * HOUR_MS, span_ms=24 * HOUR_MS)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def span(begin: str, end: str) -> Span:
    return Span(ms(begin), ms(end))


@pytest.mark.parametrize(
    ("now", "is_due", "following"),
    [
        ("2026-11-27T00:00:00", False, "2026-11-27T02:00:00"),
        ("2026-11-27T01:59:59", False, "2026-11-27T02:00:00"),
        ("2026-11-27T02:00:00", True, "2026-11-28T02:00:00"),
        ("2026-11-27T23:59:59", True, "2026-11-28T02:00:00"),
    ],
)
def test_a_night_begins_some_hours_after_a_day_has_ended(now: str, is_due: bool, following: str) -> None:
    """Whenever the clock is looked at, the span is that of the last whole day."""
    assert AT_TWO.last(ms(now)) == span("2026-11-26", "2026-11-27")
    assert AT_TWO.is_due(ms(now)) is is_due
    assert AT_TWO.next_ms(ms(now)) == ms(following)


def test_a_longer_span_ends_with_the_same_day() -> None:
    three_days = Schedule(at_ms=0, span_ms=72 * HOUR_MS)
    assert three_days.last(ms("2026-11-27T05:00:00")) == span("2026-11-24", "2026-11-27")
    assert three_days.is_due(ms("2026-11-27"))


def test_a_time_of_the_day_is_read_and_an_instant_written() -> None:
    assert at_ms(datetime(1900, 1, 1, 2, 30, tzinfo=UTC)) == 9_000_000
    assert iso(ms("2026-11-27T02:05:00")) == "2026-11-27T02:05"


def test_a_span_is_given_up_after_some_attempts_and_the_next_one_begins_anew() -> None:
    """The next one knows which model waits, and not what failed."""
    night = Night(
        begin_ms=0, end_ms=1, stage="judged", waiting="gbt-0123456789ab", unseen_from_ms=7, has_been_judged=True
    )
    for attempt in range(1, ATTEMPTS):
        night = night.failed("no memory")
        assert (night.stage, night.attempts, night.is_over) == ("judged", attempt, False)
    night = night.failed("no memory")
    assert (night.stage, night.said, night.is_over) == ("given up", "no memory", True)

    after = night.after(Span(1, 2))

    waits = {"waiting": "gbt-0123456789ab", "unseen_from_ms": 7, "has_been_judged": True}
    assert after == Night(begin_ms=1, end_ms=2, **waits)  # type: ignore[arg-type]


def test_notes_are_what_was_written_last(tmp_path: Path) -> None:
    """A draft that a killed writer left behind is nothing."""
    notes = Notes(tmp_path / "own")
    assert notes.read() is None
    night = Night(begin_ms=1, end_ms=2, stage="learnt", said="kept the base model", version="gbt-0123456789ab")

    notes.write(night)
    (tmp_path / "own" / f"{FILE}{DRAFTS.suffix}").write_text("{")

    assert Notes(tmp_path / "own").read() == night


@pytest.mark.parametrize("content", ["", "{", "[]", '{"begin_ms": 1, "end_ms": 2, "stage": "asleep"}'])
def test_what_is_no_note_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(SettingsInvalid, match=r"watch\.json is no note of a watch"):
        Notes(tmp_path).read()
