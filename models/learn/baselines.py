"""What a model has to beat: the rate rules of the field, and a linear model. Scores only; higher means more suspect.

OpenSIPS' `fraud_detection` counts a number's calls in a gliding minute, in total, and in sequence; ClearIP's robocall
trigger counts its calls of 60 minutes. A rule blocks from a threshold on, so its count is its score.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from detector.contract.ports import FeatureMatrix
from detector.features.window_constants import DAY_MS, HOUR_MS, MINUTE_MS
from models.data.dataset import Dataset, trailing_counts

WINDOWS_MS = {"calls_per_minute": MINUTE_MS, "calls_per_60_minutes": HOUR_MS, "total_calls": DAY_MS}
SEQUENTIAL = ("number_sequential_ratio_1h", "number_attempts_1h")
"""Share of a number's calls that dial on in sequence, and its calls: their product is its calls in sequence."""
MOST_ROWS = 60_000
"""More rows do not change the linear model, and take minutes."""
CHUNK_ROWS = 60_000
"""Scored at a time: in float64 all of a million would take gigabytes."""

Scores = NDArray[np.float64]
Rank = Callable[[FeatureMatrix], Scores]
"""Score of each row, shape (n,), for rows of shape (n, n_features)."""


def rule_scores(data: Dataset) -> dict[str, Scores]:
    """Score of each call by each rule that the data allow, by name: float64 of shape (n_calls,), in calls.

    Called once a report; it takes processor time, for sorting the calls, and reads nothing.

    Total calls are those of 24 hours: OpenSIPS counts them within a profile's hours. Calls in sequence are the last
    hour's, from features: OpenSIPS counts calls to one prefix in a row, which labelled calls do not hold.
    """
    found = {
        name: trailing_counts(data.setup_time_ms, data.number, window_ms).astype(np.float64)
        for name, window_ms in WINDOWS_MS.items()
    }
    if set(SEQUENTIAL) <= set(data.feature_names):
        share, calls = (data.rows[:, data.feature_names.index(name)].astype(np.float64) for name in SEQUENTIAL)
        found["sequential_calls"] = np.maximum(share, 0.0) * calls
    return found


def linear_model(data: Dataset, learnt: NDArray[np.int64], seed: int) -> Rank:
    """Fit a logistic regression to the learnt calls; it takes processor time, some seconds, and reads nothing.

    Args:
        data: n_calls labelled calls.
        learnt: Positions in `data` of the calls to learn from, shape (n_learnt,); at most 60,000 of them are used.
        seed: Chooses which of them.

    Returns:
        A function from rows of shape (n, n_features) to log-odds of shape (n,).

    Raises:
        ValueError: The chosen calls are all robocalls or all lawful.
    """
    sample = np.sort(np.random.default_rng(seed).permutation(learnt)[:MOST_ROWS])
    linear = make_pipeline(
        FunctionTransformer(_compress), StandardScaler(), LogisticRegression(solver="newton-cholesky")
    )
    linear.fit(data.rows[sample].astype(np.float64), data.is_robocall[sample])

    def rank(rows: FeatureMatrix) -> Scores:
        found = np.empty(len(rows))
        for first in range(0, len(rows), CHUNK_ROWS):
            part = slice(first, first + CHUNK_ROWS)
            found[part] = linear.decision_function(rows[part].astype(np.float64))
        return found

    return rank


def _compress(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed logarithm: counts and ages spread over decades, which a linear model cannot take as they are."""
    compressed: NDArray[np.float64] = np.sign(rows) * np.log1p(np.abs(rows))
    return compressed
