"""What the model last made of callers: bounds, expiry, and callers by their number."""

from hypothesis import given
from hypothesis import strategies as st

from detector.columns.membership import hash_texts
from detector.contract.decisions import Action
from detector.policy.held import Held, HeldCallers, number_of

HELD = Held(Action.LABEL, 2_000, (900, 1_000))


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
