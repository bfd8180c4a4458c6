"""Standing decisions: expiry, bounds, release, what is published; and what the model last made of callers."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detector.columns.call_columns import build_columns
from detector.columns.facts import facts_of, texts_of
from detector.columns.membership import hash_texts
from detector.columns.setups import calls_in, calls_of
from detector.contract.decisions import Action, Mode
from detector.contract.events import CallSetup
from detector.policy.held import Held, HeldCallers, number_of
from detector.policy.standing import (
    MAX_TRUNKS,
    PolicyMemory,
    StandingDecision,
    StandingDecisions,
    number_entity,
    trunk_entity,
)

NUMBER = number_entity("+12125550123")


def touched(standing: StandingDecisions, numbers: list[str], trunks: list[str]) -> list[int]:
    """Rows of calls that something stands on, the same whether calls are Python events or text."""
    setups = [
        CallSetup(call_id="c", setup_time_ms=1, calling_number=number, called_number="+1", trunk_group_id=trunk)
        for number, trunk in zip(numbers, trunks, strict=True)
    ]
    facts = texts_of(facts_of(setups, [True] * len(setups)), json_text)
    found = standing.touched(calls_in(build_columns(facts, setups, seed=1)))
    assert found == standing.touched(calls_of(setups))
    return found


def json_text(text: str) -> bytes:
    return json.dumps(text).encode()


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


def test_what_came_back_is_handed_over_once() -> None:
    """From a snapshot and from calls of the past; not what is gone again, nor what is set as calls come."""
    standing = StandingDecisions()
    one, two, three = (replace(BLOCK, entity=f"number:{n}") for n in (1, 2, 3))
    standing.set(three)
    standing.restore(PolicyMemory({}, (one, BLOCK)))
    standing.remove(one.entity)
    standing.set(two, publish=True)
    standing.reached_again([two])

    assert standing.restored() == [BLOCK.entity, two.entity]
    assert standing.restored() == []


def test_a_batch_is_worth_a_look_when_any_of_it_is_decided_on() -> None:
    """Numbers and trunk groups are told apart; what was released or pushed out is not looked for."""
    standing = StandingDecisions(max_entries=2)
    standing.set(BLOCK)
    standing.set(replace(BLOCK, entity="trunk:t-1"))

    assert touched(standing, ["+12125550123"], ["t-2"]) == [0]
    assert touched(standing, ["+1", "+12125550999"], ["t-2", "t-1"]) == [1]
    assert touched(standing, ["t-1"], ["+12125550123"]) == []

    standing.set(replace(BLOCK, entity="trunk:t-2"))
    standing.remove("trunk:t-1")
    assert touched(standing, ["+12125550123"], ["t-1"]) == []
    assert touched(standing, ["+1"], ["t-2"]) == [0]


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


def is_even(calling_number: str) -> bool:
    return calling_number[-1] in "02468"


HELD = Held(Action.LABEL, 2_000, (900, 1_000))
BY_MODEL = {n: replace(BLOCK, entity=f"number:{n}") for n in range(1, 5)}
BY_ANALYST = replace(BLOCK, entity="number:6", source="analyst")
ON_TRUNK = replace(BLOCK, entity="trunk:2")
ALL = (BY_MODEL[4], BY_MODEL[1], BY_ANALYST, BY_MODEL[2], ON_TRUNK)


def filled(decisions: tuple[StandingDecision, ...] = ALL, numbers: str = "4125") -> StandingDecisions:
    standing = StandingDecisions()
    for decision in decisions:
        standing.set(decision)
    for number in numbers:
        standing.held.put(number, replace(HELD, expires_ms=int(number)))
    return standing


def test_the_memory_of_a_partition_is_what_its_own_calls_brought_about() -> None:
    """Only of its numbers, never of trunks nor of an analyst, in the order in which it was set."""
    memory = filled().memory(is_even)

    assert list(memory.held.items()) == [("4", replace(HELD, expires_ms=4)), ("2", replace(HELD, expires_ms=2))]
    assert memory.standing == (BY_MODEL[4], BY_MODEL[2])


def test_picking_later_gives_the_same_memory_however_much_has_changed() -> None:
    """A whole copy is of its instant, so that the slow picking can be done beside the stream."""
    standing = filled()
    copy, expected = standing.memory(), standing.memory(is_even)

    standing.remove("number:4")
    standing.held.put("8", HELD)

    assert copy.of(is_even) == expected
    assert list(copy.of(is_even).held) == list(expected.held)


def test_restored_memory_is_as_it_was_taken_order_included() -> None:
    memory = filled().memory(is_even)
    restored = StandingDecisions()
    restored.restore(memory)

    again = restored.memory(is_even)

    assert again == memory
    assert list(again.held) == list(memory.held)
    assert touched(restored, ["4"], ["t"]) == [0]
    assert restored.active("number:2", 1_500) == BY_MODEL[2]
    assert restored.changes() == [], "others have learnt of them when they were reached"


def test_restored_entries_are_the_most_recent_and_push_the_oldest_out() -> None:
    """The bound holds, and what is restored replaces what was known of the same number."""
    standing = StandingDecisions(max_entries=3)
    for number in ("1", "2", "3"):
        standing.held.put(number, HELD)
    newer = replace(HELD, action=Action.BLOCK)

    standing.restore(PolicyMemory({"1": newer, "7": newer}, (BY_MODEL[1], BY_MODEL[2], BY_MODEL[3], BY_MODEL[4])))

    assert list(standing.held.copy().items()) == [("3", HELD), ("1", newer), ("7", newer)]
    assert list(standing) == [BY_MODEL[2], BY_MODEL[3], BY_MODEL[4]]
    assert touched(standing, ["1"], ["t"]) == []


def test_a_later_decision_is_not_replaced_by_a_remembered_one() -> None:
    """The analyst's, say, of which this worker has learnt before it restored."""
    standing = StandingDecisions()
    later = replace(BLOCK, since_ms=BLOCK.since_ms + 1, source="analyst")
    standing.set(later)

    standing.restore(PolicyMemory({}, (BLOCK,)))

    assert list(standing) == [later]


