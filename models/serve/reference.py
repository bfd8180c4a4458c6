"""How the features and scores of a model's test calls were distributed: what later traffic is compared with.

Ten bins a feature, cut at its deciles, so that each holds about a tenth of the calls; a feature with few values has
fewer. Scores are counted in a thousand equal bins, fine enough to read the share above any threshold.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix
from models.errors import ArtifactCorrupt

N_BINS = 10
SCORE_BINS = 1_000
TYPES = {"edges": np.float32, "counts": np.int64, "scores": np.int64, "weights": np.float64}
"""Arrays of a reference and the type of their elements."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Histograms of the calls that a model was judged on.

    Attributes:
        edges: Shape (n_features, 9) float32, rising; a value is in the bin after the edges that are below it. Unused
            edges at the end are infinite.
        counts: Shape (n_features, 10) int64.
        scores: Shape (1000,) int64; bin `i` holds scores in `[i / 1000, (i + 1) / 1000)`, the last one 1.0 too.
        weights: Shape (n_features,) float64, not negative: how much each feature moves the score, in any unit.
    """

    edges: NDArray[np.float32]
    counts: NDArray[np.int64]
    scores: NDArray[np.int64]
    weights: NDArray[np.float64]

    @staticmethod
    def measure(rows: FeatureMatrix, scores: NDArray[np.float64], contributions: NDArray[np.float64]) -> "Reference":
        """Count calls (at least one), and weigh features by mean absolute contribution, shape (any, n_features)."""
        n_features = rows.shape[1]
        edges = np.full((n_features, N_BINS - 1), np.inf, np.float32)
        counts = np.zeros((n_features, N_BINS), np.int64)
        for column in range(n_features):
            values = rows[:, column]
            cuts = np.unique(np.quantile(values, np.linspace(0, 1, N_BINS + 1)[1:-1], method="lower"))
            edges[column, : len(cuts)] = cuts
            counts[column] = np.bincount(np.searchsorted(edges[column], values, side="left"), minlength=N_BINS)
        return Reference(edges, counts, count_scores(scores), np.abs(contributions).mean(axis=0))

    def counted(self, rows: FeatureMatrix, scores: NDArray[np.float64]) -> "Reference":
        """Histograms of other calls in the same bins, with the same weights; some 3 us a call.

        Args:
            rows: Shape (n, n_features) float32.
            scores: Calibrated probabilities of the same calls, shape (n,).
        """
        counts = np.zeros_like(self.counts)
        for column, edges in enumerate(self.edges):
            counts[column] = np.bincount(np.searchsorted(edges, rows[:, column], side="left"), minlength=N_BINS)
        return Reference(self.edges, counts, count_scores(scores), self.weights)

    def added(self, other: "Reference") -> "Reference":
        """Both histograms together; the bins must be the same."""
        return Reference(self.edges, self.counts + other.counts, self.scores + other.scores, self.weights)

    def share_from(self, threshold: float) -> float:
        """Share of calls whose score reaches a threshold, to the thousandth bin."""
        return share_from(self.scores, threshold)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What an artifact keeps."""
        return {name: getattr(self, name) for name in TYPES}

    @staticmethod
    def of_arrays(arrays: dict[str, NDArray[Any]], n_features: int) -> "Reference":
        """Read what `arrays` gave.

        Raises:
            ArtifactCorrupt: it is not that.
        """
        shapes = {
            "edges": (n_features, N_BINS - 1),
            "counts": (n_features, N_BINS),
            "scores": (SCORE_BINS,),
            "weights": (n_features,),
        }
        for name, shape in shapes.items():
            array = arrays.get(name)
            if array is None or array.shape != shape or array.dtype != TYPES[name]:
                raise ArtifactCorrupt(f"the model's reference lacks {name} of shape {shape}: train it again")
        found = Reference(**{name: arrays[name] for name in TYPES})
        totals = found.counts.sum(axis=1)
        sound = bool((found.counts >= 0).all() and (found.scores >= 0).all() and found.scores.sum() > 0)
        sound = sound and bool(np.isfinite(found.weights).all() and (found.weights >= 0).all())
        # Equal infinite edges differ by NaN, which is not below zero either.
        with np.errstate(invalid="ignore"):
            sound = sound and not np.isnan(found.edges).any() and not (np.diff(found.edges, axis=1) < 0).any()
        if not sound or not (totals == found.scores.sum()).all():
            raise ArtifactCorrupt("the model's reference is no set of histograms: train it again")
        return found


def count_scores(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Histogram of scores in [0, 1], shape (1000,)."""
    return np.bincount(np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1), minlength=SCORE_BINS)


def share_from(counts: NDArray[np.int64], threshold: float) -> float:
    """Share of a score histogram from the bin of `threshold` on; 0 of an empty one."""
    total = int(counts.sum())
    first = min(round(threshold * SCORE_BINS), SCORE_BINS - 1)
    return float(counts[first:].sum() / total) if total else 0.0
