"""Doubt: a label counts by Bayes' theorem, its caller by the mean of its calls, and a caller is in one part."""

import numpy as np
import pytest

from models.adapt.doubt import EVEN, PARTS, WRONG, WRONG_ANSWERS, parted, trust
from models.adapt.labels import Labels
from models.adapt.teaching import SPOKEN_SHARE

SOURCES = ("analyst", "subscriber_report")


def labels_of(is_robocall: list[bool], source: list[int]) -> Labels:
    """One call without a label, then these."""
    n = 1 + len(source)
    weight = np.ones(n)
    weight[0] = 0.0
    return Labels(np.array([False, *is_robocall]), weight, np.array([0, *source]), SOURCES, 0)


def bayes(right: float, wrong: float) -> float:
    """Of a label that is wrong so often, where trees say so often that it is right."""
    return (1 - wrong) * right / ((1 - wrong) * right + wrong * (1 - right))


@pytest.mark.parametrize("log_odds", [-9.0, -EVEN, 0.0, 6.0])
def test_a_label_counts_by_what_trees_say_and_by_how_often_its_source_errs(log_odds: float) -> None:
    found = trust(labels_of([True, False, True], [0, 0, 1]), np.array([0, 1, 2]), np.full(3, log_odds))

    odds = np.exp(log_odds) / SPOKEN_SHARE  # labelled robocalls are a tenth of the lawful calls
    says = odds / (1 + odds)
    assert found == pytest.approx([bayes(says, WRONG_ANSWERS), bayes(1 - says, WRONG_ANSWERS), bayes(says, WRONG)])


def test_a_caller_counts_by_the_mean_of_its_calls() -> None:
    labels = labels_of([True, True, True], [0, 0, 0])

    found = trust(labels, np.array([0, 0, 1]), np.array([0.0, -4.0, -2.0]))

    assert found == pytest.approx([found[2]] * 3)


def test_all_calls_of_a_caller_are_in_one_part_and_parts_are_alike() -> None:
    caller = np.repeat(np.arange(103), 7)

    found = parted(caller, np.random.default_rng(1))

    assert (found.reshape(-1, 7) == found[::7, np.newaxis]).all()
    assert sorted(np.bincount(found[::7]).tolist()) == [20, 20, 21, 21, 21]
    assert PARTS == 5
    assert not len(parted(np.zeros(0, np.int64), np.random.default_rng(1)))
