"""Copies of whole rows, with what a reader needs to sort them by: what a sweep copies rows into and a load takes."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from detector.windows.slots import Store

Ints = NDArray[np.int64]

PARTITION, LATEST_MS = range(2)
STATE_COLUMNS = 2
"""Columns of `Rows.state`."""


class Rows(NamedTuple):
    """Rows of one store; n of them.

    Attributes:
        state: (n, 2) int64: partition, -1 where all share it, and time of the latest event.
        row: (n, row bytes / 8) int64, the rows as they lie in the store, without links to other rows.
    """

    state: Ints
    row: Ints


NO_ROWS = Rows(np.zeros((0, STATE_COLUMNS), np.int64), np.zeros((0, 0), np.int64))


def row_bytes(store: "Store") -> int:
    """Bytes of one row of `store`."""
    return 8 * int(store.w64.shape[1])


def shapes(store: "Store") -> dict[str, tuple[int, ...]]:
    """What one row has in each array of a block of `store`."""
    return {"state": (STATE_COLUMNS,), "row": (store.w64.shape[1],)}


def empty_rows(store: "Store", count: int) -> Rows:
    """Room for `count` rows of `store`; memory is used as it is filled."""
    return Rows(np.empty((count, STATE_COLUMNS), np.int64), np.empty((count, store.w64.shape[1]), np.int64))


def named(rows: Rows, count: int) -> dict[str, NDArray[np.generic]]:
    """The first `count` of `rows` by name: views."""
    return {"state": rows.state[:count], "row": rows.row[:count]}
