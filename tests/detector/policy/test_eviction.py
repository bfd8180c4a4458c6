"""Who makes room at the bound of the standing decisions."""

from dataclasses import replace

from detector.contract.decisions import Action
from detector.policy.standing import StandingDecision, StandingDecisions

NUMBER = "number:+12125550123"
BLOCK = StandingDecision(NUMBER, Action.BLOCK, "automated_call", 1_000, 2_000, "model")


def test_what_people_decided_goes_last() -> None:
    """Room for three: the model's go first, the oldest of them first; then the oldest of people. Each is counted."""
    standing = StandingDecisions(max_entries=3)
    by_people = [replace(BLOCK, entity=f"number:{n}", source=who) for n, who in enumerate(("analyst", "traceback"))]
    by_model = [replace(BLOCK, entity=f"number:{n}") for n in range(10, 13)]
    for decision in (by_people[0], by_model[0], by_people[1], by_model[1], by_model[2]):
        standing.set(decision)

    assert list(standing) == [*by_people, by_model[2]]
    assert standing.order.evicted == {"people": 0, "model": 2}
    assert standing.order.sizes() == {"people": 2, "model": 1}

    for n in (20, 21):
        standing.set(replace(BLOCK, entity=f"number:{n}", source="redress"))
    assert [decision.entity for decision in standing] == ["number:1", "number:20", "number:21"]
    assert standing.order.evicted == {"people": 1, "model": 3}


def test_what_has_expired_makes_room_first_and_is_not_missed() -> None:
    """Whoever decided it; nothing that held is counted as pushed out."""
    standing = StandingDecisions(max_entries=2)
    expired = replace(BLOCK, entity="number:1", source="analyst", expires_ms=1_500)
    holding = replace(BLOCK, entity="number:2")
    later = replace(BLOCK, entity="number:3", since_ms=1_500)
    for decision in (expired, holding, later):
        standing.set(decision)

    assert list(standing) == [holding, later]
    assert standing.order.evicted == {"people": 0, "model": 0}


def test_texts_have_a_bound_of_their_own() -> None:
    """100 characters have room for three short decisions, or a long and a short one: the oldest go."""
    standing = StandingDecisions(max_characters=100)
    some = [replace(BLOCK, entity=f"number:{n}") for n in range(5)]
    long = replace(some[1], decision_id="d" * 20, trunk_group_ids=("t",) * 2, led_to_by=(None, "d" * 20))
    assert [some[0].characters, long.characters] == [27, 69]

    for decision in some[:3]:
        standing.set(decision)
    standing.set(long)
    assert list(standing) == [some[2], long]

    standing.set(some[1])  # in the place of the long one
    standing.set(some[3])
    assert list(standing) == [some[2], some[1], some[3]]

    standing.remove(some[1].entity)
    standing.set(some[4])
    assert list(standing) == [some[2], some[3], some[4]]


def test_a_decision_that_changes_hands_is_counted_where_it_is() -> None:
    """An analyst takes over what the model had decided: it is people's from then on, and gone when it is removed."""
    standing = StandingDecisions()
    standing.set(BLOCK)
    standing.set(replace(BLOCK, source="analyst"))
    assert standing.order.sizes() == {"people": 1, "model": 0}
    standing.remove(NUMBER)
    assert standing.order.sizes() == {"people": 0, "model": 0}
