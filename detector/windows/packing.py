"""Whole rows of a store side by side, three arrays for all: what a sweep copies rows into and a load takes them from.

A store keeps one array for each thing it knows of a key. Handing all of them to the kernel twice would cost every call,
so the copy has one array for each type of number, and the named arrays are views into it.
"""

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.compiled import compiled_inline

if TYPE_CHECKING:
    from detector.windows.slots import Store

_PLACES = (
    ("ints", ("state", "ring", "refreshed")),
    ("words", ("panes", "totals", "sketches", "other_panes", "other_sketches")),
    ("estimates", ("estimates",)),
)
"""Which array of the packed rows has which arrays of the store, in this order."""


Ints = NDArray[np.int64]
Words = NDArray[np.uint32]
N = TypeVar("N", np.int64, np.uint32, np.float32)


class Rows(NamedTuple):
    """Packed rows of one store; n rows.

    Attributes:
        ints: (n, I) int64: state, ring, refreshed.
        words: (n, W) uint32: panes, totals, sketches, other partitions' panes and sketches; W = 0 without panes.
        estimates: (n, E) float32; E = 0 without panes.
    """

    ints: Ints
    words: Words
    estimates: NDArray[np.float32]


NO_ROWS = Rows(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.uint32), np.zeros((0, 0), np.float32))


@compiled_inline
def pack(row: NDArray[N], start: int, block: NDArray[N]) -> int:
    """Copy `block`, of two dimensions, into `row` from `start`; returns where it ends."""
    for line in range(block.shape[0]):
        for column in range(block.shape[1]):
            row[start + column] = block[line, column]
        start += block.shape[1]
    return start


@compiled_inline
def unpack(row: NDArray[N], start: int, block: NDArray[N]) -> int:
    """Undo `pack`."""
    for line in range(block.shape[0]):
        for column in range(block.shape[1]):
            block[line, column] = row[start + column]
        start += block.shape[1]
    return start


def shapes(store: "Store") -> dict[str, tuple[int, ...]]:
    """What one row has in each array of `store`; arrays that this store does without are left out."""
    arrays = {name: getattr(store, name) for _, names in _PLACES for name in names}
    return {name: array.shape[1:] for name, array in arrays.items() if len(array) > 0}


def row_bytes(store: "Store") -> int:
    """Bytes of one row of `store` in all its arrays."""
    return sum(getattr(store, name)[0].nbytes for name in shapes(store))


def empty_rows(store: "Store", count: int) -> Rows:
    """Room for `count` rows of `store`; memory is used as it is filled."""
    known = shapes(store)
    widths = [sum(int(np.prod(known[name])) for name in names if name in known) for _, names in _PLACES]
    return Rows(
        np.empty((count, widths[0]), np.int64),
        np.empty((count, widths[1]), np.uint32),
        np.empty((count, widths[2]), np.float32),
    )


def named(store: "Store", rows: Rows, count: int) -> dict[str, NDArray[np.generic]]:
    """The first `count` of `rows` as the arrays of `store` by name: views, leading dimension `count`."""
    known = shapes(store)
    views: dict[str, NDArray[np.generic]] = {}
    for place, names in _PLACES:
        packed = getattr(rows, place)[:count]
        start = 0
        for name in names:
            if name in known:
                stop = start + int(np.prod(known[name]))
                views[name] = packed[:, start:stop].reshape(count, *known[name], copy=False)
                start = stop
    return views
