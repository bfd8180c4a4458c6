"""From outcomes to records: what becomes of calls that cannot be answered, and that everything stays side by side."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from detector.columns.decision_ids import decision_id
from detector.contract.decisions import PLAIN_ALLOW
from detector.features.table import N_FEATURES
from detector.testing import ids, outcomes
from streams.screening.answers import answer
from streams.wire.records import encode
from tests.streams.screening.answers_case import BLOCK, LABEL, NOW_MS, WAITING, ints, screening_of


def broken_encoder(raises_for: Callable[[Any], bool]) -> Callable[[Any], bytes]:
    def broken(record: Any) -> bytes:
        if raises_for(record):
            raise SystemError("a bug of the encoder")
        return encode(record)

    return broken


def test_an_answer_that_cannot_be_encoded_becomes_an_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the encoder does not like blocks."""
    monkeypatch.setattr(
        "streams.screening.single_answers.encode", broken_encoder(lambda record: record.action == "block")
    )

    made = answer(screening_of(LABEL, BLOCK, PLAIN_ALLOW), ints(3, 5, 8), ints(*[NOW_MS] * 3), WAITING, NOW_MS)

    decided = [msgspec.json.decode(decision) for decision in made.decisions]
    assert [(one["call_id"], one["action"], one["decided_by"]) for one in decided] == [
        ("call-0", "label", "rule"),
        ("call-1", "allow", "fail_open"),
        ("call-2", "allow", "allow"),
    ]
    assert (decided[1]["score"], decided[1]["reasons"][0]["code"]) == (None, "internal_error")
    assert [type(failure) for failure in made.failures] == [SystemError]
    assert made.poison == ()
    assert list(made.late) == [0]


def test_a_call_that_can_be_answered_in_no_form_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list still runs parallel to the others."""
    poisoned = {"call-0", "call-2"}
    monkeypatch.setattr(
        "streams.screening.single_answers.encode", broken_encoder(lambda record: record.call_id in poisoned)
    )

    made = answer(screening_of(LABEL, BLOCK, BLOCK, LABEL), ints(3, 5, 8, 9), ints(1, 2, 3, 4), WAITING, NOW_MS)

    assert [msgspec.json.decode(decision)["call_id"] for decision in made.decisions] == ["call-1", "call-3"]
    assert made.keys == [b"call-1", b"call-3"]
    assert [setup.call_id for setup in made.screening.calls.events] == ["call-1", "call-3"]
    assert ids(made.screening) == [decision_id(setup) for setup in made.screening.calls.events]
    assert outcomes(made.screening) == [BLOCK, LABEL]
    assert made.screening.features.shape == (2, N_FEATURES)
    assert made.arrivals_ms.tolist() == [2, 4]
    assert [(one.position, type(one.error)) for one in made.poison] == [(3, SystemError), (8, SystemError)]
    assert list(made.late) == [0, 1]
