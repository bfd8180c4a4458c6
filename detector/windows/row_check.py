"""What a row from outside must be before it may stand in a store: compiled code believes what a row says of itself.

Whoever can write to a store of snapshots can write any row. It may say wrong counts; it may not lead an access out of
its array, stay when its partition is forgotten, or end the arithmetic of times. Everything else in a row is a count, a
hash or an age, of which the compiled code takes any value.
"""

import numpy as np
from numpy.typing import NDArray

from detector.columns.hashing import HASHED
from detector.features import window_constants
from detector.windows import row_copies
from detector.windows.layout import AT, COLD_BYTES, HELD, IS_PANED, KEY, LATEST_MS, OTHERS_MS, PARTITION, SINCE
from detector.windows.row_copies import RowCopies

TIMES_END_MS = 1 << 43
"""The year 2248: no event has a time from there on, and arithmetic of 64 bits has room for what is below."""

Rows = NDArray[np.bool_]


def check_rows(plan: NDArray[np.int64], rows: RowCopies) -> None:
    """Check all rows at once; called for each slice of a load, some ten nanoseconds a row.

    Args:
        plan: `Store.plan` of the store that is to take them.
        rows: of the shape of that store.

    Raises:
        ValueError: a row cannot have been written by a detector; says what is wrong.
    """
    row, state = rows.row, rows.state
    _demand(row[:, KEY] >= HASHED, "a key")
    _demand(_is_time(row[:, LATEST_MS]), "a time")
    _demand(row[:, LATEST_MS] == state[:, row_copies.LATEST_MS_COLUMN], "a time")
    partition = row.view(np.int16)[:, PARTITION]
    _demand((partition == state[:, row_copies.PARTITION_COLUMN]) & (partition >= -1), "a partition")
    if row.shape[1] * 8 > COLD_BYTES and plan[AT.row_bytes] > 0:  # of other memories the owner checks the rest
        _check_busy(plan, row)


def _check_busy(plan: NDArray[np.int64], row: NDArray[np.int64]) -> None:
    """Check what only the row of a busy key has."""
    single = row.view(np.uint8)
    _demand(single[:, HELD] <= window_constants.RING, "a number of exact calls")
    _demand(single[:, IS_PANED] <= 1, "a flag")
    if plan[AT.is_shared]:
        _demand(_is_time(row[:, OTHERS_MS]), "a time of others")
    if plan[AT.is_wide]:
        first, size = int(plan[AT.estimates]), SINCE + 1 + int(plan[AT.items])
        _demand(_is_time(row[:, first : first + 2 * size]), "an estimate")


def _is_time(values: NDArray[np.int64]) -> Rows:
    """Which are at least 0 and small enough to be reckoned with."""
    return np.asarray(values.view(np.uint64) < TIMES_END_MS)


def _demand(is_right: Rows, what: str) -> None:
    if not is_right.all():
        raise ValueError(f"a row has {what} that no detector writes: do not load it")
