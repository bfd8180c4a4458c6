"""Whether the calls that a model scores still look like those that it was judged on.

Every fourth call's features and every score are counted into the bins of the model's reference, in two panes of three
hours: what is read covers the last three to six hours, so a night is compared with a reference of whole days. The
population stability index (PSI) says how far a histogram has moved: below 0.1 is nothing, above 0.25 is another
population. Knows no clock: the time is an argument.

The alarm is on the mean over features, weighted by what each moves the score. Features of trunks are left out of it:
a carrier has a few of them, all its calls share their values, and their ages only grow, so their histograms move by
several units within any two hours of the same traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled
from detector.contract.ports import FeatureMatrix
from detector.features.schemas import own_columns
from detector.features.table import OF_TRUNK_GROUPS
from detector.policy.settings import Thresholds
from models.serve.reference import SCORE_BINS, Reference, count_scores, share_from

PANE_MS = 3 * 3_600_000
STRIDE = 4
"""One call in so many has its features counted."""
PSI_ALARM = 0.25
SMALLEST_SHARE = 1e-4
"""Shares below count as this: an empty bin must not make the index infinite."""
FEWEST_ROWS = 1_000
"""With fewer calls counted nothing is said: ten bins of chance alone would reach an index of 0.01."""
FEWEST_SCORES = 10_000
BAND = 3.0
"""The share of calls labelled or blocked may be so many times larger or smaller than on the reference."""


def psi(expected: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.float64]:
    """Population stability index between histograms of the same bins; 0 where one is empty.

    Args:
        expected: counts of calls, shape (..., n_bins).
        found: the same.

    Returns:
        Shape (...), float64, without unit, at least 0.
    """
    totals = [np.maximum(counts.sum(axis=-1, keepdims=True), 1) for counts in (expected, found)]
    before = np.maximum(expected / totals[0], SMALLEST_SHARE)
    after = np.maximum(found / totals[1], SMALLEST_SHARE)
    moved: NDArray[np.float64] = ((after - before) * np.log(after / before)).sum(axis=-1)
    return np.where((expected.sum(axis=-1) > 0) & (found.sum(axis=-1) > 0), moved, 0.0)


@compiled
def _count(
    rows: NDArray[np.float32], first: int, stride: int, edges: NDArray[np.float32], counts: NDArray[np.int64]
) -> None:
    """Add every `stride`-th row from `first` on to the histograms of its features."""
    for row in range(first, rows.shape[0], stride):
        for column in range(edges.shape[0]):
            value = rows[row, column]
            place = 0
            while place < edges.shape[1] and edges[column, place] < value:
                place += 1
            counts[column, place] += 1


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the scored calls, and the band in which the reference would have it."""

    found: float
    low: float
    high: float

    @property
    def is_outside(self) -> bool:
        """Whether the share has left its band."""
        return not self.low <= self.found <= self.high


@dataclass(frozen=True, slots=True)
class Drift:
    """What the last hours looked like beside the reference.

    Attributes:
        calls: scores counted.
        features: PSI by feature name; empty while there are too few calls.
        moved: their weighted mean without trunks; None while there are too few calls.
        scores: PSI of the scores; None while there are too few calls.
        shares: of calls whose score reaches `label_at` and `block_at`, by that name; empty while there are too few.
    """

    calls: int
    features: dict[str, float]
    moved: float | None
    scores: float | None
    shares: dict[str, Share]

    @property
    def alarms(self) -> list[str]:
        """What has moved too far: `features`, `scores`, `label_at`, `block_at`."""
        found = ["features"] if (self.moved or 0.0) > PSI_ALARM else []
        found += ["scores"] if (self.scores or 0.0) > PSI_ALARM else []
        return found + [name for name, share in self.shares.items() if share.is_outside]


def weights_of(reference: Reference, names: Sequence[str]) -> NDArray[np.float64]:
    """What each feature counts in the mean that the alarm is on, shape (n_features,), summing up to 1.

    Few trunk groups carry most calls, so what they do is told and raises no alarm.
    """
    counted = [name not in OF_TRUNK_GROUPS for name in names]
    weights = np.where(counted, reference.weights, 0.0)
    weighed: NDArray[np.float64] = weights / max(float(weights.sum()), np.finfo(np.float64).tiny)
    return weighed


