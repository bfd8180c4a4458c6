"""Which decisions follow from a replay."""

import json
from typing import Any

import pytest

from streams.referral.deriving import Decided, decisions_of, differences, wanted
from streams.referral.package import PackageRefused


def decided(**fields: Any) -> Decided:
    known: dict[str, Any] = {"call_id": "a", "action": "allow", "decided_by": "model", "score": 0.25}
    return Decided(**(known | fields))


@pytest.mark.parametrize(
    ("derived", "follows"),
    [
        (decided(), True),
        (decided(score=0.25 + 1e-12), True),
        (decided(score=0.2501), False),
        (decided(score=None), False),
        (decided(action="label"), False),
        (decided(action="block", decided_by="dno"), False),
        (None, False),
    ],
)
def test_what_follows(derived: Decided | None, follows: bool) -> None:
    found = differences({"a": decided()}, {} if derived is None else {"a": derived})

    assert (found == []) is follows


def test_what_was_only_tried_follows_from_what_is_enforced() -> None:
    said, enforced = decided(would_be="block"), decided(action="block")

    assert differences({"a": said}, {"a": enforced}) == []
    assert differences({"a": enforced}, {"a": said}) == []


def test_a_difference_is_told_in_a_line() -> None:
    said, derived = {"a": decided(), "b": decided(call_id="b")}, {"a": decided(action="label", score=0.5)}

    assert [str(one) for one in differences(said, derived)] == [
        "a: allow by model at 0.250000; derived label by model at 0.500000",
        "b: allow by model at 0.250000; the archive has no such call",
    ]


@pytest.mark.parametrize(
    ("step", "is_there", "rests"),
    [("entity_block", True, True), ("allow_list", True, True), ("dno", True, True), ("model", True, False),
     ("rule", True, False), ("fail_open", True, False), ("entity_block", False, False)],
)  # fmt: skip
def test_what_a_list_decided_is_neither_shown_nor_denied(step: str, is_there: bool, rests: bool) -> None:
    """But a call that the archive does not have is."""
    said = {"a": decided(action="block", decided_by=step, score=None)}

    (found,) = differences(said, {"a": decided()} if is_there else {})

    assert found.rests_on_a_list is rests


def test_of_a_call_that_was_decided_twice_the_first_decision_counts() -> None:
    lines = [json.dumps({"call_id": "a", "action": action, "reasons": []}).encode() for action in ("block", "allow")]

    assert decisions_of(b"\n".join(lines))["a"].action == "block"
    assert wanted(lines, {"a": None})["a"].action == "block"
    assert wanted(lines, {"b": None}) == {}


@pytest.mark.parametrize("line", [b"{", b'{"call_id": 1, "action": "allow"}', b"\xff", b"[" * 100_000])
def test_what_is_no_decision_is_refused(line: bytes) -> None:
    with pytest.raises(PackageRefused, match="not as the contract has them"):
        decisions_of(line)
