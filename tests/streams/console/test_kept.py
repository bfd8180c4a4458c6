"""The index is held against looking through all that is kept."""

import random
from collections import deque
from typing import Any

from detector.contract.decisions import Decision
from streams.console.kept import Kept
from streams.console.subjects import Kind, Subject
from streams.wire.records import DECISION_DECODER
from tests.streams.console.console_case import CALLER, decided

FIELDS = {
    Kind.NUMBER: "calling_number",
    Kind.CALL: "call_id",
    Kind.DECISION: "decision_id",
    Kind.TRUNK: "trunk_group_id",
}


def decision(number: int, **more: Any) -> Decision:
    return DECISION_DECODER.decode(decided(number, **more))


def test_what_is_found_is_what_looking_through_all_of_it_finds() -> None:
    """Repeats, busy trunk groups and numbers that call once; more of them than are kept."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    kept, slow = Kept(50), deque[Decision](maxlen=50)

    for _ in range(1_000):
        one = decision(rng.randrange(80), trunk_group_id=f"tg-{rng.randrange(3)}")
        kept.add(one)
        slow.append(one)
        kind, name = rng.choice(list(FIELDS.items()))
        text = getattr(rng.choice(slow), name)
        wanted = [found for found in reversed(slow) if getattr(found, name) == text]
        assert list(kept.about(Subject(kind, text))) == wanted, f"seed {seed}"

    assert list(kept.all) == list(slow)


def test_a_number_is_found_in_whatever_form_a_switch_wrote_it() -> None:
    """Those of all forms together, the latest first; other numbers are not among them."""
    kept = Kept(10)
    for number, calling in enumerate((CALLER[2:], CALLER, CALLER[2:], CALLER[1:], "+2025550101")):
        kept.add(decision(number, calling_number=calling, decided_time_ms=number))

    found = kept.about(Subject(Kind.NUMBER, CALLER))

    assert [one.call_id for one in found] == [f"call-{number}@switch" for number in (3, 2, 1, 0)]


def test_decisions_that_name_a_campaign_are_found_by_it() -> None:
    """It stands among the reasons."""
    kept = Kept(10)
    reason = {"code": "campaign", "text": "campaign c5d30a1f7b2", "value": None, "threshold": None}
    for number in range(3):
        kept.add(decision(number))
    kept.add(decision(3, reasons=[reason]))

    (found,) = kept.about(Subject(Kind.CAMPAIGN, "c5d30a1f7b2"))

    assert found.call_id == "call-3@switch"
    assert list(kept.about(Subject(Kind.CASE, ""))) == []


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    """The index is as bounded as the decisions are."""
    kept = Kept(2)

    for number in range(100):
        kept.add(decision(number, calling_number=f"+1202555{number:04}"))

    assert {kind: len(found) for kind, found in kept._found.items()} == {
        Kind.NUMBER: 2, Kind.CALL: 2, Kind.DECISION: 2, Kind.TRUNK: 1, Kind.CAMPAIGN: 0,
    }  # fmt: skip
    assert list(kept.about(Subject(Kind.NUMBER, "+12025550001"))) == []
