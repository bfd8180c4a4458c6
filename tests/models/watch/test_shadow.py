"""The shadow model is scored beside the active one and cannot change, delay or fail a decision."""

import threading

import numpy as np
from numpy.typing import NDArray

from detector.contract.decisions import Action
from detector.contract.ports import FeatureMatrix
from detector.policy.settings import Thresholds
from detector.testing import FixedScore
from models.serve.artifact import Model
from models.serve.reference import Reference
from models.serve.scorer import UNCALIBRATED, TreeScorer
from models.watch.drift import DriftWatch
from models.watch.shadow import MOST_WAITING, Disagreement, Shadow
from models.watch.watched import WatchedModel
from tests.models.serve.stumps import stump

THRESHOLDS = Thresholds(label_at=0.6, label_clear=0.5, block_at=0.9, block_clear=0.6)
ROWS = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], np.float32)


def model(feature: int, high: float = 4.0) -> Model:
    """Blocks (or, with log-odds 1, labels) where the feature is set."""
    scorer = TreeScorer(stump(feature=feature, low=-4.0, high=high, n_features=2), UNCALIBRATED)
    return Model(scorer, {"version": f"gbt-{feature}-{high}", "schema_id": "f1"})


class Broken(FixedScore):
    """A model that cannot score."""

    version = "broken"
    schema_id = "f1"

    def __init__(self) -> None:
        super().__init__(0.0)

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        raise ZeroDivisionError(len(rows))


class Slow(Broken):
    """A model that scores when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.may_go_on = threading.Event()

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        self.began.set()
        self.may_go_on.wait()
        return np.zeros(len(rows))


def watched(shadow: Shadow | None, drift: DriftWatch | None = None) -> WatchedModel:
    return WatchedModel(model(0), drift, shadow, lambda: 0)


def shadow_of(other: Model | Broken, told: list[Disagreement] | None = None) -> Shadow:
    return Shadow(model(0), other, lambda: THRESHOLDS, (told if told is not None else []).append)


def test_disagreements_are_counted_by_pair_of_actions() -> None:
    """The active model blocks rows 1 and 2, the shadow row 3 only."""
    shadow = shadow_of(model(1))

    scores = watched(shadow).score(ROWS)
    shadow.settle()

    assert scores.tolist() == model(0).score(ROWS).tolist()
    pairs = {pair: calls for pair, calls in shadow.pairs.items() if calls}
    assert pairs == {("allow", "allow"): 1, ("block", "allow"): 2, ("allow", "block"): 1}


def test_one_call_of_a_batch_is_told_with_what_separates_the_models() -> None:
    """The first that is treated differently: its scores, and the features that weigh most differently."""
    told: list[Disagreement] = []
    shadow = shadow_of(model(0, high=1.0), told)

    watched(shadow).score(ROWS)
    shadow.settle()

    (one,) = told
    assert (one.active_action, one.shadow_action) == (Action.BLOCK, Action.LABEL)
    assert one.active_score > 0.9 > one.shadow_score
    assert next(iter(one.features.items())) == (0, 1.0)


def test_a_shadow_that_breaks_ends_and_nothing_else() -> None:
    """The active model's scores come as ever; the failure is named, and the shadow is asked no more."""
    shadow = shadow_of(Broken())
    judge = watched(shadow)

    first = judge.score(ROWS)
    shadow.settle()
    second = judge.score(ROWS)

    assert first.tolist() == second.tolist() == model(0).score(ROWS).tolist()
    assert shadow.failure == "ZeroDivisionError"
    assert sum(shadow.pairs.values()) == 0


def test_a_slow_shadow_keeps_nobody_waiting() -> None:
    """Decisions go on while it stands still; what does not fit into its queue is skipped and counted."""
    slow = Slow()
    shadow = shadow_of(slow)
    judge = watched(shadow)

    for _ in range(MOST_WAITING + 3):
        judge.score(ROWS)
    skipped = shadow.skipped
    slow.may_go_on.set()
    shadow.settle()

    assert skipped == 3 * len(ROWS)
    assert sum(shadow.pairs.values()) == MOST_WAITING * len(ROWS)


def test_the_rows_may_be_used_again_at_once() -> None:
    """The window engine fills the same matrix with the next batch."""
    slow = Slow()
    shadow = shadow_of(slow)
    rows = ROWS.copy()

    watched(shadow).score(rows)
    rows[:] = 1.0
    slow.may_go_on.set()
    shadow.settle()

    assert shadow.pairs["block", "allow"] == 2


def test_a_stopped_shadow_counts_no_more() -> None:
    """What was waiting is dropped."""
    slow = Slow()
    shadow = shadow_of(slow)
    judge = watched(shadow)
    judge.score(ROWS)
    slow.began.wait()
    judge.score(ROWS)

    shadow.stop()
    slow.may_go_on.set()
    shadow._thread.shutdown(wait=True)

    assert sum(shadow.pairs.values()) == len(ROWS)


def test_a_watch_that_breaks_is_given_up_and_nothing_else() -> None:
    """Here its reference is that of another feature table: three columns where the model has two."""
    reference = Reference.measure(np.zeros((4, 3), np.float32), np.zeros(4), np.ones((1, 3)))
    drift = DriftWatch(reference, ("a", "b", "c"), 0)
    judge = watched(None, drift)

    scores = judge.score(ROWS)

    assert scores.tolist() == model(0).score(ROWS).tolist()
    assert judge.drift is None
    assert judge.failure == "ValueError"


def test_a_shadow_that_was_stopped_keeps_no_batch_from_its_scores() -> None:
    """A batch that began with the former model ends with it, while the next model is put in place."""
    shadow = shadow_of(model(1))
    judge = watched(shadow)

    shadow.stop()

    assert judge.score(ROWS).tolist() == model(0).score(ROWS).tolist()
