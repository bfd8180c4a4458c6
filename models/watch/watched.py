"""The model that decides, with those who watch it: drift against its reference, and a shadow model where one is set."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import Classifier, FeatureMatrix, Scored
from detector.features.schemas import wider
from models.watch.drift import DriftWatch
from models.watch.shadow import Shadow


class WatchedModel:
    """A classifier that answers exactly as the model in it does. Satisfies `detector.contract.ports.Classifier`.

    Args:
        model: decides.
        drift: counts what it is asked; None where the model has no reference.
        shadow: scores beside it; None for none.
        clock_ms: milliseconds that do not go back.
    """

    def __init__(
        self, model: Classifier, drift: DriftWatch | None, shadow: Shadow | None, clock_ms: Callable[[], int]
    ) -> None:
        self.model = model
        self.drift = drift
        self.shadow = shadow
        self._clock_ms = clock_ms
        self.failure: str | None = None
        """Class of the error for which all watching was given up; None while it goes on."""

    @property
    def version(self) -> str:
        """Of the model."""
        return self.model.version

    @property
    def schema_id(self) -> str:
        """Of the model, or of the shadow where that wants more features."""
        return self.model.schema_id if self.shadow is None else wider(self.model.schema_id, self.shadow.model.schema_id)

    @property
    def group_weight(self) -> float:
        """Of the model."""
        return self.model.group_weight

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Scores of the model alone, as `scored`."""
        return self.scored(rows).scores

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Scores and margins of the model; whoever watches cannot change them, nor keep them back.

        Called for each batch of calls, on the event loop. It blocks no longer than the model, and raises only what the
        model raises: an error of whoever watches ends the watching.

        Args:
            rows: shape (n_calls, n_features) float32, no NaN.

        Returns:
            Shape (n_calls,) float64 each.
        """
        found = self.model.scored(rows)
        try:
            if self.shadow is not None:
                self.shadow.offer(rows, found.scores)
            if self.drift is not None:
                self.drift.observe(rows, found.scores, self._clock_ms())
        except Exception as error:  # noqa: BLE001 - whatever it is, no decision may notice
            self.drift, self.shadow, self.failure = None, None, type(error).__name__
        return found

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Raw scores of the model in log-odds, shape (n_calls,) float64; nobody watches."""
        return self.model.raw(rows)

    def calibrated(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of margins by the model, shape (n_calls,) float64."""
        return self.model.calibrated(margins)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Contributions of the model in log-odds, shape (n_calls, n_features) float64; nobody watches."""
        return self.model.contributions(rows)

    def warm(self) -> None:
        """Compile everything that a call may need; called in a thread before this is put in place."""
        model: Any = self.model
        if hasattr(model, "warm"):
            model.warm()
        if self.drift is not None:
            self.drift.warm()


def unwatched(classifier: Classifier) -> Classifier:
    """The model itself: for calls that were decided before, which whoever watches has seen or is not to see."""
    return classifier.model if isinstance(classifier, WatchedModel) else classifier
