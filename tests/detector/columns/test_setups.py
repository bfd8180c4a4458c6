"""The columns of a batch's calls say what their texts say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.setups import (
    IS_NAMED,
    IS_VOUCHED,
    MAY_BE_EMERGENCY,
    MAY_BE_FROM_911,
    MAY_BE_IMPOSSIBLE,
    MAY_BE_PRIORITY,
    Picked,
    calls_in,
    calls_of,
)
from detector.contract.events import Attestation
from detector.numbers.do_not_originate import DnoList, DnoTable
from detector.policy.emergency import is_from_911
from detector.policy.settings import Policy
from detector.policy.tables import PolicyTables
from detector.testing import batch_of, call_setup

TABLES = PolicyTables(Policy())
ALL_AREAS = DnoTable([DnoList.of(f"{area:03}" for area in range(1_000))])
national = st.text("0123456789", min_size=10, max_size=10) | st.sampled_from(list("0123456789")).map(lambda d: d * 10)
areas = st.sampled_from(["710", "911", "800273825", "212"])
numbers = (
    national.map(lambda digits: "+1" + digits)
    | st.builds(
        lambda plus, area, rest: plus + (area + rest)[:10], st.sampled_from(["+1", "1", "", "+"]), areas, national
    )
    | st.text("+0123456789sip:@", max_size=16)
    | st.sampled_from(["911", "+1911", "1911", "+911", "+18002738255"])
)


def test_a_foreign_number_is_looked_at_by_no_step_that_is_about_north_american_ones() -> None:
    """Traffic from abroad costs as little as any other."""
    foreign = [call_setup(f"{n}", calling_number=one) for n, one in enumerate(("+442079460000", "+5215512345678"))]

    assert calls_in(batch_of(foreign)).hints.tolist() == [0, 0]


@settings(max_examples=400)
@given(calling=numbers, called=numbers, priority=st.none() | st.just("") | st.just("psap-callback"))
def test_whatever_a_step_knows_by_its_form_is_hinted_at(calling: str, called: str, priority: str | None) -> None:
    """A call without the hint is looked at by no step, so it must be neither impossible nor an emergency."""
    calls = calls_in(batch_of([call_setup(calling_number=calling, called_number=called, priority=priority)]))

    (hints,) = calls.hints.tolist()

    assert hints & MAY_BE_IMPOSSIBLE or not TABLES.is_impossible(calling)
    assert hints & MAY_BE_IMPOSSIBLE or calls.calling_digits.item(0) or ALL_AREAS.match(calling) is None
    is_national = calls.called_digits.item(0) in TABLES.emergency.national.tolist()
    assert hints & MAY_BE_EMERGENCY or is_national or not TABLES.emergency.called(called)
    assert hints & MAY_BE_FROM_911 or not is_from_911(calling)
    assert bool(hints & MAY_BE_PRIORITY) == bool(priority)


@pytest.mark.parametrize(("names", "expected"), [(None, 0), ([], 0), (["Acme"], IS_NAMED)])
def test_names_that_were_signed_are_hinted_at(names: list[str] | None, expected: int) -> None:
    assert calls_in(batch_of([call_setup(own_names=names)])).hints.tolist() == [expected]


def test_ordinary_numbers_give_no_hint() -> None:
    """Or every call would be looked at one by one."""
    calls = calls_in(batch_of([call_setup(calling_number="+12125550123", called_number="+13105550456")]))

    assert calls.hints.tolist() == [0]


@pytest.mark.parametrize("verstat", [None, "TN-Validation-Passed", "TN-Validation-Passed-A", "TN-Validation-Failed"])
@pytest.mark.parametrize("attestation", [None, *Attestation])
def test_a_signature_vouches_when_it_was_verified_and_says_a(
    verstat: str | None, attestation: Attestation | None
) -> None:
    """B and C do not say that the number is the caller's, and a level without a verdict says nothing."""
    calls = calls_in(batch_of([call_setup(verstat=verstat, attestation=attestation)]))

    is_vouched = bool(calls.hints.item(0) & IS_VOUCHED)
    assert is_vouched == (attestation == "A" and (verstat or "").startswith("TN-Validation-Passed"))


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
