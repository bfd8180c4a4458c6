"""Shares with their interval, and sums."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.scorecards.counts import CONFIDENCE_Z, Counts, summed, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_the_published_one(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), method 3, worked out by hand."""
    found = wilson(hits, of)

    assert found is not None
    assert (found.share, round(found.low, 4), round(found.high, 4)) == (hits / of, low, high)


@given(st.integers(1, 10**9).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_both_ends_are_where_the_share_would_be_just_that_far_off(counted: tuple[int, int]) -> None:
    hits, of = counted
    found = wilson(hits, of)

    assert found is not None
    assert 0.0 <= found.low <= found.share + 1e-12
    assert found.share <= found.high + 1e-12 <= 1.0 + 1e-12
    for end in (found.low, found.high):
        if 0.0 < end < 1.0:
            off = abs(found.share - end) / math.sqrt(end * (1 - end) / of)
            assert off == pytest.approx(CONFIDENCE_Z, rel=1e-3)


def test_nothing_counted_is_no_share() -> None:
    assert wilson(0, 0) is None


def test_counts_are_summed_field_by_field() -> None:
    assert summed([]) == Counts()
    assert summed([Counts(calls=1, refused=2), Counts(calls=3, judged_before=4)]) == Counts(
        calls=4, refused=2, judged_before=4
    )
