"""What the domain needs from outside, as protocols. Outer packages satisfy them."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FeatureMatrix = NDArray[np.float32]
"""Shape (n_calls, n_features), columns in the order of `detector.features.table.FEATURES`, never NaN."""


class Classifier(Protocol):
    """A trained model."""

    @property
    def version(self) -> str:
        """Name of the artifact: stable, at most 64 characters."""
        ...

    @property
    def schema_id(self) -> str:
        """Id of the feature table that it was trained on."""
        ...

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Calibrated probability of a robocall per row, shape (n_calls,), in [0, 1]."""
        ...

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Additive contribution of each feature to the raw score in log-odds, shape (n_calls, n_features)."""
        ...
