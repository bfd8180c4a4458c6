"""The memory of days: on which of the last 28 days a number, an origin, a block or a trunk group called, and how.

A lawful organisation calls again tomorrow from the same numbers; a campaign's numbers are young. Windows end at 24
hours, so this is kept beside them, off until somebody asks for it (`WindowEngine.use`): till then it needs no memory
and costs nothing. A key takes 72 bytes.

Numbers stand in two stores. A number of one day is in that of young numbers, and moves to the other one with the first
call on a second day. Each store gives up the key that was idle longest, so a flood of numbers that call once takes the
place of others like it, and never of a number that is known for days.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Floats, Ints
from detector.columns.call_columns import SHARED, CallBatch
from detector.columns.compiled import compiled_borrowing, compiled_inline, entry_point
from detector.columns.integers import LOW_32, as_int
from detector.columns.numbering import ANONYMOUS
from detector.contract.ports import FeatureMatrix
from detector.features import days as of_days
from detector.features import window_constants
from detector.features.table import N_FEATURES
from detector.features.window_constants import NOT_ENOUGH_DATA
from detector.windows.days import counting
from detector.windows.days.counting import (
    CALLED_ON,
    LONG,
    ORIGIN,
    PAST_DAYS,
    ROW_BYTES,
    TODAY,
    Sums,
    begin_of_day,
    count_end,
    count_setup,
    has_earlier_days,
)
from detector.windows.key_store import Store, acquire, find, find_low, partition_of, plain_store, release
from detector.windows.layout import KEY, LATEST_MS
from detector.windows.loop import (
    BLOCK_KEY,
    NUMBER_KEY,
    ORIGIN_KEY,
    TRUNK_KEY,
    ask_ahead,
)
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import Days, Stores

_LAYOUT = (1, ROW_BYTES, of_days.DAYS, of_days.WEEK_DAYS, of_days.DAY_BEGINS_MS)
_MEANING = hashlib.blake2b(repr(_LAYOUT).encode(), digest_size=4).hexdigest()
_EARLIER_DAYS = (1 << of_days.DAYS) - 2
_YOUNG, _KNOWN, _TRUNK, _ORIGIN, _BLOCK = range(len(Days._fields))
SumsOfStores = tuple[Sums, Sums, Sums, Sums, Sums]


class Bounds(NamedTuple):
    """Most keys of each store, in the order of `detector.windows.sweep.Days`."""

    young_numbers: int
    numbers: int
    trunks: int
    origins: int
    blocks: int


class DayMemory:
    """What the keys of calls did on the last 28 days, if it is wanted.

    It is the engine's: one call at a time, from one thread, nothing waits. What it says depends on the order of the
    events in their partition alone, not on how they were cut into batches.

    Args:
        stores: Of the engine; its `days` are replaced when the memory is begun or dropped.
        bounds: Most keys.
        is_shared: One row a trunk group for all partitions.
    """

    def __init__(self, stores: Stores, bounds: Bounds, *, is_shared: bool) -> None:
        self._stores = stores
        self._bounds = bounds
        self._is_shared = is_shared
        self._figures = np.zeros((of_days.FAMILIES_WITH_DAYS, of_days.N_FIGURES))
        self._run: Callable[..., object] | None = None
        self.is_kept = False

    @property
    def identity(self) -> str:
        """What the rows mean: rows go to memories of the same identity only. Empty where none are kept."""
        return _MEANING if self.is_kept else ""

    def keep(self, *, is_wanted: bool) -> bool:
        """Begin with an empty memory, or drop it; nothing happens where that is so already.

        Returns:
            Whether something changed.
        """
        if is_wanted == self.is_kept:
            return False
        self.is_kept = is_wanted
        self._stores.days = make_days(self._bounds if is_wanted else NO_ROOM)
        return True

    def touch_tables(self) -> None:
        """Have the tables in memory at once, or the first keys wait for each of their pages: 3 ms for a million keys.

        For the start alone: no call waits then.
        """
        for store in self._stores.days:
            store.table.fill(0)

    def update(self, batch: CallBatch, keys: Ints, wanted: Ints, matrix: FeatureMatrix) -> None:
        """Count all events in order and say of each set-up what was known, itself included.

        Args:
            batch: Of the events.
            keys: Theirs, as `detector.windows.loop.fill_keys` makes them, shape (n, N_KEYS).
            wanted: Family and figure of each of the m columns of `matrix` behind those of f2, shape (m, 2); without any
                nothing is read.
            matrix: Rows of the set-ups, float32, filled in these columns; -1 where nothing can be said. A set-up that
                leaves no trace keeps its zeros.
        """
        days = self._stores.days
        columns = _Columns(*(np.ascontiguousarray(getattr(batch, name)) for name in _Columns._fields))
        sums = tuple(store.w8.view(np.float32) for store in days)
        arguments = (days, sums, columns, keys, self._is_shared, wanted, self._figures, matrix)
        if self._run is None:
            self._run = entry_point(_run, arguments)
        self._run(*arguments)


NO_ROOM = Bounds(1, 1, 1, 1, 1)


def make_days(bounds: Bounds) -> Days:
    """Empty stores for so many keys of each kind; memory is used as keys come."""
    return Days(*(plain_store(ROW_BYTES, slots) for slots in bounds))


class _Columns(NamedTuple):
    """The columns of `CallBatch` that are read."""

    is_setup: NDArray[np.bool_]
    time_ms: Ints
    partition: Ints
    measures: Ints
    number_class: Ints


@compiled_borrowing
def _move(young: Store, slot: int, known: Store) -> int:
    """Move a number that has called on a second day; returns its new slot."""
    moved = acquire(known, young.w64[slot, KEY], partition_of(young, slot), young.w64[slot, LATEST_MS])
    for word in range(ORIGIN, LONG + 1):
        known.w32[moved, word] = young.w32[slot, word]
    release(young, slot)
    return moved


@compiled_inline
def _remember(store: Store, slot: int, origin: int) -> None:
    """Have a number's row know the origin of its last signed call: its ends do not say it."""
    if origin != 0:
        store.w32[slot, ORIGIN] = origin


