"""One answer by itself: its bytes, its key, and what it becomes once it is late."""

from typing import Any

import msgspec
import pytest

from detector.contract.decisions import PLAIN_ALLOW, Mode, Outcome
from detector.policy import unjudged
from streams.screening.single_answers import SingleAnswer, answer_one
from streams.wire.records import encode
from tests.streams.screening.answers_case import BLOCK, LABEL, NOW_MS, WAITING, screening_of


def made(outcome: Outcome, arrival_ms: int = NOW_MS, mode: Mode = Mode.ENFORCE) -> SingleAnswer:
    """The answer to a call with this outcome."""
    return answer_one(screening_of(outcome, mode=mode), 0, arrival_ms, WAITING, NOW_MS)


@pytest.mark.parametrize("outcome", [BLOCK, LABEL])
def test_only_what_is_enforced_and_does_not_allow_has_a_late_form(outcome: Outcome) -> None:
    """In shadow every switch is told to allow, whenever the answer comes; where nobody waits, nothing is late."""
    assert made(outcome).late is not None
    assert made(PLAIN_ALLOW).late is None
    assert made(outcome, mode=Mode.SHADOW).late is None
    assert made(outcome, arrival_ms=0).late is None
    assert answer_one(screening_of(outcome), 0, 0, None, None).late is None


@pytest.mark.parametrize("outcome", [BLOCK, LABEL])
def test_the_late_form_is_the_same_decision_that_allows(outcome: Outcome) -> None:
    """Same id, call and score; nothing that a switch would act upon.

    ms from now   -300        0                      1700     1800
                    *---------+------------------------|--------+---->
                 arrival   decided                  expires   it leaves: 2100 ms after the arrival
    """
    answer = made(outcome, arrival_ms=NOW_MS - 300)
    assert answer.late is not None

    before, after = msgspec.json.decode(answer.decision), msgspec.json.decode(answer.late.encode(NOW_MS + 1_800))

    assert answer.late.expires_ms == NOW_MS + 1_700
    reason = unjudged.late(2_100, 2_000).reasons[0]
    assert after == before | {
        "action": "allow",
        "decided_by": "fail_open",
        "label": None,
        "reasons": [{"code": "late", "text": reason.text, "value": 2_100, "threshold": 2_000}],
        "sip": None,
        "decided_time_ms": NOW_MS + 1_800,
    }


def test_a_call_that_cannot_be_answered_in_any_form_raises_what_was_wrong_first_and_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever reports it sees both."""
    errors = iter([KeyError("first"), SystemError("last")])

    def broken(record: Any) -> bytes:
        raise next(errors) if record else AssertionError

    monkeypatch.setattr("streams.screening.single_answers.encode", broken)

    with pytest.raises(SystemError, match="last") as raised:
        made(BLOCK)

    assert isinstance(raised.value.__cause__, KeyError)


def test_an_answer_says_what_kept_its_call_from_being_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call passes, and the failure is there to be reported."""

    def broken(record: Any) -> bytes:
        if record.action == "block":
            raise OverflowError
        return encode(record)

    monkeypatch.setattr("streams.screening.single_answers.encode", broken)

    answer = made(BLOCK)

    assert isinstance(answer.failure, OverflowError)
    assert (answer.key, answer.late) == (b"call-0", None)
    assert msgspec.json.decode(answer.decision)["decided_by"] == "fail_open"
