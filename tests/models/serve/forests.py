"""Fitted estimators for tests: real scikit-learn, small, seeded."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator

N_FEATURES = 6


def rows_of(seed: int, n_rows: int) -> NDArray[np.float32]:
    """Rows with ties, the marker -1, tiny and huge values: where a comparison could go wrong."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n_rows, N_FEATURES)).astype(np.float32)
    rows[:, 1] = random.integers(0, 5, n_rows)
    rows[:, 2] = np.where(random.random(n_rows) < 0.3, -1.0, rows[:, 2] * 1e30)
    rows[:, 3] = (random.random(n_rows) * 1e-40).astype(np.float32)
    rows[:, 4] = np.float32(0.1) * random.integers(-3, 4, n_rows).astype(np.float32)
    return rows


def labels_of(seed: int, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Labels that depend on several columns, with noise, both classes present."""
    random = np.random.default_rng(seed + 1)
    drive = rows[:, 0] * rows[:, 1] + (rows[:, 2] > 0) + 3 * rows[:, 4] + random.normal(size=len(rows))
    return np.asarray(drive > np.median(drive))


@lru_cache(maxsize=64)
def boosted(seed: int, n_trees: int, max_leaf_nodes: int) -> Any:
    """A fitted `HistGradientBoostingClassifier`."""
    rows = rows_of(seed, 700)
    estimator = HistGradientBoostingClassifier(
        max_iter=n_trees,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=5,
        early_stopping=False,
        learning_rate=0.2,
        random_state=seed,
    )
    return estimator.fit(rows, labels_of(seed, rows))


@lru_cache(maxsize=64)
def calibrated(seed: int, n_trees: int, max_leaf_nodes: int, method: str) -> Any:
    """The same, calibrated on other rows."""
    rows = rows_of(seed + 10_000, 500)
    estimator = CalibratedClassifierCV(FrozenEstimator(boosted(seed, n_trees, max_leaf_nodes)), method=method)
    return estimator.fit(rows, labels_of(seed + 10_000, rows))
