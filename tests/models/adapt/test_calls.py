"""Lawful references among calls: whom they vouch for, and which half of them is learnt from."""

import numpy as np

from models.adapt.calls import lawful_in
from tests.models.adapt.spans import calls_of, made


def test_pairs_and_registered_senders_are_references() -> None:
    """A pair's calls to each other are, not their other calls; the sender's all are."""
    calls = calls_of([3, 6, 3, 5, 9], called=[6, 3, 99, 3, 99], talks=[(3, 6), (6, 3), (5, 3)])

    found = lawful_in(calls, np.array([9]))

    assert found.is_reference.tolist() == [True, True, False, False, True]


def test_a_victim_who_calls_back_does_not_vouch_for_a_campaign() -> None:
    """One of the campaign's four calls became a pair; the victim is vouched for, the campaign is not."""
    calls = calls_of([7, 7, 7, 7, 3], called=[3, 4, 5, 6, 7], talks=[(7, 3), (3, 7)])

    found = lawful_in(calls, np.array([], np.int64))

    assert found.is_reference.tolist() == [True, False, False, False, True]
    assert found.is_vouched.tolist() == [False, False, False, False, True]


def test_callers_without_a_number_vouch_for_nothing() -> None:
    calls = calls_of([0, 0, 3], called=[3, 3, 0], talks=[(0, 3), (3, 0)])

    found = lawful_in(calls, np.array([0]))

    assert not found.is_reference[:2].any()


def test_a_lot_draws_half_of_the_callers_to_be_learnt_from() -> None:
    """All calls of one caller fall to one side, and both sides have callers."""
    span = made(1)

    found = lawful_in(span.calls, np.array([], np.int64))

    taught, judging = (set(span.calls.number[one].tolist()) for one in (found.is_taught, found.is_judging))
    assert not taught & judging
    assert 0.3 < len(taught) / (len(taught) + len(judging)) < 0.7
    assert np.array_equal(found.is_taught | found.is_judging, found.is_reference)