def test_what_others_decided_is_never_forgotten_with_a_partition() -> None:
    standing = filled()
    standing.forget(standing.memory().numbers())

    assert list(standing) == [BY_ANALYST, ON_TRUNK]
    assert len(standing.held) == 0
    assert touched(standing, ["6"], ["t"]) == [0]
    assert touched(standing, ["4", "1", "2"], ["t"] * 3) == []


def test_forgetting_touches_only_numbers_that_belong() -> None:
    standing = filled()
    standing.forget([number for number in standing.memory().numbers() if is_even(number)])

    assert list(standing) == [BY_MODEL[1], BY_ANALYST, ON_TRUNK]
    assert list(standing.held.copy()) == ["1", "5"]


def test_a_memory_put_back_in_parts_is_the_same() -> None:
    """The event loop is not held for all of it at once."""
    memory = filled().memory(lambda _: True)
    standing = StandingDecisions()
    for part in memory.parts(2):
        assert len(part.held) <= 2
        assert len(part.standing) <= 2
        standing.restore(part)

    assert standing.memory() == memory
    assert list(standing.held.copy()) == list(memory.held)


def test_a_missed_call_takes_its_caller_out_of_the_decision_that_it_brought_about() -> None:
    """Whoever else the decision is about stays in it; a decision of another call is left alone."""
    number, standing = "+12125550123", StandingDecisions()
    earlier = replace(BLOCK, trunk_group_ids=("t-1",), decision_id="d-1")
    standing.set(replace(earlier, trunk_group_ids=("t-2",), decision_id="d-2", is_vouched=True).joined(earlier))
    standing.held.put(f"{number}\x1ft-2", Held(Action.BLOCK, 2_000, (1_000,)))

    standing.missed(number, "t-2", is_vouched=False, decision_id="d-3")
    (untouched,) = standing
    standing.missed(number, "t-2", is_vouched=False, decision_id="d-2")
    (rest,) = standing
    standing.missed(number, "t-9", is_vouched=True, decision_id="d-2")
    (last,) = standing
    standing.missed(number, "t-1", is_vouched=False, decision_id="d-1")

    assert untouched.trunk_group_ids == ("t-1", "t-2")
    assert (rest.trunk_group_ids, rest.is_vouched) == (("t-1",), True)
    assert (last.trunk_group_ids, last.is_vouched, last.decision_id) == (("t-1",), False, "d-1")
    assert (len(standing), len(standing.held)) == (0, 0)