def has_moved(before: Reference, after: Reference, names: Sequence[str]) -> bool:
    """Whether two counts in the same bins are so far apart that an alarm would ring: by features, or by scores.

    Args:
        before: At least one call.
        after: The same.
        names: Of the features, in order.
    """
    features = float(weights_of(before, names) @ psi(before.counts, after.counts))
    cuts = _tenths(before.scores)
    scores = float(psi(*(np.add.reduceat(one.scores, cuts) for one in (before, after))))
    return max(features, scores) > PSI_ALARM


class _Pane:
    """Counts of one span of time."""

    __slots__ = ("features", "scores", "since_ms")

    def __init__(self, since_ms: int, shape: tuple[int, ...]) -> None:
        self.since_ms = since_ms
        self.features: NDArray[np.int64] = np.zeros(shape, np.int64)
        self.scores: NDArray[np.int64] = np.zeros(SCORE_BINS, np.int64)


class DriftWatch:
    """Counts what a model is asked and answers.

    One thread counts; `drift` may be called from another, and may then miss the calls of that moment. Memory is two
    panes of histograms, whatever the traffic. Nothing blocks.

    Args:
        reference: of the model.
        names: of its features, in order.
        now_ms: start, on any clock that does not go back; the other times are of the same clock.
    """

    def __init__(self, reference: Reference, names: Sequence[str], now_ms: int) -> None:
        self._reference = reference
        self._names = tuple(names)
        self._now = _Pane(now_ms, reference.counts.shape)
        self._before = _Pane(now_ms, reference.counts.shape)
        self._next_row = 0
        self._score_cuts = _tenths(reference.scores)
        self._weights = weights_of(reference, self._names)

    def observe(self, rows: FeatureMatrix, scores: NDArray[np.float64], now_ms: int) -> None:
        """Count scored calls, about 0.2 us each; called after each batch that the model has scored.

        Args:
            rows: shape (n_calls, n_features) float32; more columns only of a table that extends the reference's.
            scores: calibrated probabilities of the same calls, shape (n_calls,).
            now_ms: on the clock that it was made with.

        Raises:
            ValueError: rows of another width than the reference: compiled code would read beyond them.
        """
        rows = own_columns(rows, len(self._reference.edges))
        if rows.shape[1] != len(self._reference.edges):
            raise ValueError(f"rows have {rows.shape[1]} features, the reference {len(self._reference.edges)}")
        if now_ms - self._now.since_ms >= PANE_MS:
            self._before, self._now = self._now, _Pane(now_ms, self._reference.counts.shape)
        _count(np.ascontiguousarray(rows), self._next_row, STRIDE, self._reference.edges, self._now.features)
        self._next_row = (self._next_row - len(rows)) % STRIDE
        self._now.scores += count_scores(scores)

    def warm(self) -> None:
        """Compile what `observe` needs, or load it from the cache; counts nothing."""
        edges = self._reference.edges
        _count(np.zeros((0, len(edges)), np.float32), 0, STRIDE, edges, self._now.features)

    def drift(self, thresholds: Thresholds) -> Drift:
        """Compare the last three to six hours with the reference; called when somebody looks at the metrics.

        Args:
            thresholds: of the policy, to tell the shares of calls labelled and blocked.
        """
        features = self._now.features + self._before.features
        scores = self._now.scores + self._before.scores
        calls = int(scores.sum())
        by_feature: dict[str, float] = {}
        moved = None
        if int(features[0].sum()) >= FEWEST_ROWS:
            found = psi(self._reference.counts, features)
            by_feature = dict(zip(self._names, found.tolist(), strict=True))
            moved = float(self._weights @ found)
        if calls < FEWEST_SCORES:
            return Drift(calls, by_feature, moved, None, {})
        scores_moved = psi(*(np.add.reduceat(counts, self._score_cuts) for counts in (self._reference.scores, scores)))
        shares = {
            name: self._share(scores, threshold)
            for name, threshold in (("label_at", thresholds.label_at), ("block_at", thresholds.block_at))
        }
        return Drift(calls, by_feature, moved, float(scores_moved), shares)

    def _share(self, scores: NDArray[np.int64], threshold: float) -> Share:
        expected = self._reference.share_from(threshold)
        return Share(share_from(scores, threshold), expected / BAND, min(expected * BAND, 1.0))


def _tenths(scores: NDArray[np.int64]) -> NDArray[np.int64]:
    """First of the fine score bins of each coarse one: cut where a tenth more of the calls is passed."""
    passed = np.cumsum(scores) / scores.sum()
    cuts = np.searchsorted(passed, np.linspace(0, 1, 11)[1:-1]) + 1
    return np.unique([0, *cuts[cuts < SCORE_BINS].tolist()]).astype(np.int64)
