"""Raw and calibrated scores of boosted trees, compiled: the same numbers as scikit-learn, many times faster.

A batch of a few rows walks the nodes. A larger one is scored by bit masks (V-QuickScorer, Lucchese et al., SIGIR 2016):
each node that sends a row to the right clears the leaves of its left subtree, and the lowest leaf left over is the
row's. 64 rows stand side by side, so that one comparison serves many rows. Both add the leaves in tree order in
float64, as scikit-learn does, so the raw score is the same to the last bit.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled, compiled_borrowing
from detector.contract.ports import FeatureMatrix
from models.errors import ArtifactCorrupt
from models.serve.forest import MAX_LEAVES, Forest

BLOCK_ROWS = 64
LANES = 16
FEWEST_ROWS_FOR_MASKS = 3
"""Below this many rows the node walk is faster (measured: 120 trees of 31 leaves, other rows each time)."""

ALL_LEAVES = np.uint32(0xFFFFFFFF)
_DE_BRUIJN = np.uint32(0x077CB531)


def _bit_positions() -> NDArray[np.int32]:
    """Position of the one set bit, at the index that multiplying by the de Bruijn sequence gives it."""
    table = np.zeros(32, np.int32)
    for position in range(32):
        table[((int(_DE_BRUIJN) << position) & 0xFFFFFFFF) >> 27] = position
    return table


_POSITION_OF_BIT = _bit_positions()


@compiled_borrowing
def _walk(
    rows: NDArray[np.float32],
    tree_start: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float64],
    raw: NDArray[np.float64],
) -> bool:
    """Add every tree's leaf to `raw`, row by row. False where a row holds NaN."""
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            if np.isnan(rows[row, column]):
                return False
        total = raw[row]
        for tree in range(len(tree_start) - 1):
            node = np.uint64(tree_start[tree])
            while left[node] >= 0:  # the child is computed, not branched to: see `models.serve.explain`
                goes_right = np.int32(rows[row, np.uint64(feature[node])] > threshold[node])
                node = np.uint64(left[node] + (right[node] - left[node]) * goes_right)
            total += value[node]
        raw[row] = total
    return True


@compiled
def _score_by_masks(
    rows: NDArray[np.float32],
    split_start: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    mask: NDArray[np.uint32],
    leaf_value: NDArray[np.float64],
    position_of_bit: NDArray[np.int32],
    raw: NDArray[np.float64],
) -> bool:
    """Add every tree's leaf to `raw`, 64 rows at a time. False where a row holds NaN."""
    n_rows, n_features = rows.shape
    side_by_side = np.zeros((n_features, BLOCK_ROWS), np.float32)
    leaves = np.empty(BLOCK_ROWS, np.uint32)
    totals = np.zeros(BLOCK_ROWS, np.float64)
    for first in range(0, n_rows, BLOCK_ROWS):
        n_block = min(BLOCK_ROWS, n_rows - first)
        # Whole groups of lanes, so that the inner loop has no ragged end; the surplus lanes are computed and dropped.
        n_lanes = (n_block + LANES - 1) // LANES * LANES
        for row in range(n_block):
            totals[row] = raw[first + row]
            for column in range(n_features):
                cell = rows[first + row, column]
                if np.isnan(cell):
                    return False
                side_by_side[column, row] = cell
        for tree in range(len(split_start) - 1):
            leaves[:n_lanes] = ALL_LEAVES
            for split in range(split_start[tree], split_start[tree + 1]):
                column_values = side_by_side[feature[split]]
                limit = threshold[split]
                kept = mask[split]
                for lane in range(n_lanes):
                    leaves[lane] &= kept if column_values[lane] > limit else ALL_LEAVES
            for row in range(n_block):
                lowest = np.uint32(leaves[row] & np.uint32(~leaves[row] + np.uint32(1)))
                totals[row] += leaf_value[tree, position_of_bit[np.uint32(lowest * _DE_BRUIJN) >> np.uint32(27)]]
        for row in range(n_block):
            raw[first + row] = totals[row]
    return True


@dataclass(frozen=True, slots=True, eq=False)
class _Masks:
    """Trees in the shape that `_score_by_masks` reads: per split its mask, per tree its leaves from left to right."""

    split_start: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    mask: NDArray[np.uint32]
    leaf_value: NDArray[np.float64]


