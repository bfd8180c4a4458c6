"""Classifiers whose score a test chooses. They keep the contract of `detector.contract.ports.Classifier`."""

import numpy as np

from detector.columns.arrays import Floats
from detector.contract.ports import FeatureMatrix, Scored
from detector.features.table import FEATURE_SCHEMA_ID, INDEX


class FixedScore:
    """Gives every call the same score, and no feature a share in it.

    Args:
        score: Probability in [0, 1].
    """

    version = "fixed-score-1"
    schema_id = FEATURE_SCHEMA_ID
    group_weight = 0.0

    def __init__(self, score: float) -> None:
        self._score = score

    def score(self, rows: FeatureMatrix) -> Floats:
        """Return the chosen score, shape (n_calls,)."""
        return np.full(len(rows), self._score)

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Return the score twice: nothing is calibrated."""
        scores = self.score(rows)
        return Scored(scores, scores)

    def raw(self, rows: FeatureMatrix) -> Floats:
        """Return the same as `score`."""
        return self.score(rows)

    def calibrated(self, margins: Floats) -> Floats:
        """Return them as they are, shape (n_calls,), as far as they are probabilities."""
        return np.clip(margins, 0.0, 1.0)

    def contributions(self, rows: FeatureMatrix) -> Floats:
        """Return zeros, shape (n_calls, n_features)."""
        return np.zeros(rows.shape)


class ScoreFromFeature:
    """Gives the value of one feature as the score: a test that writes features down writes scores down.

    Args:
        feature: Name of the feature; its values must be in [0, 1], or `NOT_ENOUGH_DATA`, which scores 0.
        group_weight: How much what is known of the calls around a call adds.

    Attributes:
        rows_scored: Rows that it was asked to score.
        rows_explained: Rows that it was asked to explain.
    """

    version = "score-from-feature-1"
    schema_id = FEATURE_SCHEMA_ID

    def __init__(self, feature: str = "number_asr_24h", *, group_weight: float = 0.0) -> None:
        self.feature = feature
        self.group_weight = group_weight
        self.rows_scored = 0
        self.rows_explained = 0

    def score(self, rows: FeatureMatrix) -> Floats:
        """Return the feature's values, shape (n_calls,)."""
        self.rows_scored += len(rows)
        # Through six digits, so that a float32 0.98 is the 0.98 that the test wrote.
        return np.array([max(0.0, float(f"{value:.6g}")) for value in rows[:, INDEX[self.feature]]], np.float64)

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Return the score twice: nothing is calibrated."""
        scores = self.score(rows)
        return Scored(scores, scores)

    def raw(self, rows: FeatureMatrix) -> Floats:
        """Return the same as `score`."""
        return self.score(rows)

    def calibrated(self, margins: Floats) -> Floats:
        """Return them as they are, shape (n_calls,), as far as they are probabilities."""
        return np.clip(margins, 0.0, 1.0)

    def contributions(self, rows: FeatureMatrix) -> Floats:
        """Return every feature's own value as what it added, shape (n_calls, n_features)."""
        self.rows_explained += len(rows)
        return rows.astype(np.float64)
