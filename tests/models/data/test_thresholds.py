"""A threshold keeps the share of lawful calls that it may hit, and catches all that can be caught so."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.data.thresholds import threshold_at


def test_threshold_is_the_smallest_score_that_keeps_the_rate() -> None:
    """Of ten lawful calls one may be hit at 0.1: the second highest, 0.8, must not."""
    lawful = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9]
    robocalls = [0.8, 0.85, 0.95]
    scores = np.array(lawful + robocalls)
    truth = np.array([False] * 10 + [True] * 3)

    assert threshold_at(scores, truth, 0.1) == 0.85
    assert threshold_at(scores, truth, 0.0) == 0.95


def test_no_threshold_where_lawful_calls_hold_the_top() -> None:
    """Nothing is above the highest lawful call, so nothing may be blocked."""
    assert threshold_at(np.array([0.5, 1.0]), np.array([True, False]), 0.0) == np.inf


@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60).filter(
        lambda pairs: not all(robocall for _, robocall in pairs)
    ),
    st.sampled_from([0.0, 0.1, 0.3, 0.7]),
)
def test_recall_at_a_rate_is_the_best_of_all_thresholds(pairs: list[tuple[int, bool]], rate: float) -> None:
    """The twin tries every score that a call has, calls of one score being hit together or not at all."""
    scores = np.array([score for score, _ in pairs], np.float64)
    truth = np.array([robocall for _, robocall in pairs])
    lawful = [score for score, robocall in pairs if not robocall]
    robocalls = [score for score, robocall in pairs if robocall]

    best = 0
    for limit in range(9):
        if sum(score >= limit for score in lawful) <= int(rate * len(lawful)):
            best = max(best, sum(score >= limit for score in robocalls))

    assert int((scores[truth] >= threshold_at(scores, truth, rate)).sum()) == best
