"""Rows of a batch at which a pair of keys stands first: a batch has many calls of few trunk groups. Compiled."""

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.compiled import compiled_borrowing

_SPREAD = 0x9E3779B1
_FREE = -1


@compiled_borrowing
def _find(one: Ints, other: Ints, table: Ints, rows: Ints) -> int:
    """Fill `rows` by means of an open-addressing `table` of rows; returns how many there are."""
    mask, found = len(table) - 1, 0
    for row in range(len(one)):
        place = (one[row] ^ (other[row] * _SPREAD)) & mask
        while table[place] != _FREE and (one[table[place]] != one[row] or other[table[place]] != other[row]):
            place = (place + 1) & mask
        if table[place] == _FREE:
            table[place] = row
            rows[found] = row
            found += 1
    return found


def first_rows(one: Ints, other: Ints) -> Ints:
    """Rows, ascending, at which each pair of `one` and `other`, both of shape (n,), stands for the first time."""
    table = np.full(1 << (2 * len(one)).bit_length(), _FREE, np.int64)
    rows = np.empty(len(one), np.int64)
    return rows[: _find(np.ascontiguousarray(one), np.ascontiguousarray(other), table, rows)]
