"""How far scores can be read as probabilities: what was promised, and what was found.

It needs nothing but arrays, so the gate of a promotion measures with it and loads neither trainer nor scikit-learn.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

N_BINS = 20

Scores = NDArray[np.float64]
"""One score for each call, shape (n_calls,)."""
Mask = NDArray[np.bool_]
"""Some of the calls, shape (n_calls,)."""


def expected_calibration_error(scores: Scores, is_robocall: Mask) -> float:
    """Mean gap between probability and observed share over 20 bins of equal width, weighted by calls.

    Args:
        scores: Probabilities in [0, 1], shape (n_calls,); at least one.
        is_robocall: What each call is, shape (n_calls,).

    Returns:
        A share in [0, 1].
    """
    curve = calibration_curve(scores, is_robocall)
    return float(sum(abs(one["promised"] - one["found"]) * one["calls"] for one in curve) / len(scores))


def calibration_curve(scores: Scores, is_robocall: Mask) -> list[dict[str, Any]]:
    """Mean probability promised, share of robocalls found and calls, for each of 20 bins of equal width with a call.

    See `expected_calibration_error` for the arguments.
    """
    bins = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    calls = np.bincount(bins, minlength=N_BINS)
    filled = np.flatnonzero(calls)
    promised = np.bincount(bins, weights=scores, minlength=N_BINS)[filled] / calls[filled]
    found = np.bincount(bins, weights=is_robocall, minlength=N_BINS)[filled] / calls[filled]
    return [
        {"promised": float(one), "found": float(other), "calls": int(count)}
        for one, other, count in zip(promised, found, calls[filled], strict=True)
    ]
