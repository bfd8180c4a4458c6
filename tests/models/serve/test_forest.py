"""Trees as arrays: what scikit-learn computed, and nothing that compiled code could leave its arrays by."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from models.errors import ArtifactCorrupt
from models.serve.forest import MAX_LEAVES, check, forest_of, round_down
from tests.models.serve.forests import N_FEATURES, boosted, labels_of, rows_of
from tests.models.serve.stumps import stump

STUMP = stump(feature=1, low=-1.0, high=2.0, n_features=2)
"""Node 0 asks for column 1; nodes 1 and 2 are its leaves."""


def ints(*values: int) -> Any:
    return np.array(values, np.int32)


@given(threshold=st.floats(allow_nan=False), value=st.floats(allow_nan=False, width=32))
def test_rounding_a_threshold_down_changes_no_comparison(threshold: float, value: float) -> None:
    """For float32 values, `value <= threshold` is the same with the rounded threshold."""
    rounded = round_down(np.array([threshold]))[0]

    assert (np.float32(value) <= rounded) == (value <= threshold)


def test_arrays_are_scikit_learns_trees_one_after_the_other() -> None:
    """As many nodes and leaves, and the same addends at the leaves."""
    estimator = boosted(0, 3, 7)
    forest = forest_of(estimator)
    trees = [iteration[0].nodes for iteration in estimator._predictors]

    assert (forest.n_trees, forest.n_features) == (3, N_FEATURES)
    assert np.diff(forest.tree_start).tolist() == [len(nodes) for nodes in trees]
    nodes = np.concatenate(trees)
    is_leaf = nodes["is_leaf"].astype(bool)
    assert (forest.left == -1).tolist() == is_leaf.tolist()
    assert forest.value[is_leaf].tolist() == nodes["value"][is_leaf].tolist()


def test_an_inner_value_is_the_mean_of_its_leaves() -> None:
    """Of 30 rows at -1 and 10 at 2 the root holds -0.25, whatever scikit-learn stores there."""
    estimator = boosted(0, 1, 2)
    nodes = estimator._predictors[0][0].nodes
    root, low, high = nodes[0], nodes[nodes[0]["left"]], nodes[nodes[0]["right"]]

    found = forest_of(estimator).value[0]

    expected = (low["value"] * low["count"] + high["value"] * high["count"]) / root["count"]
    assert found == pytest.approx(expected)


def test_before_anything_is_known_the_score_is_that_of_the_roots() -> None:
    assert STUMP.expected() == 0.5
    assert replace(STUMP, baseline=1.0).expected() == 1.5


def test_categorical_splits_are_refused() -> None:
    rows = rows_of(0, 400)
    rows[:, 1] = np.abs(rows[:, 1])
    estimator = HistGradientBoostingClassifier(max_iter=3, categorical_features=[1], min_samples_leaf=5)
    labels = labels_of(0, rows) ^ (rows[:, 1] % 2 == 0)

    with pytest.raises(ValueError, match="without categorical_features"):
        forest_of(estimator.fit(rows, labels))


def test_more_leaves_than_bits_are_refused() -> None:
    """The scorer keeps a bit for each."""
    rows = rows_of(0, 4_000)
    estimator = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=MAX_LEAVES + 8, min_samples_leaf=5)

    with pytest.raises(ArtifactCorrupt, match="more than 32 leaves"):
        forest_of(estimator.fit(rows, labels_of(0, rows)))


def test_a_sound_forest_is_let_through() -> None:
    check(STUMP)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"left": ints(0, -1, -1)}, "outside of themselves"),  # its own child: a walk would never end
        ({"left": ints(3, -1, -1)}, "outside of themselves"),
        ({"right": ints(-2, -1, -1)}, "outside of themselves"),
        ({"left": ints(1, -2, -1)}, "outside of themselves"),
        ({"left": ints(2, -1, -1)}, "share or lose nodes"),
        ({"feature": ints(2, 0, 0)}, "features that do not exist"),
        ({"feature": ints(-1, 0, 0)}, "features that do not exist"),
        ({"feature": ints(1, 0)}, "do not fit together"),
        ({"tree_start": ints(0, 2)}, "do not fit together"),
        ({"tree_start": ints(0, 0, 3)}, "do not fit together"),
        ({"tree_start": ints(3)}, "do not fit together"),
        ({"threshold": np.array([np.nan, 0, 0], np.float32)}, "no numbers"),
        ({"value": np.array([0, np.inf, 0])}, "no numbers"),
        ({"baseline": float("nan")}, "no numbers"),
        ({"left": np.array([1, -1, -1])}, "wrong type"),
    ],
)
def test_whatever_a_walk_could_leave_its_arrays_by_is_refused(damage: dict[str, Any], said: str) -> None:
    """Compiled code checks no bounds."""
    with pytest.raises(ArtifactCorrupt, match=said):
        check(replace(STUMP, **damage))
