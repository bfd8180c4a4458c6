"""Why a call got its raw score: what each feature added on the row's path through the trees, compiled.

Path attribution after Saabas: from parent to child the expected score changes, and the change is credited to the
feature that was asked. It is exactly additive, and cheap enough to run for every call that is labelled or blocked.
"""

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled_borrowing
from detector.contract.ports import FeatureMatrix
from models.serve.forest import Forest


@compiled_borrowing
def _credit_paths(
    rows: NDArray[np.float32],
    tree_start: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float64],
    credit: NDArray[np.float64],
) -> None:
    """Add to `credit[row, feature]` the change of expected score at each split on the row's path.

    The child is computed, not branched to: a processor guesses every second side wrong, which doubled the time.
    """
    for row in range(rows.shape[0]):
        for tree in range(len(tree_start) - 1):
            node = np.uint64(tree_start[tree])
            while left[node] >= 0:
                asked = np.uint64(feature[node])
                goes_right = np.int32(rows[row, asked] > threshold[node])
                child = np.uint64(left[node] + (right[node] - left[node]) * goes_right)
                credit[row, asked] += value[child] - value[node]
                node = child


def contributions(forest: Forest, rows: FeatureMatrix) -> NDArray[np.float64]:
    """Contributions in log-odds, shape (n, n_features) float64; with `forest.expected()` they sum to the raw score.

    Called for the calls that are labelled or blocked. It never blocks; the first call compiles.

    Args:
        forest: checked.
        rows: shape (n, n_features) float32.

    Raises:
        ValueError: rows of another shape or type.
    """
    if rows.ndim != 2 or rows.shape[1] != forest.n_features or rows.dtype != np.float32:  # noqa: PLR2004
        raise ValueError(f"rows must be float32 of shape (n, {forest.n_features}), got {rows.dtype} {rows.shape}")
    credit = np.zeros(rows.shape, np.float64)
    _credit_paths(
        np.ascontiguousarray(rows),
        forest.tree_start,
        forest.feature,
        forest.threshold,
        forest.left,
        forest.right,
        forest.value,
        credit,
    )
    return credit
