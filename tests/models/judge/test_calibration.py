"""The calibration error against figures reckoned by hand and against a loop over bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judge.calibration import N_BINS, expected_calibration_error


def test_calibration_error_of_two_bins() -> None:
    """Four calls at 0.12, one a robocall: gap 0.13. One at 0.92, none: gap 0.92. Mean (4 * 0.13 + 0.92) / 5."""
    scores = np.array([0.12, 0.12, 0.12, 0.12, 0.92])
    truth = np.array([True, False, False, False, False])

    assert expected_calibration_error(scores, truth) == pytest.approx((4 * 0.13 + 0.92) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_calibration_error_is_that_of_a_loop_over_bins(pairs: list[tuple[float, bool]]) -> None:
    """The twin collects the calls of one bin after the other; probability one belongs to the last bin."""
    scores, truth = np.array([score for score, _ in pairs]), np.array([robocall for _, robocall in pairs])

    expected = 0.0
    for number in range(N_BINS):
        inside = [pair for pair in pairs if min(int(pair[0] * N_BINS), N_BINS - 1) == number]
        expected += abs(sum(score for score, _ in inside) - sum(robocall for _, robocall in inside)) / len(pairs)

    assert expected_calibration_error(scores, truth) == pytest.approx(expected, abs=1e-12)
