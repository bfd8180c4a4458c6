"""The order statistics against a slow twin, by hand, and their coverage in simulated populations of callers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma

from models.budgets.bounds import Bounded, ReferenceCalls, callers_needed, cuts_at


def calls_of(margins: list[float], callers: list[int]) -> ReferenceCalls:
    return ReferenceCalls(np.array(margins), np.array(callers, np.int64), np.arange(len(margins), dtype=np.int64))


def slow(calls: ReferenceCalls, budget: float, confidence: float) -> Bounded | None:
    """The same from its definition: one margin after the other, one caller after the other."""
    callers = set(calls.callers.tolist())
    mean_weight = 1 / len(callers)

    def bound(margin: float) -> tuple[float, float]:
        of_each = [
            sum(
                one == caller and level >= margin
                for one, level in zip(calls.callers.tolist(), calls.margins.tolist(), strict=True)
            )
            / len(calls.margins)
            for caller in callers
        ]
        share, square = sum(of_each), sum(one**2 for one in of_each)
        mean, variance = share + mean_weight, square + mean_weight**2
        return share, float(gamma.ppf(confidence, mean**2 / variance, scale=variance / mean))

    nobody = bound(math.inf)
    if nobody[1] > budget:
        return None
    found = Bounded(float(np.nextafter(calls.margins.max(), np.inf)), *nobody)
    for margin in sorted(set(calls.margins.tolist()), reverse=True):
        share, most = bound(margin)
        if most > budget or share > budget:
            break
        found = Bounded(margin, share, most)
    return found


@settings(max_examples=300, deadline=None)
@given(
    calls=st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 12)), min_size=1, max_size=60),
    budget=st.sampled_from([0.1, 0.2, 0.35, 0.6, 0.9]),
    confidence=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_it_finds_what_the_slow_twin_finds(calls: list[tuple[int, int]], budget: float, confidence: float) -> None:
    made = calls_of([float(margin) for margin, _ in calls], [caller for _, caller in calls])

    found, expected = made.lowest(budget, confidence), slow(made, budget, confidence)

    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.margin == expected.margin
        assert found.share == pytest.approx(expected.share, abs=1e-12)
        assert found.most == pytest.approx(expected.most, rel=1e-9)
        again = made.hit_from(found.margin, budget, confidence)
        assert again.share == pytest.approx(found.share, abs=1e-12)
        assert again.most == pytest.approx(found.most, rel=1e-9)


def test_one_in_10_000_at_95_percent_takes_29_958_callers() -> None:
    """-ln(0.05) / 1e-4 = 29,957.3: with one caller less nothing is supported."""
    needed = callers_needed(1e-4, 0.95)
    assert needed == 29_958

    for count, is_supported in ((needed - 1, False), (needed, True)):
        made = calls_of([0.0] * count, list(range(count)))
        assert (made.lowest(1e-4, 0.95) is not None) is is_supported


def test_with_nobody_hit_the_threshold_is_above_every_reference() -> None:
    """1,000 callers show 0.003 at most: enough for one in 300 with none hit, not with one."""
    made = calls_of(list(map(float, range(1_000))), list(range(1_000)))

    found = made.lowest(0.003, 0.95)

    assert found is not None
    assert (found.share, found.margin) == (0.0, np.nextafter(999.0, np.inf))
    assert found.most == pytest.approx(-math.log(0.05) / 1_000)


def test_calls_of_one_caller_are_one_observation() -> None:
    """Ten hits of ten callers bound the share more closely than ten of one caller, whose like may be hit next."""
    count = 10_000
    margins = [1.0] * 10 + [0.0] * (count - 10)
    apart = calls_of(margins, list(range(count)))
    together = calls_of(margins, [0] * 10 + list(range(1, count - 9)))

    of_ten, of_one = (calls.hit_from(1.0, 1e-3, 0.95) for calls in (apart, together))

    assert of_ten.share == pytest.approx(1e-3)
    assert of_one.share == pytest.approx(1e-3)
    assert of_ten.most == pytest.approx(gamma.ppf(0.95, 11) / count)
    assert of_one.most > 1.5 * of_ten.most


@pytest.mark.parametrize("budget", [0.01, 0.003])
def test_the_bound_holds_as_often_as_it_says(budget: float) -> None:
    """400 samples of 4,000 callers with 1 to some hundred calls; a caller's margins scatter around its own level.

    The true share above the threshold is known from the normal distributions that calls are drawn from. 95 % are
    promised; with 400 samples fewer than 366 would be three standard deviations below it.
    """
    random = np.random.default_rng(20)
    kept = supported = 0
    for _ in range(400):
        sizes = np.minimum(np.ceil(random.lognormal(0.5, 1.0, 4_000)).astype(np.int64), 300)
        levels = random.normal(0.0, 1.0, 4_000)
        callers = np.repeat(np.arange(4_000), sizes)
        margins = levels[callers] + random.normal(0.0, 0.5, len(callers))
        found = ReferenceCalls(margins, callers, callers).lowest(budget, 0.95)
        if found is not None:
            supported += 1
            true_share = 0.5 * math.erfc(found.margin / math.sqrt(1.25) / math.sqrt(2.0))
            kept += true_share <= budget

    assert supported == 400
    assert kept >= 366


@given(margins=st.lists(st.integers(0, 9), min_size=1, max_size=40), shares=st.lists(st.floats(0.001, 1.5), min_size=1))
def test_cuts_are_the_lowest_that_hit_no_more(margins: list[int], shares: list[float]) -> None:
    calls = np.array(margins, float)
    for cut, share in zip(cuts_at(calls, shares), shares, strict=True):
        assert np.sum(calls >= cut) <= int(share * len(margins))
        lower = calls[calls < cut]
        assert not len(lower) or np.sum(calls >= lower.max()) > int(share * len(margins))
