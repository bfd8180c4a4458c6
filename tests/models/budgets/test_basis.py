"""What a budget goes by: the lowest margin at which all of them keep it, as a slow search finds it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.policy.settings import StandingBlocks
from models.budgets.basis import Basis
from models.budgets.bounds import ReferenceCalls, callers_needed, share_from

BUDGET, CONFIDENCE = 0.2, 0.9


def calls_of(margins: list[int]) -> ReferenceCalls:
    """One call each."""
    n = len(margins)
    return ReferenceCalls(np.array(margins, float), np.arange(n), np.full(n, 1 / n), np.arange(n) * 3_600_000)


def is_kept(basis: Basis, margin: float) -> bool:
    """The slow twin: senders by their bound, people and everybody by what is found."""
    if share_from(basis.calls, margin, CONFIDENCE).most > BUDGET:
        return False
    others = [(basis.people, BUDGET), (basis.everybody, basis.times * BUDGET)]
    return all(
        calls is None
        or share >= 1
        or calls.n_callers < callers_needed(share, CONFIDENCE)
        or np.mean(calls.margins >= margin) <= share
        for calls, share in others
    )


MARGINS = st.lists(st.integers(0, 9), min_size=1, max_size=40)


@given(senders=MARGINS, people=MARGINS, strangers=MARGINS, times=st.sampled_from([1.0, 2.0, 4.0, 50.0]))
def test_the_margin_is_the_lowest_at_which_each_keeps_the_budget(
    senders: list[int], people: list[int], strangers: list[int], times: float
) -> None:
    everybody = calls_of([*senders, *people, *strangers])
    basis = Basis(calls_of(senders), people=calls_of(people), everybody=everybody, times=times)
    tried = np.arange(-1.0, 10.5, 0.5)
    kept = [is_kept(basis, margin) for margin in tried]

    found = basis.lowest(BUDGET, CONFIDENCE)

    if len(senders) < callers_needed(BUDGET, CONFIDENCE):
        assert found is None
        return
    assert found is not None
    assert found.most <= BUDGET
    assert is_kept(basis, found.margin)
    hits = [one for one in tried if one >= found.margin]
    assert all(kept[-len(hits) :])
    below = tried[tried < found.margin - 1]
    assert not any(is_kept(basis, margin) for margin in below)
    assert basis.at(found.margin, BUDGET, CONFIDENCE) == found


def test_what_others_use_counts_as_a_part_of_the_budget() -> None:
    """Of 100 senders none is hit; half of all calls are, where four times the budget may be: 0.5 / 0.8 of it."""
    basis = Basis(calls_of([0] * 100), everybody=calls_of([0, 9] * 50), times=4.0)

    found = basis.at(5.0, BUDGET, CONFIDENCE)

    assert found.share == 0.0
    assert found.most == pytest.approx(0.5 * BUDGET / 0.8)


def test_standing_blocks_of_people_count_like_those_of_senders() -> None:
    """Whoever is blocked ten times within a minute is blocked from then on."""
    hot = ReferenceCalls(
        np.append(np.full(10, 8.0), np.zeros(30)), np.zeros(40, np.int64), np.full(40, 1 / 40), np.arange(40)
    )
    calm = calls_of([0] * 40)

    found = Basis(calm, people=hot).with_standing_blocks(BUDGET, CONFIDENCE, StandingBlocks())

    assert found.people is not None
    assert (found.calls.margins == 0).all()
    assert (found.people.margins == 8.0).sum() > 10
