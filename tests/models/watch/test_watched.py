"""Whoever watches a model changes no score, keeps none back, and is dropped when it fails."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix
from detector.testing import FixedScore
from models.serve.scorer import UNCALIBRATED, TreeScorer
from models.watch.watched import WatchedModel, unwatched
from tests.models.serve.stumps import stump

ROWS = np.array([[0.0], [1.0]], np.float32)


class Stump(FixedScore):
    """A model of one question."""

    version, schema_id = "gbt-stump", "f0"

    def __init__(self) -> None:
        super().__init__(0.0)
        self._scorer = TreeScorer(stump(feature=0, low=-1.0, high=1.0, n_features=1), UNCALIBRATED)
        self.is_warm = False

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        return self._scorer.score(rows)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        return rows.astype(np.float64)

    def warm(self) -> None:
        self.is_warm = True


class Watcher:
    """Notes what it is shown; fails when it is told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.seen: list[tuple[int, int | None]] = []
        self.model = Stump()
        self._failure = failure

    def offer(self, rows: FeatureMatrix, scores: NDArray[np.float64]) -> None:
        self.observe(rows, scores, None)

    def observe(self, rows: FeatureMatrix, scores: NDArray[np.float64], now_ms: int | None) -> None:
        if self._failure is not None:
            raise self._failure
        self.seen.append((len(rows), now_ms))
        assert len(scores) == len(rows)


def watched(drift: Any, shadow: Any) -> WatchedModel:
    return WatchedModel(Stump(), drift, shadow, lambda: 7)


def test_scores_are_those_of_the_model_and_both_watchers_see_each_batch() -> None:
    drift, shadow = Watcher(), Watcher()
    model = watched(drift, shadow)

    found = model.score(ROWS)

    assert found.tolist() == Stump().score(ROWS).tolist()
    assert (drift.seen, shadow.seen) == ([(2, 7)], [(2, None)])
    assert model.contributions(ROWS).tolist() == [[0.0], [1.0]]
    assert (model.version, model.schema_id) == ("gbt-stump", "f0")


@pytest.mark.parametrize("place", [0, 1])
def test_a_watcher_that_fails_is_dropped_and_named(place: int) -> None:
    """And the other with it: a call must not wait for either again."""
    watchers: list[Watcher] = [Watcher(), Watcher()]
    watchers[place] = Watcher(RuntimeError("broken"))
    model = watched(*watchers)

    assert model.score(ROWS).tolist() == Stump().score(ROWS).tolist()
    assert (model.drift, model.shadow, model.failure) == (None, None, "RuntimeError")
    assert model.score(ROWS).tolist() == Stump().score(ROWS).tolist()


def test_what_the_model_raises_comes_through() -> None:
    """It is for the screener to fail open."""
    with pytest.raises(ValueError, match="float32"):
        watched(None, None).score(ROWS.astype(np.float64))


def test_warming_warms_the_model() -> None:
    model = watched(None, None)

    model.warm()

    assert isinstance(model.model, Stump)
    assert model.model.is_warm


def test_a_call_that_was_decided_before_is_not_watched() -> None:
    inner = Stump()

    assert unwatched(WatchedModel(inner, None, None, lambda: 0)) is inner
    assert unwatched(inner) is inner
