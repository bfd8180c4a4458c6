"""The columns of a batch's calls say what their texts say."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.setups import ODD_CALLED, ODD_CALLING, PRIORITY, Picked, calls_in, calls_of
from detector.policy.policy import Policy
from detector.policy.reasons import MODEL_FEATURES, leading
from detector.policy.tables import PolicyTables
from tests.detector.policy.policy_case import batch_of, setup

TABLES = PolicyTables(Policy())
national = st.text("0123456789", min_size=10, max_size=10) | st.sampled_from(list("0123456789")).map(lambda d: d * 10)
numbers = national.map(lambda digits: "+1" + digits) | st.text("+0123456789sip:@", max_size=16) | st.just("911")


@settings(max_examples=400, deadline=None)
@given(calling=numbers, called=numbers, priority=st.none() | st.just("") | st.just("psap-callback"))
def test_whatever_a_step_knows_by_its_form_is_marked(calling: str, called: str, priority: str | None) -> None:
    """A number that is not marked is looked at by no step, so it must be neither impossible nor an emergency."""
    calls = calls_in(batch_of([setup(calling_number=calling, called_number=called, priority=priority)]))

    (signs,) = calls.signs.tolist()

    assert signs & ODD_CALLING or not TABLES.is_impossible(calling)
    assert signs & ODD_CALLED or not TABLES.is_emergency(called)
    assert bool(signs & PRIORITY) == bool(priority)


def test_ordinary_numbers_are_not_marked() -> None:
    """Or every call would be looked at one by one."""
    calls = calls_in(batch_of([setup(calling_number="+12125550123", called_number="+13105550456")]))

    assert calls.signs.tolist() == [0]


@given(st.integers(0, 5).flatmap(lambda n: st.lists(st.lists(st.integers(-2, 3), min_size=9, max_size=9), max_size=n)))
def test_leading_features_are_the_first_of_a_stable_sort(rows: list[list[int]]) -> None:
    """Most first, of equal ones the first in the table, only positive ones."""
    credit = np.array(rows, np.float64).reshape(len(rows), 9)

    found = leading(credit)

    for row, columns in zip(credit, found.tolist(), strict=True):
        order = np.argsort(-row, kind="stable")[:MODEL_FEATURES]
        assert [column for column in columns if column >= 0] == [c for c in order.tolist() if row[c] > 0]


def test_some_of_the_calls_are_those_calls() -> None:
    """Whatever is asked of them."""
    calls = calls_of([setup(f"call-{number}", trunk_group_id=f"t-{number}") for number in range(4)])

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
