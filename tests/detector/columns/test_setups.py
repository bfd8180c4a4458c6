"""The columns of a batch's calls say what their texts say."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.setups import MAY_BE_EMERGENCY, MAY_BE_IMPOSSIBLE, MAY_BE_PRIORITY, Picked, calls_in, calls_of
from detector.policy.settings import Policy
from detector.policy.tables import PolicyTables
from detector.testing import batch_of, call_setup

TABLES = PolicyTables(Policy())
national = st.text("0123456789", min_size=10, max_size=10) | st.sampled_from(list("0123456789")).map(lambda d: d * 10)
numbers = national.map(lambda digits: "+1" + digits) | st.text("+0123456789sip:@", max_size=16) | st.just("911")


@settings(max_examples=400)
@given(calling=numbers, called=numbers, priority=st.none() | st.just("") | st.just("psap-callback"))
def test_whatever_a_step_knows_by_its_form_is_hinted_at(calling: str, called: str, priority: str | None) -> None:
    """A call without the hint is looked at by no step, so it must be neither impossible nor an emergency."""
    calls = calls_in(batch_of([call_setup(calling_number=calling, called_number=called, priority=priority)]))

    (hints,) = calls.hints.tolist()

    assert hints & MAY_BE_IMPOSSIBLE or not TABLES.is_impossible(calling)
    assert hints & MAY_BE_EMERGENCY or not TABLES.is_emergency(called)
    assert bool(hints & MAY_BE_PRIORITY) == bool(priority)


def test_ordinary_numbers_give_no_hint() -> None:
    """Or every call would be looked at one by one."""
    calls = calls_in(batch_of([call_setup(calling_number="+12125550123", called_number="+13105550456")]))

    assert calls.hints.tolist() == [0]


def test_some_of_the_calls_are_those_calls() -> None:
    """Whatever is asked of them."""
    calls = calls_of([call_setup(f"call-{number}", trunk_group_id=f"t-{number}") for number in range(4)])

    some = calls.take([3, 1])

    assert [event.call_id for event in some.events] == ["call-3", "call-1"]
    assert some.events == [calls.events[3], calls.events[1]]
    assert some.column("trunk_group_id") == ["t-3", "t-1"]
    assert [some.identifier(row) for row in range(2)] == [calls.identifier(3), calls.identifier(1)]
    assert some.lots.tolist() == [int(calls.identifier(row)[:8], 16) for row in (3, 1)]


def test_picked_elements_are_a_sequence() -> None:
    """Equal to a list of the same, sliced without a copy of the whole."""
    picked = Picked("abcdef", np.array([0, 2, 4]))

    assert picked == ["a", "c", "e"]
    assert picked[-1] == "e"
    assert picked[1:] == ["c", "e"]
    assert picked != ["a", "c"]
