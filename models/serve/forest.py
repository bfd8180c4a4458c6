"""Boosted trees as flat arrays: taken from scikit-learn, checked before compiled code may walk them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ArtifactCorrupt

MAX_LEAVES = 32
"""Leaves of a tree; the scorer keeps one bit for each in 32-bit masks."""

ARRAY_TYPES = {
    "tree_start": np.dtype(np.int32),
    "feature": np.dtype(np.int32),
    "threshold": np.dtype(np.float32),
    "left": np.dtype(np.int32),
    "right": np.dtype(np.int32),
    "value": np.dtype(np.float64),
}


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Nodes of all trees as arrays, each tree's root first, children behind their parent. Not to be changed.

    Attributes:
        n_features: columns of the rows that it reads.
        baseline: addend of every call, log-odds.
        tree_start: shape (n_trees + 1,) int32; tree `t` owns the nodes from `tree_start[t]` up to, without,
            `tree_start[t + 1]`. The other arrays have one entry a node.
        feature: int32; column that an inner node asks for.
        threshold: float32; a row goes left where its value is at most this.
        left: int32; the left child, -1 at a leaf.
        right: int32; the right child, -1 at a leaf.
        value: float64, log-odds; the leaf's addend, and at an inner node the mean of its leaves weighted by training
            rows. scikit-learn stores unshrunk values there, which must not be used.
    """

    n_features: int
    baseline: float
    tree_start: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.tree_start) - 1

    def expected(self) -> float:
        """Raw score before anything is known of a call: baseline and root values, in log-odds."""
        return self.baseline + float(np.sum(self.value[self.tree_start[:-1]]))


def round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Largest float32 not above each threshold: for float32 `x`, `x <= t` stays exactly what it was."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    above = near.astype(np.float64) > thresholds
    return np.where(above, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def forest_of(estimator: Any) -> Forest:
    """Flatten a fitted binary `HistGradientBoostingClassifier`. Called once a training.

    Raises:
        ValueError: it has categorical splits.
        ArtifactCorrupt: it has trees of more than `MAX_LEAVES` leaves.
    """
    trees = [iteration[0].nodes for iteration in estimator._predictors]  # noqa: SLF001 - pinned by tests/models/serve/test_forest.py
    start = np.cumsum([0, *(len(nodes) for nodes in trees)]).astype(np.int32)
    nodes = np.concatenate(trees)
    if nodes["is_categorical"].any():
        raise ValueError("categorical splits cannot be compiled: train without categorical_features")
    shift = np.repeat(start[:-1], np.diff(start))
    is_leaf = nodes["is_leaf"].astype(bool)
    left = np.where(is_leaf, -1, nodes["left"].astype(np.int32) + shift).astype(np.int32)
    right = np.where(is_leaf, -1, nodes["right"].astype(np.int32) + shift).astype(np.int32)
    value = _mean_values(left, right, nodes["value"].astype(np.float64), nodes["count"].astype(np.float64))
    forest = Forest(
        n_features=int(estimator.n_features_in_),
        baseline=float(estimator._baseline_prediction[0, 0]),  # noqa: SLF001
        tree_start=start,
        feature=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=round_down(np.where(is_leaf, 0.0, nodes["num_threshold"])),
        left=left,
        right=right,
        value=value,
    )
    check(forest)
    return forest


def _mean_values(
    left: NDArray[np.int32], right: NDArray[np.int32], value: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values with those of inner nodes replaced by the count-weighted mean of their leaves, bottom up."""
    mean = value.copy()
    for node in range(len(value) - 1, -1, -1):
        low, high = left[node], right[node]
        if low >= 0:
            mean[node] = (mean[low] * count[low] + mean[high] * count[high]) / (count[low] + count[high])
    return mean


def check(forest: Forest) -> None:
    """Check that a compiled walk over these arrays ends, and never leaves them.

    Compiled code checks no bounds, so every index is checked here, once a loading.

    Raises:
        ArtifactCorrupt: it would not.
    """
    n_nodes = len(forest.feature)
    start = forest.tree_start
    arrays = {name: getattr(forest, name) for name in ARRAY_TYPES}
    if any(array.dtype != ARRAY_TYPES[name] or array.ndim != 1 for name, array in arrays.items()):
        raise ArtifactCorrupt("the model's trees have arrays of a wrong type: train it again")
    same_length = all(len(array) == n_nodes for name, array in arrays.items() if name != "tree_start")
    whole = len(start) >= 2 and start[0] == 0 and start[-1] == n_nodes and bool(np.all(np.diff(start) > 0))  # noqa: PLR2004
    if not (same_length and whole):
        raise ArtifactCorrupt("the model's tree arrays do not fit together: train it again")
    node = np.arange(n_nodes)
    end = np.repeat(start[1:], np.diff(start))
    inner = forest.left >= 0
    for child in (forest.left, forest.right):
        if not np.all(np.where(inner, (child > node) & (child < end), child == -1)):
            raise ArtifactCorrupt("the model's trees point outside of themselves: train it again")
    children = np.concatenate([forest.left[inner], forest.right[inner], start[:-1]])
    if len(children) != n_nodes or len(np.unique(children)) != n_nodes:
        raise ArtifactCorrupt("the model's trees share or lose nodes: train it again")
    if not np.all((forest.feature >= 0) & (forest.feature < forest.n_features)):
        raise ArtifactCorrupt("the model's trees read features that do not exist: train it again")
    if np.isnan(forest.threshold).any() or not np.isfinite(forest.value).all() or not np.isfinite(forest.baseline):
        raise ArtifactCorrupt("the model's trees hold values that are no numbers: train it again")
    leaves = np.add.reduceat(~inner, start[:-1])
    if int(np.max(leaves)) > MAX_LEAVES:
        raise ArtifactCorrupt(f"the model has trees of more than {MAX_LEAVES} leaves: train it with fewer")
