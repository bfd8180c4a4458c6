"""How soon campaigns are stopped: counted as a walk from call to call would count."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judge.stopping import campaign_sizes, seen_from_first, stopping
from tests.models.judge.judged_calls import begun_before, calls


def test_calls_until_a_campaign_is_hit_are_counted_with_the_hit_call() -> None:
    """Campaign a is hit at its second call, b at its first, c never: 1, 2 and infinitely many, of which half are 2."""
    data = calls([(name, True, name, "flood") for name in ("a", "b", "a", "c")] + [("d", False, "", "person")])

    found = stopping(data, np.array([False, True, True, False, True]), seen_from_first(data))

    assert (found["campaigns"], found["never"], found["median"], found["p90"]) == (3, 1, 2.0, None)
    assert found["calls_stopped"] == pytest.approx((0.5 + 1 + 0) / 3)


def test_a_campaign_that_began_before_the_judged_calls_is_left_out_and_told() -> None:
    """Both of x's first judged calls are hit, which says nothing of how soon; y is hit at its second call."""
    data = begun_before()

    found = stopping(data, np.array([True, False, True, True, True, False]), seen_from_first(data))

    assert (found["campaigns"], found["began_before"], found["median"]) == (1, 1, 2.0)
    assert found["until_half"]["campaigns"] == 1
    assert found["calls_stopped"] == 0.5


def test_campaigns_are_told_with_their_size_in_the_judged_calls() -> None:
    """Three and two calls, of which the first campaign began before; lawful calls alone have none."""
    found = campaign_sizes(begun_before())

    assert found == {"campaigns": 2, "began_before": 1, "median": 2.5, "most": 3}
    assert campaign_sizes(calls([("a", False, "", "k")])) == {
        "campaigns": 0,
        "began_before": 0,
        "median": None,
        "most": None,
    }


def test_no_campaign_has_no_quantile() -> None:
    """Labels without campaigns: nothing is known of how soon they are stopped."""
    data = calls([("a", True, "", "k"), ("b", False, "", "k")])

    found = stopping(data, np.array([True, False]), seen_from_first(data))

    assert (found["campaigns"], found["median"], found["calls_stopped"]) == (0, None, None)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=60))
def test_stopping_is_that_of_a_walk_through_each_campaign(pairs: list[tuple[int, bool]]) -> None:
    """The twin walks from call to call; half are stopped from the first hit on from which half of the rest are."""
    data = calls([("n", True, f"c{campaign}", "k") for campaign, _ in pairs])

    first, half = [], []
    for campaign in {campaign for campaign, _ in pairs}:
        hits = [hit for one, hit in pairs if one == campaign]
        first.append(next((place for place, hit in enumerate(hits, 1) if hit), np.inf))
        halves = (Fraction(sum(hits[place:]), len(hits) - place) >= Fraction(1, 2) for place in range(len(hits)))
        half.append(
            next((place for place, (hit, ok) in enumerate(zip(hits, halves, strict=True), 1) if hit and ok), np.inf)
        )

    found = stopping(data, np.array([hit for _, hit in pairs]), seen_from_first(data))

    for values, entry in ((first, found), (half, found["until_half"])):
        median = float(np.quantile(sorted(values), 0.5, method="higher"))
        assert entry["median"] == (median if np.isfinite(median) else None)
        assert entry["never"] == sum(np.isinf(value) for value in values)