def test_a_missed_call_is_taken_out_after_another_caller_joined_and_whoever_was_told_learns_of_it() -> None:
    """Its decision went by the id of the later call then, and the trunk group of the missed one stayed blocked."""
    number, standing = "+12125550123", StandingDecisions()
    first = replace(BLOCK, trunk_group_ids=("t-1",), decision_id="d-1")
    standing.set(first, publish=True)
    standing.set(replace(first, trunk_group_ids=("t-2",), decision_id="d-2").joined(first), publish=True)
    standing.changes()

    standing.missed(number, "t-1", is_vouched=False, decision_id="d-1")

    (rest,) = standing
    assert (rest.trunk_group_ids, rest.decision_id) == (("t-2",), "d-2")
    assert standing.changes() == [rest]


def test_a_decision_that_joined_names_what_brought_in_each_caller_however_many() -> None:
    """Of the trunk groups only the last are kept, and what brought them in with them."""
    joined = None
    for turn in range(MAX_TRUNKS + 2):
        joined = replace(BLOCK, trunk_group_ids=(f"t-{turn}",), decision_id=f"d-{turn}").joined(joined)
    assert joined is not None

    assert joined.brought_in("t-1", is_vouched=False) is None
    assert joined.brought_in("t-2", is_vouched=False) == "d-2"
    assert joined.brought_in("t-2", is_vouched=True) is None
    assert replace(joined, led_to_by=("d-2",)).brought_in("t-2", is_vouched=False) == joined.decision_id


def test_held_numbers_are_bounded_and_the_longest_untouched_goes() -> None:
    held = HeldCallers(max_entries=2)
    for number in ("1", "2", "1", "3"):
        held.put(number, Held(Action.LABEL, 2_000))

    assert [number in held for number in ("1", "2", "3")] == [True, False, True]
    assert len(held) == 2


def test_an_expired_action_is_held_no_longer() -> None:
    held = Held(Action.LABEL, 2_000)

    assert held.action_at(1_999) is Action.LABEL
    assert held.action_at(2_000) is Action.ALLOW


CALLERS = [f"+1212555010{n}{by}" for n in range(3) for by in ("", "\x1ft-1", "\x1ft-2")]


@given(steps=st.lists(st.tuples(st.sampled_from(["put", "drop", "drop_number", "restore"]), st.sampled_from(CALLERS))))
def test_callers_are_found_by_their_number(steps: list[tuple[str, str]]) -> None:
    """As in a plain map: which callers there are, in which order, and which numbers they have."""
    held, plain = HeldCallers(max_entries=5), dict[str, Held]()
    for step, caller in steps:
        if step == "drop":
            held.drop(caller)
            plain.pop(caller, None)
        elif step == "drop_number":
            held.drop_number(number_of(caller))
            plain = {other: one for other, one in plain.items() if number_of(other) != number_of(caller)}
        else:
            held.put(caller, HELD) if step == "put" else held.restore({caller: HELD})
            plain = {**{other: one for other, one in plain.items() if other != caller}, caller: HELD}
            plain = dict(list(plain.items())[-5:])

        numbers = {number_of(other) for other in plain}
        assert list(held.copy()) == list(plain)
        assert {number for number in map(number_of, CALLERS) if number in held} == numbers
        assert held.may_have(hash_texts(sorted(numbers))).all()
        assert not held.may_have(hash_texts(["+13335550100"])).any()
