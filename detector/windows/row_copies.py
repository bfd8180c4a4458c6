"""Copies of whole rows of a store, with what a reader sorts them by: a sweep fills them, a load takes them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints

PARTITION_COLUMN, LATEST_MS_COLUMN = range(2)
STATE_COLUMNS = 2
"""Columns of `RowCopies.state`."""


class RowCopies(NamedTuple):
    """Copies of n rows of one store.

    Attributes:
        state: (n, 2) int64: partition, -1 where all share it, and time of the latest event.
        row: (n, row bytes / 8) int64, the rows as they lie in the store, without links to other rows.
    """

    state: Ints
    row: Ints


NO_ROWS = RowCopies(np.zeros((0, STATE_COLUMNS), np.int64), np.zeros((0, 0), np.int64))


def named(rows: RowCopies, count: int) -> dict[str, NDArray[np.generic]]:
    """The first `count` of `rows` by name: views."""
    return {"state": rows.state[:count], "row": rows.row[:count]}
