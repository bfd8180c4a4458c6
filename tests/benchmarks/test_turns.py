"""Runs take turns until their ratio is known, against intervals worked out by hand."""

from collections.abc import Callable
from functools import partial

import pytest

from benchmarks.harness.turns import FEWEST, Limits, in_words, ratio_of, take_turns


def test_a_slow_hour_is_in_both_runs_of_a_turn_and_not_in_the_ratio() -> None:
    """The second is always 1.1 times the first, whatever the machine does."""
    hours = [1.0, 1.9, 1.8, 1.0, 2.5, 1.2]
    found = ratio_of([11 * hour for hour in hours], [10 * hour for hour in hours])
    assert (found.ratio, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    assert found.is_within(0.001)


def test_the_interval_is_that_of_the_median() -> None:
    """Of ten the second and the ninth enclose the median with at least 95 % (binomial: 97.9 %)."""
    found = ratio_of([1.00, 1.01, 1.02, 1.03, 1.04, 1.06, 1.07, 1.08, 1.09, 9.00], [1.0] * 10)
    assert (found.ratio, found.low, found.high, found.turns) == pytest.approx((1.05, 1.01, 1.09, 10))
    assert found.spread == pytest.approx(0.04 / 1.05)


def test_with_few_turns_nothing_is_known_however_alike_they_are() -> None:
    found = ratio_of([2.0] * (FEWEST - 1), [1.0] * (FEWEST - 1))
    assert not found.is_within(0.5)
    assert ratio_of([2.0] * FEWEST, [1.0] * FEWEST).is_within(0.5)


def test_runs_follow_each_other_until_the_ratio_is_narrow() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return 1.0

    runs: dict[str, Callable[[], float]] = {name: partial(run, name) for name in "AB"}
    found = take_turns(runs, base="A", cost=float, limits=Limits(within=0.02, most=30))
    assert order == ["A", "B"] * FEWEST
    assert found == {"A": [1.0] * FEWEST, "B": [1.0] * FEWEST}


def test_a_ratio_that_never_gets_narrow_ends_with_the_turns() -> None:
    costs = iter([1.0, 1.0, 1.0, 2.0] * 10)
    runs: dict[str, Callable[[], float]] = dict.fromkeys("AB", lambda: next(costs))
    found = take_turns(runs, base="A", cost=float, limits=Limits(within=0.02, most=8))
    assert ratio_of(found["B"], found["A"]).turns == 8


def test_a_ratio_is_read_with_its_interval() -> None:
    assert in_words(ratio_of([3.0], [2.0])) == "1.500 (one turn)"
    assert in_words(ratio_of([30.0, 36.0], [2.0, 2.0])) == "16.5 (15.0 to 18.0, 2 turns)"
