"""Who passes for having waited, and what an answer becomes once it is late."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from detector.columns.decision_ids import decision_id
from detector.columns.setups import calls_of
from detector.contract.decisions import PLAIN_ALLOW, Action, Label, Mode, Outcome, Reason, SipAnswer, Step, Versions
from detector.contract.events import CallSetup
from detector.features.table import N_FEATURES
from detector.policy import unjudged
from detector.policy.screening import Screening
from detector.testing import ids, outcomes
from streams.screening.answers import Waiting, answer
from streams.wire.records import encode_decision

NOW_MS = 1_760_000_000_000
WAITING = Waiting(NOW_MS, deadline_ms=2_000, shed_after_ms=500)
BLOCK = Outcome(Action.BLOCK, Step.MODEL, (Reason("model", "a score"),), None, SipAnswer(603, "Decline", None))
LABEL = Outcome(Action.LABEL, Step.RULE, (Reason("rule", "a rule"),), Label("Maybe", "automated_call"))


@pytest.mark.parametrize(
    ("waited_ms", "code"),
    [(-5, None), (0, None), (500, None), (501, "overload"), (2_000, "overload"), (2_001, "late"), (NOW_MS, None)],
)
def test_how_long_a_call_waited_decides(waited_ms: int, code: str | None) -> None:
    """The bounds themselves are still judged; an arrival of 0 is one that nobody knows."""
    passed = WAITING.passed([NOW_MS - 100, NOW_MS - waited_ms, NOW_MS])

    assert list(passed) == ([] if code is None else [1])
    if code is not None:
        (reason,) = passed[1].reasons
        bound = 2_000 if code == "late" else 500
        assert (reason.code, reason.value, reason.threshold) == (code, waited_ms, bound)
        assert f"{waited_ms} ms" in reason.text
        assert f"{bound} ms" in reason.text


def test_a_limit_of_waiting_beyond_the_deadline_sheds_nobody() -> None:
    waiting = Waiting(NOW_MS, deadline_ms=1_000, shed_after_ms=5_000)

    passed = waiting.passed([NOW_MS - 1_000, NOW_MS - 1_001, NOW_MS - 9_000])

    assert {row: outcome.reasons[0].code for row, outcome in passed.items()} == {1: "late", 2: "late"}


def test_nobody_waits_in_an_empty_batch() -> None:
    assert WAITING.passed([]) == {}


def screening(*outcomes: Outcome, mode: Mode = Mode.ENFORCE) -> Screening:
    """One call for each outcome."""
    count = len(outcomes)
    setups = [
        CallSetup(
            call_id=f"call-{number}",
            setup_time_ms=NOW_MS,
            calling_number="+12025550123",
            called_number="+13125550145",
            trunk_group_id="t-1",
        )
        for number in range(count)
    ]
    return Screening(
        calls=calls_of(setups),
        decided={row: outcome for row, outcome in enumerate(outcomes) if outcome is not PLAIN_ALLOW},
        is_shadow=np.full(count, mode is Mode.SHADOW),
        scores=np.full(count, 0.99),
        features=np.ones((count, N_FEATURES), np.float32),
        versions=Versions("m", "p", "f"),
    )


def test_only_what_is_enforced_and_does_not_allow_has_a_late_form() -> None:
    """In shadow every switch is told to allow, whenever the answer comes."""
    enforced = answer(screening(BLOCK, PLAIN_ALLOW, LABEL), [0, 1, 2], [NOW_MS] * 3, WAITING, NOW_MS)
    shadow = answer(screening(BLOCK, LABEL, mode=Mode.SHADOW), [0, 1], [NOW_MS] * 2, WAITING, NOW_MS)
    unknown = answer(screening(BLOCK), [0], [0], WAITING, NOW_MS)
    replayed = answer(screening(BLOCK), [0], [0], None, None)

    assert list(enforced.late) == [0, 2]
    assert [*shadow.late, *unknown.late, *replayed.late] == []


@pytest.mark.parametrize("outcome", [BLOCK, LABEL])
def test_the_late_form_is_the_same_decision_that_allows(outcome: Outcome) -> None:
    """Same id, call and score; nothing that a switch would act upon."""
    made = answer(screening(outcome), [0], [NOW_MS - 300], WAITING, NOW_MS)
    late = made.late[0]

    before, after = msgspec.json.decode(made.decisions[0]), msgspec.json.decode(late(NOW_MS + 1_800))

    reason = unjudged.late(2_100, 2_000).reasons[0]
    assert after == before | {
        "action": "allow",
        "decided_by": "fail_open",
        "label": None,
        "reasons": [{"code": "late", "text": reason.text, "value": 2_100, "threshold": 2_000}],
        "sip": None,
        "decided_time_ms": NOW_MS + 1_800,
    }


def broken_encoder(raises_for: Callable[[Any], bool]) -> Callable[[Any], bytes]:
    def encode(record: Any) -> bytes:
        if raises_for(record):
            raise SystemError("a bug of the encoder")
        return encode_decision(record)

    return encode


def test_an_answer_that_cannot_be_encoded_becomes_an_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the encoder does not like blocks."""
    monkeypatch.setattr(
        "streams.screening.answers.encode_decision", broken_encoder(lambda record: record.action == "block")
    )

    made = answer(screening(LABEL, BLOCK, PLAIN_ALLOW), [3, 5, 8], [NOW_MS] * 3, WAITING, NOW_MS)

    decided = [msgspec.json.decode(decision) for decision in made.decisions]
    assert [(one["call_id"], one["action"], one["decided_by"]) for one in decided] == [
        ("call-0", "label", "rule"),
        ("call-1", "allow", "fail_open"),
        ("call-2", "allow", "allow"),
    ]
    assert (decided[1]["score"], decided[1]["reasons"][0]["code"]) == (None, "internal_error")
    assert [type(failure) for failure in made.failures] == [SystemError]
    assert (made.poison, made.positions) == ([], [3, 5, 8])
    assert list(made.late) == [0]


def test_a_call_that_can_be_answered_in_no_form_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list still runs parallel to the others."""
    poisoned = {"call-0", "call-2"}
    monkeypatch.setattr(
        "streams.screening.answers.encode_decision", broken_encoder(lambda record: record.call_id in poisoned)
    )

    made = answer(screening(LABEL, BLOCK, BLOCK, LABEL), [3, 5, 8, 9], [NOW_MS] * 4, WAITING, NOW_MS)

    assert [msgspec.json.decode(decision)["call_id"] for decision in made.decisions] == ["call-1", "call-3"]
    assert made.keys == [b"call-1", b"call-3"]
    assert [setup.call_id for setup in made.screening.calls.events] == ["call-1", "call-3"]
    assert ids(made.screening) == [decision_id(setup) for setup in made.screening.calls.events]
    assert outcomes(made.screening) == [BLOCK, LABEL]
    assert made.screening.features.shape == (2, N_FEATURES)
    assert made.positions == [5, 9]
    assert [(one.position, type(one.error)) for one in made.poison] == [(3, SystemError), (8, SystemError)]
    assert list(made.late) == [0, 1]
