"""Texts that stand anywhere in a buffer, copied one behind the other. It knows no call and no record."""

import numpy as np

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing

_ONE = np.uint64(1)


@compiled_borrowing
def pack(data: Bytes, spans: Ints, packed: Bytes, at: int, gap: int) -> int:
    """Copy texts one behind the other, with zeros behind each. Linear in the bytes; never raises.

    Args:
        data: Holds the texts, shape (bytes,), read-only.
        spans: Start and stop of each text in `data`, shape (n, 2), contiguous. Overwritten: where they stand in
            `packed`. A text that is absent (start and stop are the same negative number) counts as empty.
        packed: Takes the texts, shape (at least `at` + their lengths + n * `gap`,).
        at: Where the first one goes.
        gap: Zero bytes behind each text.

    Returns:
        The place behind the last zero.
    """
    for row in range(len(spans)):
        start, length = spans[row, 0], spans[row, 1] - spans[row, 0]
        to = np.uint64(at)  # a signed index costs a test for wrap-around, which forbids copying many bytes at once
        for place in range(np.uint64(start), np.uint64(start + length)):
            packed[to] = data[place]
            to += _ONE
        spans[row, 0], spans[row, 1] = at, at + length
        at += length
        for _ in range(gap):
            packed[at] = 0
            at += 1
    return at
