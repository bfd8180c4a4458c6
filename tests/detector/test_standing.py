"""Standing decisions: expiry, bounds, release, and what is published."""

from dataclasses import replace

from detector.decisions import Action, Mode
from detector.standing import Held, HeldNumbers, StandingDecision, StandingDecisions, number_entity, trunk_entity

NUMBER = number_entity("+12125550123")
BLOCK = StandingDecision(NUMBER, Action.BLOCK, "automated_call", 1_000, 2_000, "model")


def test_entities_are_named_as_on_the_topic() -> None:
    assert number_entity("+12125550123") == "number:+12125550123"
    assert trunk_entity("t-1") == "trunk:t-1"


def test_a_decision_holds_until_just_before_it_expires() -> None:
    standing = StandingDecisions()
    standing.set(BLOCK)

    assert standing.active(NUMBER, 1_999) is BLOCK
    assert standing.active(NUMBER, 2_000) is None
    assert standing.active(trunk_entity("t-1"), 1_500) is None


def test_the_latest_decision_replaces_the_earlier_one() -> None:
    standing = StandingDecisions()
    label = replace(BLOCK, action=Action.LABEL)
    standing.set(BLOCK)
    standing.set(label)

    assert standing.active(NUMBER, 1_500) is label
    assert list(standing) == [label]


def test_at_the_bound_the_one_set_longest_ago_goes() -> None:
    standing = StandingDecisions(max_entries=2)
    first, second, third = (replace(BLOCK, entity=f"number:{n}") for n in (1, 2, 3))
    standing.set(first)
    standing.set(second)
    standing.set(first)
    standing.set(third)

    assert list(standing) == [first, third]
    assert len(standing) == 2


def test_a_batch_is_worth_a_look_when_any_of_it_is_decided_on() -> None:
    """Numbers and trunk groups are told apart; what was released or pushed out is not looked for."""
    standing = StandingDecisions(max_entries=2)
    standing.set(BLOCK)
    standing.set(replace(BLOCK, entity="trunk:t-1"))

    assert standing.touches(["+12125550123"], ["t-2"])
    assert standing.touches(["+12125550999"], ["t-1"])
    assert not standing.touches(["t-1"], ["+12125550123"])

    standing.set(replace(BLOCK, entity="trunk:t-2"))
    standing.remove("trunk:t-1")
    assert not standing.touches(["+12125550123"], ["t-1"])
    assert standing.touches([], ["t-2"])


def test_only_enforced_decisions_of_ours_are_published_and_once() -> None:
    standing = StandingDecisions()
    standing.set(BLOCK, publish=True)
    standing.set(replace(BLOCK, entity="number:2"))
    standing.set(replace(BLOCK, entity="number:3", mode=Mode.SHADOW), publish=True)

    assert standing.changes() == [BLOCK]
    assert standing.changes() == []


def test_release_forgets_decision_hysteresis_and_count() -> None:
    standing = StandingDecisions()
    standing.set(BLOCK)
    standing.held.put("+12125550123", Held(Action.BLOCK, 2_000, (1_000,)))

    standing.remove(NUMBER)
    standing.remove(trunk_entity("t-unknown"))

    assert standing.active(NUMBER, 1_500) is None
    assert "+12125550123" not in standing.held


def test_held_numbers_are_bounded_and_the_longest_untouched_goes() -> None:
    held = HeldNumbers(max_entries=2)
    for number in ("1", "2", "1", "3"):
        held.put(number, Held(Action.LABEL, 2_000))

    assert [number in held for number in ("1", "2", "3")] == [True, False, True]
    assert len(held) == 2


def test_an_expired_action_is_held_no_longer() -> None:
    held = Held(Action.LABEL, 2_000)

    assert held.action_at(1_999) is Action.LABEL
    assert held.action_at(2_000) is Action.ALLOW
