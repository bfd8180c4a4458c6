"""What the domain needs of a trained model, as a protocol. Outer packages satisfy it, tests hold each of them to it."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FeatureMatrix = NDArray[np.float32]
"""Shape (n_calls, n_features), columns in the order of `detector.features.table.FEATURES`, never NaN."""


class Scored(NamedTuple):
    """What a model makes of n calls.

    Attributes:
        scores: Calibrated probabilities in [0, 1], shape (n,) float64.
        margins: Raw scores in log-odds, before calibration, shape (n,) float64. A call with the higher margin never has
            the lower score; calls with the same score are told apart by it.
    """

    scores: NDArray[np.float64]
    margins: NDArray[np.float64]


class Classifier(Protocol):
    """A trained model.

    It is asked from one thread, once for each batch, while the calls of the batch wait: it must not block, read files
    or wait for anything. What it says of a row depends on that row alone, and is the same each time. It leaves the rows
    as they are. Whatever it raises costs the call concerned its judgement, and the call passes (`Step.FAIL_OPEN`).
    `tests/contracts/test_classifiers.py` holds models and fakes to this.
    """

    @property
    def version(self) -> str:
        """Name of the artifact: 1 to 64 characters, the same for the life of the object."""
        ...

    @property
    def schema_id(self) -> str:
        """Id of the feature table that it was trained on; a screener refuses another one than its own."""
        ...

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Say how likely each call is to be a robocall.

        Args:
            rows: Shape (n_calls, n_features) float32, n_calls at least 1; they may be a view.

        Returns:
            Calibrated probabilities in [0, 1], shape (n_calls,) float64.
        """
        ...

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Score calls as `score` does, and give the margins that the scores were made of. What calls are decided by."""
        ...

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Give the margins alone, shape (n_calls,) float64: of calls that are not decided by it, and asked beside them.

        Args:
            rows: As for `score`.
        """
        ...

    @property
    def group_weight(self) -> float:
        """How much what is known of the calls around a call adds to its margin, at least 0; 0 = nothing is added."""
        ...

    def calibrated(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of margins, shape (n,); asked where thresholds are scores and groups have weight."""
        ...

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Say what each feature added to the raw score, for the reasons of a decision.

        It is asked for the calls that the model's step labels or blocks, so much less often than `score`.

        Args:
            rows: As for `score`.

        Returns:
            In log-odds, shape (n_calls, n_features) float64. Those above 0 raised the score.
        """
        ...
