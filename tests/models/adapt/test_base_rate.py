"""The base rate is bounded from above by where labelled robocalls rank, and nothing is believed without evidence."""

import numpy as np
import pytest

from models.adapt.base_rate import FEWEST_CALLERS, MOST_TAUGHT, TAUGHT_BLINDLY, BaseRate, believed, taught_share

N = 100_000


def estimate(rate: float, sees: float, labelled: int, wrong: int = 0, of: float = 1.0) -> BaseRate | None:
    """Scores that tell robocalls apart so far, and labels of that weight, each of a caller of its own, some wrong."""
    random = np.random.default_rng(3)
    is_robocall = np.arange(N) < rate * N
    scores = random.normal(0.0, 1.0, N) + sees * is_robocall
    weight = np.zeros(N)
    weight[random.choice(np.flatnonzero(is_robocall), labelled - wrong, replace=False)] = of
    weight[random.choice(np.flatnonzero(~is_robocall), wrong, replace=False)] = of
    return believed(scores, weight, np.arange(labelled))


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.08])
def test_a_good_teacher_finds_it(rate: float) -> None:
    found = estimate(rate, sees=6.0, labelled=300)

    assert found is not None
    assert found.low <= found.share <= found.high
    assert rate * 0.7 < found.share < rate * 1.4
    assert taught_share(found) <= rate / 2 * 1.05


def test_wrong_complaints_are_allowed_for_by_their_weight() -> None:
    """Three in ten are wrong, which a weight of 0.4 says; taken for certain they would make it 5.7 %."""
    found = estimate(0.04, sees=6.0, labelled=400, wrong=120, of=0.4)
    certain = estimate(0.04, sees=6.0, labelled=400, wrong=120)

    assert found is not None
    assert certain is not None
    assert 0.03 < found.share < 0.05
    assert certain.share > 0.05


def test_many_calls_of_one_caller_count_once() -> None:
    """Labels of one loud caller at the top say nothing of the others: 31 callers, of whom one ranks high."""
    scores = np.concatenate([np.full(500, 9.0), np.zeros(N - 500)])
    weight = np.zeros(N)
    weight[:500] = weight[-30:] = 1.0
    caller = np.concatenate([np.zeros(500, np.int64), np.arange(1, 31)])

    assert believed(scores, weight, caller) is None


def test_nothing_is_believed_of_few_labels_or_of_a_teacher_who_does_not_see() -> None:
    assert estimate(0.05, sees=6.0, labelled=FEWEST_CALLERS - 1) is None
    assert estimate(0.05, sees=0.0, labelled=300) is None


def test_half_of_what_is_believed_is_taught_and_four_per_cent_at_most() -> None:
    """The lower end counts: too high a rate ruins the rounds."""
    assert taught_share(None) == TAUGHT_BLINDLY
    assert taught_share(BaseRate(0.02, 0.012, 0.03, 40)) == 0.006
    assert taught_share(BaseRate(0.15, 0.12, 0.18, 40)) == MOST_TAUGHT
