"""Feature rows of millions of calls: in blocks, so that they are in memory once and never copied as a whole."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix
from models.budgets.bounds import Floats, Ints

BLOCK = 65_536
"""Rows of a block: 49 MB of 187 features."""


class Rows:
    """Rows as they come, each known by its place from 0 on. One writer; readers come when all are there.

    Args:
        n_features: Columns of each.
    """

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._blocks: list[NDArray[np.float32]] = []
        self._n = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._n

    def add(self, rows: FeatureMatrix) -> None:
        """Copy rows behind the others, shape (n, n_features) float32."""
        while len(rows):
            used = self._n % BLOCK
            if not used:
                self._blocks.append(np.empty((BLOCK, self._n_features), np.float32))
            part = rows[: BLOCK - used]
            self._blocks[-1][used : used + len(part)] = part
            self._n += len(part)
            rows = rows[len(part) :]

    def take(self, chosen: Ints) -> NDArray[np.float32]:
        """Copies of some rows in the order of `chosen`, places of shape (n,); shape (n, n_features)."""
        found = np.empty((len(chosen), self._n_features), np.float32)
        of = chosen // BLOCK
        for block in np.unique(of).tolist():
            here = np.flatnonzero(of == block)
            found[here] = self._blocks[block][chosen[here] - block * BLOCK]
        return found

    def scored(self, score: Callable[[FeatureMatrix], Floats]) -> Floats:
        """What a function of rows says of each, shape (n,) float64; block by block, it blocks for processor time."""
        found = np.empty(self._n)
        for at, block in enumerate(self._blocks):
            begin = at * BLOCK
            found[begin : begin + BLOCK] = score(block[: self._n - begin])
        return found
