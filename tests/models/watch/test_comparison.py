"""Two models side by side: actions by threshold, disagreements by pair, what the features weigh."""

import numpy as np

from detector.policy.settings import Thresholds
from models.serve.artifact import Model
from models.serve.scorer import UNCALIBRATED, TreeScorer
from models.watch.comparison import Artifact, action_codes, differences, disagreement, importance
from tests.models.serve.stumps import stump

THRESHOLDS = Thresholds(label_at=0.6, label_clear=0.5, block_at=0.9, block_clear=0.6)
ROWS = np.array([[0, 0], [1, 0], [1, 0], [0, 1]], np.float32)


def artifact(feature: int, seed: int) -> Artifact:
    """Blocks where one feature is set; trained with a seed, says its manifest."""
    manifest = {
        "version": f"gbt-{feature}",
        "feature_names": ["one", "other"],
        "thresholds": {"block_at": 0.9},
        "metrics": {"recall_at_0.001": 0.5 + feature / 10},
        "provenance": {"seed": seed, "parameters": {"n_trees": 1}},
    }
    scorer = TreeScorer(stump(feature=feature, low=-4.0, high=4.0, n_features=2), UNCALIBRATED)
    return Artifact(Model(scorer, manifest), ROWS)


def test_a_score_at_a_threshold_has_reached_it() -> None:
    """As in the policy: label from 0.6 on, block from 0.9 on."""
    scores = np.array([0.0, 0.5999, 0.6, 0.8999, 0.9, 1.0])

    assert action_codes(scores, THRESHOLDS).tolist() == [0, 0, 1, 1, 2, 2]


def test_disagreements_are_counted_by_pair() -> None:
    """The first model blocks rows 1 and 2, the second row 3; both allow row 0."""
    found = disagreement(artifact(0, 1).model, artifact(1, 2).model, ROWS, THRESHOLDS)

    assert found["differently_treated"] == 3
    assert {pair: calls for pair, calls in found["by_actions"].items() if calls} == {
        "block -> allow": 2,
        "allow -> block": 1,
    }
    assert found["largest_score_difference"] == found["mean_score_difference"] * 4 / 3


def test_only_what_differs_of_the_manifests_is_told() -> None:
    """The seed does, the number of trees does not; figures stand side by side whether or not they differ."""
    found = differences(artifact(0, 1), artifact(1, 2))

    assert found["versions"] == ["gbt-0", "gbt-1"]
    assert found["manifest"] == {"version": ["gbt-0", "gbt-1"], "provenance.seed": [1, 2]}
    assert found["metrics"] == {"recall_at_0.001": [0.5, 0.6]}
    assert found["thresholds"] == {"block_at": [0.9, 0.9]}


def test_a_feature_that_is_not_asked_weighs_nothing() -> None:
    """The other one moves the score by 4 log-odds from the mean on every row."""
    assert importance(artifact(0, 1)) == {"one": 4.0, "other": 0.0}
    assert list(differences(artifact(0, 1), artifact(1, 2))["importance"].values()) == [[4.0, 0.0], [0.0, 4.0]]
