"""The smallest forest: one tree that asks one question, so that a test can say what a model answers."""

import numpy as np

from models.serve.forest import Forest


def stump(*, feature: int, low: float, high: float, n_features: int) -> Forest:
    """Raw score `low` where the feature is at most 0.5, else `high`."""
    return Forest(
        n_features=n_features,
        baseline=0.0,
        tree_start=np.array([0, 3], np.int32),
        feature=np.array([feature, 0, 0], np.int32),
        threshold=np.array([0.5, 0, 0], np.float32),
        left=np.array([1, -1, -1], np.int32),
        right=np.array([2, -1, -1], np.int32),
        value=np.array([(low + high) / 2, low, high], np.float64),
    )
