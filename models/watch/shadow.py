"""A second model beside the one that decides: scored on the same calls, in a thread, never heard.

Decisions do not wait for it: rows are copied and left to the thread, which compiled code lets run beside the event
loop. What it cannot keep up with is skipped and counted; what it breaks on is counted and ends it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.contract.decisions import Action
from detector.contract.ports import Classifier, FeatureMatrix
from detector.policy.settings import Thresholds
from models.watch.comparison import ACTIONS, action_codes, count_pairs

MOST_WAITING = 32
"""Batches that may wait for the thread."""
MOST_FEATURES = 5


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One call that the two models would treat differently; it names no number and no call.

    Attributes:
        features: value of those that most separate the two, by index in the feature table.
    """

    active_action: Action
    shadow_action: Action
    active_score: float
    shadow_score: float
    features: dict[int, float]


class Shadow:
    """Scores batches with a second model and counts where its treatment would differ, by score and threshold alone.

    It has a thread of its own, which begins with the first batch and ends at `stop`. What the second model raises ends
    the comparison, never a decision: `failure` names it.

    Args:
        active: the model that decides.
        model: the one beside it.
        thresholds: asked anew for each batch.
        told: given one call of each batch that holds a disagreement; called in the thread.
    """

    def __init__(
        self,
        active: Classifier,
        model: Classifier,
        thresholds: Callable[[], Thresholds],
        told: Callable[[Disagreement], None],
    ) -> None:
        self._active = active
        self.model = model
        self._thresholds = thresholds
        self._told = told
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow-model")
        self._waiting = 0
        self._done = 0
        self._pairs: NDArray[np.int64] = np.zeros((len(ACTIONS), len(ACTIONS)), np.int64)
        self.skipped = 0
        """Calls that were not scored because the thread was behind."""
        self.failure: str | None = None
        """Class of the error that ended it; None while it runs."""

    @property
    def pairs(self) -> dict[tuple[str, str], int]:
        """Calls by what the active and the shadow model would do, all nine pairs; may be read while it counts."""
        return {
            (str(one), str(other)): int(self._pairs[i, j])
            for i, one in enumerate(ACTIONS)
            for j, other in enumerate(ACTIONS)
        }

    def offer(self, rows: FeatureMatrix, scores: NDArray[np.float64]) -> None:
        """Leave calls and the active model's scores to the thread; returns at once, and raises nothing.

        Called after each batch that the active model has scored. Rows and scores are copied. Where more than
        `MOST_WAITING` batches wait, or after a failure, the batch is dropped.

        Args:
            rows: shape (n_calls, n_features) float32.
            scores: the active model's calibrated probabilities of them, shape (n_calls,).
        """
        if self.failure is not None:
            return
        if self._waiting - self._done >= MOST_WAITING:
            self.skipped += len(rows)
            return
        self._waiting += 1
        self._thread.submit(self._compare, rows.copy(), scores.copy())

    def settle(self) -> None:
        """Block until everything that was offered is counted; for tests and for comparisons that end.

        Raises:
            RuntimeError: it was stopped.
        """
        self._thread.submit(lambda: None).result()

    def stop(self) -> None:
        """Score nothing more; returns at once. Batches that wait are dropped; `offer` must not be called afterwards."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compare(self, rows: FeatureMatrix, scores: NDArray[np.float64]) -> None:
        try:
            if self.failure is None:
                self._count(rows, scores)
        except Exception as error:  # noqa: BLE001 - whatever it is, no decision may notice
            self.failure = type(error).__name__
        finally:
            self._done += 1

    def _count(self, rows: FeatureMatrix, scores: NDArray[np.float64]) -> None:
        thresholds = self._thresholds()
        others = self.model.score(rows)
        codes, other_codes = action_codes(scores, thresholds), action_codes(others, thresholds)
        self._pairs += count_pairs(codes, other_codes)
        apart = np.flatnonzero(codes != other_codes)
        if len(apart):
            row = int(apart[0])
            self._told(
                Disagreement(
                    ACTIONS[codes[row]],
                    ACTIONS[other_codes[row]],
                    float(scores[row]),
                    float(others[row]),
                    self._separating(rows[row : row + 1]),
                )
            )

    def _separating(self, row: FeatureMatrix) -> dict[int, float]:
        """The features to which the two models give the most different weight on a call."""
        gap = np.zeros(row.shape[1])
        for model, sign in ((self.model, 1.0), (self._active, -1.0)):
            own = model.contributions(row)[0]  # of a smaller table only the first columns
            gap[: len(own)] += sign * own
        gap = np.abs(gap)
        return {int(column): float(row[0, column]) for column in np.argsort(-gap)[:MOST_FEATURES]}
