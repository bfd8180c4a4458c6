"""Where everything lies in the row of a key, from `detector.features.window_constants.SHAPES`.

A row of a busy key, in bytes (the offsets of 64, 32, 16 and 8 bits below count in their own units):

    0 key    8 time of its latest event    16 older, newer key    24 partition, sweep    28 calls held, flags, astray
    32 first call    36 latest call    40 latest call and 44 latest end that are not held exactly: ms before the latest
    48 last number dialled    52 origin    56 exact calls   then [others' time, estimates], panes, sketches

A row of any other key has its one call in place of what follows 28, and ends at 56.
"""

from typing import NamedTuple

import numpy as np

from detector.columns.arrays import Ints
from detector.features import window_constants

KEY, LATEST_MS = 0, 1
"""In units of 64 bits; of a cold row the latest event counts as that of its call."""
OLDER, NEWER = 4, 5
FIRST_AGE, LAST_SETUP_AGE, EVICTED_SETUP_AGE, EVICTED_END_AGE = 8, 9, 10, 11
LAST_CALLED, ORIGIN = 12, 13
"""In units of 32 bits. An age is milliseconds before `LATEST_MS`, `NEVER` = there was none."""
END_AGE, PEER, SECOND, FACTS = 7, 9, 10, 11
"""The one call of a cold row, in units of 32 bits; `END_AGE` is milliseconds after the set-up."""
PARTITION, EPOCH = 12, 13
ASTRAY = 15
"""In units of 16 bits."""
HELD, IS_PANED = 28, 29
"""In bytes."""
LINKS_WORD, PARTITION_WORD = 2, 3
"""The 64-bit words of `OLDER` and `NEWER`, and of `PARTITION` and `EPOCH`."""
EPOCH_MASK = ~(0xFFFF << 16)
COLD_BYTES = HEAD_BYTES = 56
RING_COLUMNS = 5
R_SETUP, R_END, R_PEER, R_SECOND, R_FACTS = (
    HEAD_BYTES // 4 + window_constants.RING * column for column in range(RING_COLUMNS)
)
"""Where the exact calls begin, in units of 32 bits: set-up, end (0 = none), parties, facts."""
OTHERS_MS = (HEAD_BYTES + 4 * RING_COLUMNS * window_constants.RING) // 8
"""Of a row that has room for other partitions' counts: time of their latest event; in units of 64 bits."""

WORD = 8
STAMPS_BEHIND = 223
STAMP_STEP = 32
"""A register says when: units after a base that moves on by `STAMP_STEP` at a time and is so far behind at least."""
START, WIDTH, FIRST_COLUMN = range(3)
"""Of `Store.columns`."""
NOT_KEPT = -1
"""Of `Store.column`."""
MADE, SINCE = 0, 1
"""Of the remembered estimates of a window, in units of 64 bits: when they were made, calls since; then one an item."""


class Plan(NamedTuple):
    """Where the parts of a row lie: panes in their own units, sketches and row in bytes."""

    row_bytes: int
    is_wide: int
    is_shared: int
    panes: int
    other_panes: int
    items: int
    item_0: int
    item_1: int
    item_2: int
    rows_0: int
    rows_1: int
    rows_2: int
    levels_0: int
    levels_1: int
    levels_2: int
    sketch_0: int
    sketch_1: int
    sketch_2: int
    sketches_end: int
    other_sketches: int
    near: int
    far: int
    unit_ms: int
    estimates: int


def columns_of(shape: window_constants.FamilyShape, window: int) -> list[int]:
    """Measure of each column of the panes of a window; of 16-bit panes talk time takes two, low and high half."""
    measures = list(shape.pairs[window])
    return measures + [window_constants.TALK_S] * (not shape.is_wide and window_constants.TALK_S in measures)


def _padded(values: list[int], count: int) -> list[int]:
    return values + [0] * (count - len(values))


def plan_for(family: int, *, is_shared: bool) -> Plan:
    """Lay the row of a busy key of `family` out; `is_shared`: with room for what other partitions counted.

    Raises:
        ValueError: The registers of a sketch do not fill whole words, so what follows would lie astray.
    """
    shape = window_constants.SHAPES[family]
    size = 4 if shape.is_wide else 2
    items = len(shape.sketches)
    estimates = OTHERS_MS + is_shared
    at = WORD * (estimates + (2 * (2 + items) if shape.is_wide else 0))
    widths = [len(columns_of(shape, window)) for window in range(window_constants.N_WINDOWS)]
    panes_bytes = size * window_constants.N_PANES * sum(widths)
    panes = at // size
    at += -(-panes_bytes // WORD) * WORD
    lengths = [sketch.rows * sketch.levels for sketch in shape.sketches]
    sketches = [at + sum(lengths[:place]) for place in range(items)]
    end = at + sum(lengths)
    if any(length % WORD for length in lengths):
        raise ValueError(
            f"registers of a sketch must be a multiple of {WORD}: see detector/features/window_constants.py"
        )
    other_panes = other_sketches = 0
    row = end
    if is_shared:
        other_panes, other_sketches = row // size - panes, 0
        row += -(-panes_bytes // WORD) * WORD
        other_sketches = row - at
        row += sum(lengths)
    return Plan(  # type: ignore[call-arg]
        row, int(shape.is_wide), int(is_shared), panes, other_panes, items,
        *_padded([sketch.item for sketch in shape.sketches], window_constants.N_ITEMS),
        *_padded([sketch.rows for sketch in shape.sketches], window_constants.N_ITEMS),
        *_padded([sketch.levels for sketch in shape.sketches], window_constants.N_ITEMS),
        *_padded(sketches, window_constants.N_ITEMS), end, other_sketches,
        *shape.distinct_windows, window_constants.PANE_MS[shape.distinct_windows[0]], estimates,
    )  # fmt: skip


def pane_starts(family: int) -> list[int]:
    """Where the panes of each window begin in the row of a busy key, in units of a pane's count."""
    widths = [len(columns_of(window_constants.SHAPES[family], window)) for window in range(window_constants.N_WINDOWS)]
    return [
        PLANS[family].panes + window_constants.N_PANES * sum(widths[:window])
        for window in range(window_constants.N_WINDOWS)
    ]


PLANS = {family: plan_for(family, is_shared=family == window_constants.TRUNK) for family in window_constants.SHAPES}
AT = Plan(*range(len(Plan._fields)))
"""Where each field is in `Store.plan`: an array is handed on to compiled functions for less than so many numbers."""


def store_columns(family: int) -> tuple[Ints, Ints]:
    """`columns` and `column` of the store of a family (`detector.windows.key_store.Store`)."""
    lists = [columns_of(window_constants.SHAPES[family], window) for window in range(window_constants.N_WINDOWS)]
    columns = np.zeros((window_constants.N_WINDOWS, FIRST_COLUMN + max(map(len, lists))), dtype=np.int64)
    columns[:, START] = pane_starts(family)
    columns[:, WIDTH] = [len(measures) for measures in lists]
    column = np.full((window_constants.N_WINDOWS, window_constants.N_MEASURES), NOT_KEPT, dtype=np.int64)
    for window, measures in enumerate(lists):
        columns[window, FIRST_COLUMN : FIRST_COLUMN + len(measures)] = measures
        for place, measure in reversed(list(enumerate(measures))):
            column[window, measure] = place
    return columns, column