def _masks_of(forest: Forest) -> _Masks:
    """Number each tree's leaves from left to right and make the mask of each split."""
    splits: list[int] = []
    masks: list[int] = []
    split_start = [0]
    leaf_value = np.zeros((forest.n_trees, MAX_LEAVES))
    left, right = forest.left.tolist(), forest.right.tolist()

    def visit(node: int, tree: int, n_leaves: int) -> int:
        """Number the leaves under `node` from `n_leaves` on; return the next free number."""
        if left[node] < 0:
            leaf_value[tree, n_leaves] = forest.value[node]
            return n_leaves + 1
        after_left = visit(left[node], tree, n_leaves)
        splits.append(node)
        masks.append(int(ALL_LEAVES) & ~((1 << after_left) - (1 << n_leaves)))
        return visit(right[node], tree, after_left)

    for tree, root in enumerate(forest.tree_start[:-1].tolist()):
        visit(root, tree, 0)
        split_start.append(len(splits))
    nodes = np.array(splits, np.int64)
    return _Masks(
        np.array(split_start, np.int32),
        forest.feature[nodes],
        forest.threshold[nodes],
        np.array(masks, np.uint32),
        leaf_value,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Map from raw score (log-odds) to calibrated probability in [0, 1].

    `isotonic`: linear between the points (`x` raw score, `y` probability), flat outside.
    `sigmoid`: `1 / (1 + exp(a * raw + b))` with `a = x[0]`, `b = y[0]`; `a = -1, b = 0` leaves it uncalibrated.
    """

    kind: Literal["isotonic", "sigmoid"]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def check(self) -> None:
        """Check that this is a map into [0, 1]: finite, and rising where it is isotonic.

        Raises:
            ArtifactCorrupt: it is none.
        """
        sound = self.x.ndim == 1 and self.x.shape == self.y.shape and len(self.x) > 0
        sound = sound and bool(np.isfinite(self.x).all() and np.isfinite(self.y).all())
        if sound and self.kind == "isotonic":
            rises = np.all(np.diff(self.x) > 0) and np.all(np.diff(self.y) >= 0)
            sound = bool(rises and self.y[0] >= 0 and self.y[-1] <= 1)
        elif sound:
            sound = self.kind == "sigmoid" and len(self.x) == 1
        if not sound:
            raise ArtifactCorrupt("the model's calibration is no map into [0, 1]: train it again")

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability in [0, 1] for each raw score in log-odds; same shape, float64."""
        if self.kind == "isotonic":
            return np.interp(raw, self.x, self.y)
        with np.errstate(over="ignore"):
            probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(self.x[0] * raw + self.y[0]))
        return probability


UNCALIBRATED = Calibration("sigmoid", np.array([-1.0]), np.array([0.0]))


def calibration_of(calibrated: Any) -> Calibration:
    """Take the calibration out of a fitted `CalibratedClassifierCV` around one frozen estimator.

    Raises:
        ValueError: it is neither isotonic nor a sigmoid.
    """
    (classifier,) = calibrated.calibrated_classifiers_
    (calibrator,) = classifier.calibrators
    if classifier.method == "isotonic":
        return Calibration(
            "isotonic", calibrator.X_thresholds_.astype(np.float64), calibrator.y_thresholds_.astype(np.float64)
        )
    if classifier.method == "sigmoid":
        return Calibration("sigmoid", np.array([float(calibrator.a_)]), np.array([float(calibrator.b_)]))
    raise ValueError(f"calibration {classifier.method} cannot be compiled: use isotonic or sigmoid")


class TreeScorer:
    """Scores rows with one forest and one calibration. Immutable, so threads may share it; it never blocks.

    The first call compiles, or loads from the cache, one of two kernels: that for fewer than `FEWEST_ROWS_FOR_MASKS`
    rows or that for more.

    Args:
        forest: checked (`models.serve.forest.check`): compiled code checks no bounds.
        calibration: checked likewise.
    """

    def __init__(self, forest: Forest, calibration: Calibration) -> None:
        self.forest = forest
        self.calibration = calibration
        self._masks = _masks_of(forest)

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Raw scores in log-odds, shape (n,) float64.

        Args:
            rows: shape (n, n_features) float32, without NaN; copied when it is not C-contiguous.

        Raises:
            ValueError: rows of another shape or type, or with NaN.
        """
        forest, masks = self.forest, self._masks
        if rows.ndim != 2 or rows.shape[1] != forest.n_features or rows.dtype != np.float32:  # noqa: PLR2004
            raise ValueError(f"rows must be float32 of shape (n, {forest.n_features}), got {rows.dtype} {rows.shape}")
        rows = np.ascontiguousarray(rows)
        raw = np.full(len(rows), forest.baseline)
        if len(rows) < FEWEST_ROWS_FOR_MASKS:
            whole = _walk(
                rows, forest.tree_start, forest.feature, forest.threshold, forest.left, forest.right, forest.value, raw
            )
        else:
            whole = _score_by_masks(
                rows,
                masks.split_start,
                masks.feature,
                masks.threshold,
                masks.mask,
                masks.leaf_value,
                _POSITION_OF_BIT,
                raw,
            )
        if not whole:
            raise ValueError("a feature row holds NaN: features are numbers, or NOT_ENOUGH_DATA")
        return raw

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Calibrated probability of a robocall for each row, shape (n,) float64, in [0, 1]; see `raw`."""
        return self.calibration.apply(self.raw(rows))