@compiled_borrowing
def _number_setup(
    days: Days, sums: SumsOfStores, event: tuple[int, int, int, int, int], figures: Floats, is_read: bool
) -> None:
    """Count a set-up for its calling number. Key 0 = no key; the origin is what the number's row remembers."""
    key, partition, time_ms, begin_ms, origin = event
    if key == 0:
        figures[:] = NOT_ENOUGH_DATA
        return
    known, young = days.number_days, days.young_number_days
    slot = find(known, key)
    if slot < 0:
        slot = find(young, key)
        if slot < 0:
            slot = acquire(young, key, partition, time_ms)
        count_setup(young, sums[_YOUNG], slot, time_ms, begin_ms)
        if not has_earlier_days(young, slot):
            _remember(young, slot, origin)
            if is_read:
                counting.read(young, sums[_YOUNG], slot, figures)
            return
        slot = _move(young, slot, known)
    else:
        count_setup(known, sums[_KNOWN], slot, time_ms, begin_ms)
    _remember(known, slot, origin)
    if is_read:
        counting.read(known, sums[_KNOWN], slot, figures)


@compiled_borrowing
def _setup(store: Store, sums: Sums, event: tuple[int, int, int, int], figures: Floats, is_read: bool) -> None:
    """Count a set-up for one of its other keys. Key 0 = no key."""
    key, partition, time_ms, begin_ms = event
    if key == 0:
        figures[:] = NOT_ENOUGH_DATA
        return
    slot = find(store, key)
    if slot < 0:
        slot = acquire(store, key, partition, time_ms)
    count_setup(store, sums, slot, time_ms, begin_ms)
    if is_read:
        counting.read(store, sums, slot, figures)


