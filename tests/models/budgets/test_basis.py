"""What a budget goes by: the lowest margin at which all of them keep it, as a slow search finds it."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.policy.settings import StandingBlocks
from models.budgets.basis import Basis
from models.budgets.bounds import ReferenceCalls, callers_needed

BUDGET, CONFIDENCE = 0.2, 0.9


def calls_of(margins: list[int]) -> ReferenceCalls:
    """One call each."""
    n = len(margins)
    return ReferenceCalls(np.array(margins, float), np.arange(n), np.arange(n) * 3_600_000)


def keepers(basis: Basis) -> list[tuple[ReferenceCalls, Callable[[float], bool]]]:
    """The slow twin: calls that have a say, and whether they keep the budget from a margin on."""

    def senders(margin: float) -> bool:
        return basis.calls.hit_from(margin, BUDGET, CONFIDENCE).most <= BUDGET

    def found(calls: ReferenceCalls, share: float, margin: float) -> bool:
        return float(np.mean(calls.margins >= margin)) <= share

    others = [(basis.people, BUDGET), (basis.everybody, basis.times * BUDGET)]
    of_others = [
        (calls, partial(found, calls, share))
        for calls, share in others
        if calls is not None and share < 1 and calls.n_callers >= callers_needed(share, CONFIDENCE)
    ]
    assert isinstance(basis.calls, ReferenceCalls)
    return [(basis.calls, senders), *of_others]


LOW = st.lists(st.integers(0, 4), min_size=1, max_size=60)
MARGINS = st.lists(st.integers(0, 99), min_size=1, max_size=40)


@settings(max_examples=300)
@given(senders=LOW | MARGINS, people=MARGINS, strangers=MARGINS, times=st.sampled_from([1.0, 2.0, 4.0, 50.0]))
def test_the_margin_is_the_lowest_at_which_each_keeps_the_budget(
    senders: list[int], people: list[int], strangers: list[int], times: float
) -> None:
    everybody = calls_of([*senders, *people, *strangers])
    basis = Basis(calls_of(senders), people=calls_of(people), everybody=everybody, times=times)

    found = basis.lowest(BUDGET, CONFIDENCE)

    if len(senders) < callers_needed(BUDGET, CONFIDENCE):
        assert found is None
        return
    assert found is not None
    assert found.most <= BUDGET
    all_of_them = keepers(basis)
    for margin in (found.margin, *range(math.ceil(found.margin), 101)):
        assert all(keeps(margin) for _, keeps in all_of_them)
    lower = basis.calls.margins[basis.calls.margins < found.margin]
    if found.margin in basis.calls.margins:  # senders allow no less: at their next lower margin they break it
        assert not len(lower) or not all_of_them[0][1](lower.max())
    else:  # just above the margin of a call that would be too much for somebody
        assert not all(keeps(math.nextafter(found.margin, -math.inf)) for _, keeps in all_of_them)
    assert basis.at(found.margin, BUDGET, CONFIDENCE) == found


def test_what_others_use_counts_as_a_part_of_the_budget() -> None:
    """Of 100 senders none is hit; half of all calls are, where four times the budget may be: 0.5 / 0.8 of it."""
    basis = Basis(calls_of([0] * 100), everybody=calls_of([0, 9] * 50), times=4.0)

    found = basis.at(5.0, BUDGET, CONFIDENCE)

    assert found.share == 0.0
    assert found.most == pytest.approx(0.5 * BUDGET / 0.8)


def test_standing_blocks_of_people_count_like_those_of_senders() -> None:
    """Whoever is blocked ten times within a minute is blocked from then on."""
    hot = ReferenceCalls(np.append(np.full(10, 8.0), np.zeros(30)), np.zeros(40, np.int64), np.arange(40))
    calm = calls_of([0] * 40)

    found = Basis(calm, people=hot).with_standing_blocks(BUDGET, CONFIDENCE, StandingBlocks())

    assert found.people is not None
    assert (found.calls.margins == 0).all()
    assert (found.people.margins == 8.0).sum() > 10
