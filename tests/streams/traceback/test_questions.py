"""Requests as others write them: numbers in every form, times of every zone, and one sentence on what is wrong."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.traceback.questions import QuestionRefused, Reading, instants_ms

NEW_YORK = ZoneInfo("America/New_York")
READING = Reading(1_780_000_000_000, 300_000, NEW_YORK)
ROW = {
    "traceback_id": "ITG-1", "called_number": "(303) 555-0142", "calling_number": "1-202-555-0123",
    "time": "2026-05-28 16:26:40",
}  # fmt: skip


def ms(*instant: int) -> int:
    return round(datetime(*instant, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[misc,arg-type]


def test_a_request_is_read() -> None:
    question = READING.question(ROW | {"duration_s": "31.5", "is_answered": "yes", "requester": "ITG", "other": [1]})
    assert (question.called_number, question.calling_number) == ("+13035550142", "+12025550123")
    assert question.asked.instants_ms == (ms(2026, 5, 28, 20, 26, 40),)
    assert (question.asked.duration_s, question.asked.is_answered, question.requester) == (31.5, True, "ITG")
    assert (question.received_ms, question.asked.tolerance_ms) == (READING.now_ms, 300_000)


def test_numbers_of_json_are_read_too() -> None:
    question = READING.question(ROW | {"time": 1_780_000_000, "called_number": 13035550142, "is_answered": False})
    assert question.asked.instants_ms == (1_780_000_000_000,)
    assert (question.called_number, question.asked.is_answered) == ("+13035550142", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-28T16:26:40", [(2026, 5, 28, 20, 26, 40)]),
        ("2026-05-28T16:26:40Z", [(2026, 5, 28, 16, 26, 40)]),
        ("2026-05-28 16:26:40 UTC", [(2026, 5, 28, 16, 26, 40)]),
        ("2026-05-28T16:26:40-07:00 UTC", []),
        ("2026-05-28 UTC", []),
        ("2026-05-28T16:26:40-07:00", [(2026, 5, 28, 23, 26, 40)]),
        ("5/28/2026 4:26 PM", [(2026, 5, 28, 20, 26)]),
        ("5/28/2026 4:26 PM GMT", [(2026, 5, 28, 16, 26)]),
        ("noon UTC", []),
        ("2026-11-01 01:30", [(2026, 11, 1, 5, 30), (2026, 11, 1, 6, 30)]),  # clocks were put back
        ("2026-03-08 02:30", []),  # there was no such time
        ("2026-05-28", []),
        ("noon", []),
    ],
)
def test_times_are_read(text: str, expected: list[tuple[int, ...]]) -> None:
    assert list(instants_ms(text, NEW_YORK)) == [ms(*one) for one in expected]


@given(instant=st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_a_wall_clock_shows_is_read_back(instant: datetime) -> None:
    instant = instant.replace(microsecond=0)
    shown = instant.astimezone(NEW_YORK).replace(tzinfo=None).isoformat()
    assert round(instant.timestamp() * 1_000) in instants_ms(shown, NEW_YORK)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": ""}, "does not say time"),
        ({"time": "2026-03-08 02:30"}, "or is none in America/New_York"),
        ({"called_number": "anonymous"}, "called_number that is no phone number"),
        ({"duration_s": "-1"}, "no number of seconds"),
        ({"is_answered": "perhaps"}, "neither true nor false"),
        ({"requester": "x" * 513}, "more than 512 characters in requester"),
        ({"traceback_id": None, "time": []}, "does not say traceback_id, time"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], message: str) -> None:
    with pytest.raises(QuestionRefused, match=message):
        READING.question(ROW | change)