@compiled_borrowing
def _number_end(days: Days, sums: SumsOfStores, key: int, end: tuple[int, int, int]) -> int:
    """Count an end for its calling number; returns the low 32 bits of its last origin, 0 = none."""
    slot = find(days.number_days, key)
    if slot >= 0:
        count_end(days.number_days, sums[_KNOWN], slot, *end)
        return int(days.number_days.w32[slot, ORIGIN])
    slot = find(days.young_number_days, key)
    if slot < 0:
        return 0
    count_end(days.young_number_days, sums[_YOUNG], slot, *end)
    return int(days.young_number_days.w32[slot, ORIGIN])


@compiled_inline
def _end(store: Store, sums: Sums, slot: int, end: tuple[int, int, int]) -> None:
    """Count an end in one slot; -1 = a key that no call was seen of has no end either."""
    if slot >= 0:
        count_end(store, sums, slot, *end)


@compiled_borrowing
def _run(
    days: Days,
    sums: SumsOfStores,
    columns: _Columns,
    keys: Ints,
    is_shared: bool,
    wanted: Ints,
    figures: Floats,
    matrix: NDArray[np.float32],
) -> None:
    """Apply all events in order; `figures` is scratch. An event without measures leaves no trace, as in the windows."""
    is_read, row, begin_ms = len(wanted) > 0, -1, 0
    for event in range(len(keys)):
        ask_ahead(days.number_days, keys, event, NUMBER_KEY, 0)
        ask_ahead(days.young_number_days, keys, event, NUMBER_KEY, 0)
        ask_ahead(days.block_days, keys, event, BLOCK_KEY, 0)
        row += int(columns.is_setup[event])
        measures, time_ms, key = columns.measures[event], columns.time_ms[event], keys[event]
        if measures == 0:
            continue
        begin_ms = begin_of_day(time_ms, begin_ms)
        number = 0 if columns.number_class[event] == ANONYMOUS else key[NUMBER_KEY]
        if not columns.is_setup[event]:
            end = (time_ms, begin_ms, measures)
            origin = _number_end(days, sums, number, end)
            _end(days.trunk_days, sums[_TRUNK], find(days.trunk_days, key[TRUNK_KEY]), end)
            if origin != 0:
                _end(days.origin_days, sums[_ORIGIN], find_low(days.origin_days, origin), end)
            if key[BLOCK_KEY] != 0:
                _end(days.block_days, sums[_BLOCK], find(days.block_days, key[BLOCK_KEY]), end)
            continue
        partition, scope = columns.partition[event], SHARED if is_shared else columns.partition[event]
        origin = as_int(np.int32(key[ORIGIN_KEY] & LOW_32))
        by_number = (number, partition, time_ms, begin_ms, origin)
        _number_setup(days, sums, by_number, figures[window_constants.NUMBER], is_read)
        by_trunk = (key[TRUNK_KEY], scope, time_ms, begin_ms)
        _setup(days.trunk_days, sums[_TRUNK], by_trunk, figures[window_constants.TRUNK], is_read)
        by_origin = (key[ORIGIN_KEY], partition, time_ms, begin_ms)
        _setup(days.origin_days, sums[_ORIGIN], by_origin, figures[window_constants.ORIGIN], is_read)
        by_block = (key[BLOCK_KEY], partition, time_ms, begin_ms)
        _setup(days.block_days, sums[_BLOCK], by_block, figures[window_constants.BLOCK], is_read)
        if is_read:
            for column in range(len(wanted)):
                matrix[row, N_FEATURES + column] = figures[wanted[column, 0], wanted[column, 1]]


def check_rows(rows: RowCopies) -> None:
    """Check what a row has behind its head; called for each slice of a load.

    Raises:
        ValueError: A row cannot have been written by a detector: a sum is no number or less than 0, days are missing
            that others were counted on, or today's calls are less than 0.
    """
    sums, words = rows.row.view(np.float32)[:, PAST_DAYS : LONG + 1], rows.row.view(np.int32)
    is_right = np.isfinite(sums).all() and (sums >= 0).all() and (words[:, TODAY] >= 0).all()
    earlier = words[:, CALLED_ON] & _EARLIER_DAYS
    if not is_right or ((earlier != 0) & (sums[:, 0] <= 0)).any():
        raise ValueError("a row has days or sums of days that no detector writes: do not load it")
