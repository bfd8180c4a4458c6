"""Alerts at equal volumes: as many of any model."""

import numpy as np

from models.adapt.alerts import highest


def test_a_share_of_the_calls_is_highest_and_of_equal_ones_the_earlier() -> None:
    """Four of eight: two that lead, and of five that tie the first two."""
    margins = np.array([1.0, 1.0, 5.0, 1.0, 1.0, 6.0, 0.0, 1.0])

    assert np.flatnonzero(highest(margins, 0.5)).tolist() == [0, 1, 2, 5]


def test_one_call_is_highest_at_least() -> None:
    assert highest(np.array([1.0, 2.0]), 0.001).tolist() == [False, True]
