"""States and clock of redress: what may follow what, and when an answer is due."""

import pytest

from streams.cases.changes import CaseRefused, appended, new_entry, opened
from streams.cases.redress import GRANTED, REJECTED, TOLD, Claim, claim_of, clock, decided_as, left_ms, new_redress
from streams.wire.cases import Case, CaseEntry, CaseKind

NOW_MS = 1_790_000_000_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
CLAIM = Claim(calling_number="+12025550123", call_time_ms=NOW_MS - HOUR_MS, decided="block by model")


def entry(what: str) -> CaseEntry:
    return new_entry(who="M. Lee", what=what, why="why", now_ms=NOW_MS)


@pytest.fixture
def case() -> Case:
    return new_redress(entry("opened"), CLAIM, "clinic@example.com")


def test_a_claim_is_read_back_from_its_case(case: Case) -> None:
    assert claim_of(case) == CLAIM
    assert (case.state, case.subject, case.details["contact"]) == (
        "pending",
        "number:+12025550123",
        "clinic@example.com",
    )


@pytest.mark.parametrize(
    ("after_ms", "says"),
    [
        (0, "answer within 24 h 00 min"),
        (30 * MINUTE_MS, "answer within 23 h 30 min"),
        (24 * HOUR_MS, "answer within 0 h 00 min"),
        (25 * HOUR_MS + MINUTE_MS, "OVERDUE by 1 h 01 min"),
    ],
)
def test_the_clock_runs_for_24_hours(case: Case, after_ms: int, says: str) -> None:
    assert clock(case, NOW_MS + after_ms) == says


def test_the_clock_stops_with_an_answer(case: Case) -> None:
    """A decision is one, and so is a word to whoever asked; another entry is none."""
    assert left_ms(appended(case, entry("held")), NOW_MS) == 24 * HOUR_MS
    for answered in (appended(case, entry(TOLD)), decided_as(case, GRANTED), decided_as(case, REJECTED)):
        assert left_ms(answered, NOW_MS) is None
        assert clock(answered, NOW_MS) == ""


def test_what_was_rejected_may_be_granted_and_not_the_other_way(case: Case) -> None:
    granted = decided_as(decided_as(case, REJECTED), GRANTED, {"allowed_until_ms": "1"})
    assert (granted.state, granted.details["allowed_until_ms"]) == ("granted", "1")
    assert decided_as(granted, GRANTED) == granted  # a second try after a failure
    with pytest.raises(CaseRefused, match="is granted: `robocall lists` takes its number off"):
        decided_as(granted, REJECTED)


def test_what_is_no_redress_is_not_decided() -> None:
    other = opened(CaseKind.CHANGE, entry("list_added"), subject="list:allow", details={})
    with pytest.raises(CaseRefused, match="is no redress but a change"):
        decided_as(other, GRANTED)
