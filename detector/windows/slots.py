"""The store of one family of keys: an open-addressing table from key to slot, and slots in least-recently-used order.

Everything lies in a few numpy arrays of fixed capacity, so memory has a hard bound: a full store gives the slot of the
longest-idle key to the newcomer and counts it.

While a sweep runs, a row it has not copied yet is copied just before it is first written to: so the copy shows all rows
as they were when the sweep began. Each row knows the last sweep that has it, or in which it was made.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.compiled import compiled_borrowing, compiled_inline
from detector.hashing import scramble
from detector.windows.packing import NO_ROWS, Rows, Words, pack, unpack

Ints = NDArray[np.int64]

# Columns of `Store.state`.
KEY, PARTITION, OLDER, NEWER, FIRST_MS, LATEST_MS, LAST_SETUP_MS, EVICTED_SETUP_MS, EVICTED_END_MS = range(9)
LAST_CALLED, LAST_ORIGIN, RING_COUNT, OTHERS_MS, ASTRAY, EPOCH, HEADS = range(9, 16)
STATE_COLUMNS = HEADS + spec.N_WINDOWS
COLD_STATE_COLUMNS = HEADS

# Columns of `Store.scalars`.
USED, FREE, OLDEST, NEWEST, EVICTIONS, UNTOUCHED, SWEEP, LEFT, CURSOR, KEPT = range(10)
"""The last four are of the sweep under way: its number (0 = none), how many rows it has not copied, the slot it is at,
and how many rows are in `kept`."""

# Columns of one ring entry.
SETUP_MS, END_MS, PARTIES, FACTS = range(4)

NONE = -1
FREED = np.iinfo(np.int64).max
"""`EPOCH` of a released slot: later than every sweep."""
TABLE_LOAD = 2
"""The table has at least this many places a slot, so probes stay short."""


class Store(NamedTuple):
    """Arrays of one family; S slots, R calls in the ring, M measures, D distinct counts.

    Attributes:
        table: (places,) int32, slot or -1.
        state: (S, STATE_COLUMNS) int64; a store without panes has no `HEADS`.
        ring: (S, R, 4) int64: set-up time, end time (0 = not ended), both parties' hashes, packed facts.
        panes: (S, 5, 9, M) uint32; S = 0 in a store without panes.
        totals: (S, 5, M) uint32, sum of the panes.
        sketches: (S, D, levels * width) uint32, epoch seconds of the latest item that fell on the register.
        estimates: (S, D, 5) float32, the last distinct estimate of each window.
        refreshed: (S, 5, 2) int64, when it was made and calls since.
        other_panes: (S, 5, 9, M) uint32, what other partitions counted; S = 0 where nothing is shared.
        other_sketches: (S, D, levels * width) uint32.
        column: (N_MEASURES,) int64, measure to its column in the panes, -1 where not kept.
        linear: (width + 1,) float64, registers set to items (linear counting).
        scalars: (10,) int64.
        kept: Rows that the sweep under way has copied; room for none while there is none.
    """

    table: NDArray[np.int32]
    state: Ints
    ring: Ints
    panes: NDArray[np.uint32]
    totals: NDArray[np.uint32]
    sketches: NDArray[np.uint32]
    estimates: NDArray[np.float32]
    refreshed: Ints
    other_panes: NDArray[np.uint32]
    other_sketches: NDArray[np.uint32]
    column: Ints
    linear: NDArray[np.float64]
    scalars: Ints
    kept: Rows


def make_store(shape: spec.FamilyShape, slots: int, *, ring: int, has_panes: bool, is_shared: bool) -> Store:
    """Make an empty store of `slots` keys. Memory is touched only as slots come into use."""
    places = 1 << (TABLE_LOAD * slots - 1).bit_length()
    paned = slots if has_panes else 0
    shared = slots if is_shared else 0
    kept = len(shape.measures)
    registers = shape.levels * shape.width
    column = np.full(spec.N_MEASURES, NONE, dtype=np.int64)
    column[list(shape.measures)] = np.arange(kept)
    filled = np.minimum(np.arange(shape.width + 1), shape.width - 0.5)
    return Store(
        table=np.full(places, NONE, dtype=np.int32),
        state=np.zeros((slots, STATE_COLUMNS if has_panes else COLD_STATE_COLUMNS), dtype=np.int64),
        ring=np.zeros((slots, ring, 4), dtype=np.int64),
        panes=np.zeros((paned, spec.N_WINDOWS, spec.N_PANES, kept), dtype=np.uint32),
        totals=np.zeros((paned, spec.N_WINDOWS, kept), dtype=np.uint32),
        sketches=np.zeros((paned, shape.items, registers), dtype=np.uint32),
        estimates=np.zeros((paned, shape.items, spec.N_WINDOWS), dtype=np.float32),
        refreshed=np.zeros((paned, spec.N_WINDOWS, 2), dtype=np.int64),
        other_panes=np.zeros((shared, spec.N_WINDOWS, spec.N_PANES, kept), dtype=np.uint32),
        other_sketches=np.zeros((shared, shape.items, registers), dtype=np.uint32),
        column=column,
        linear=-shape.width * np.log1p(-filled / shape.width),
        scalars=np.array((0, NONE, NONE, NONE, 0, 0, 0, 0, 0, 0), dtype=np.int64),
        kept=NO_ROWS,
    )


@compiled_inline
def _home(store: Store, key: int) -> int:
    return int(np.int64(scramble(np.uint64(key)) & np.uint64(len(store.table) - 1)))


@compiled_inline
def find(store: Store, key: int) -> int:
    """Return the slot of `key`, -1 where it is not tracked."""
    place = _home(store, key)
    while True:
        slot = int(np.int64(store.table[place]))
        if slot < 0 or store.state[slot, KEY] == key:
            return slot
        place = (place + 1) & (len(store.table) - 1)


@compiled_inline
def _unlink(store: Store, slot: int) -> None:
    older, newer = store.state[slot, OLDER], store.state[slot, NEWER]
    if older >= 0:
        store.state[older, NEWER] = newer
    else:
        store.scalars[OLDEST] = newer
    if newer >= 0:
        store.state[newer, OLDER] = older
    else:
        store.scalars[NEWEST] = older


@compiled_inline
def _link(store: Store, slot: int) -> None:
    newest = store.scalars[NEWEST]
    store.state[slot, OLDER] = newest
    store.state[slot, NEWER] = NONE
    if newest >= 0:
        store.state[newest, NEWER] = slot
    else:
        store.scalars[OLDEST] = slot
    store.scalars[NEWEST] = slot


@compiled_borrowing
def _copy(store: Store, slot: int) -> None:
    """Append the row of `slot` to `kept`; links to other rows mean nothing elsewhere and are left out."""
    place = store.scalars[KEPT]
    store.scalars[KEPT] += 1
    store.scalars[LEFT] -= 1
    ints, words, estimates = store.kept.ints[place], store.kept.words[place], store.kept.estimates[place]
    width = store.state.shape[1]
    for column in range(width):
        ints[column] = store.state[slot, column]
    ints[OLDER] = ints[NEWER] = ints[EPOCH] = 0
    store.state[slot, EPOCH] = store.scalars[SWEEP]
    end = pack(ints, width, store.ring[slot])
    if len(store.panes) == 0:
        return
    pack(ints, end, store.refreshed[slot])
    pack(estimates, 0, store.estimates[slot])
    end = 0
    for window in range(spec.N_WINDOWS):
        end = pack(words, end, store.panes[slot, window])
    end = pack(words, end, store.totals[slot])
    end = pack(words, end, store.sketches[slot])
    if len(store.other_panes) > 0:
        for window in range(spec.N_WINDOWS):
            end = pack(words, end, store.other_panes[slot, window])
        pack(words, end, store.other_sketches[slot])


@compiled_inline
def keep(store: Store, slot: int) -> None:
    """Copy the row of `slot` for the sweep under way, unless it has it: to be called before anything is written to it.

    There must be room in `kept`: `detector.windows.sweeping.Sweep.make_room`.
    """
    if store.state[slot, EPOCH] < store.scalars[SWEEP]:
        _copy(store, slot)


@compiled_borrowing
def copy_slots(store: Store, most: int) -> int:
    """Copy what the sweep under way does not have of the next `most` slots; returns how many it looked at."""
    first = store.scalars[CURSOR]
    slot = first
    while slot < first + most and store.scalars[LEFT] > 0:
        keep(store, slot)
        slot += 1
    store.scalars[CURSOR] = slot
    return int(slot - first)


@compiled_inline
def touch(store: Store, slot: int) -> None:
    """Mark `slot` as the one used last; every write to what a key counted begins here."""
    keep(store, slot)
    if store.scalars[NEWEST] != slot:
        _unlink(store, slot)
        _link(store, slot)


@compiled_borrowing
def _erase(store: Store, key: int) -> None:
    """Take `key` out of the table, closing the gap behind it (linear probing, no tombstones)."""
    last = len(store.table) - 1
    gap = _home(store, key)
    while store.state[store.table[gap], KEY] != key:
        gap = (gap + 1) & last
    place = gap
    while True:
        place = (place + 1) & last
        slot = store.table[place]
        if slot < 0:
            break
        home = _home(store, store.state[slot, KEY])
        # Move back unless its home lies cyclically in (gap, place].
        if ((place - home) & last) >= ((place - gap) & last):
            store.table[gap] = slot
            gap = place
    store.table[gap] = NONE


@compiled_borrowing
def release(store: Store, slot: int) -> None:
    """Forget the key of `slot` and clear what was counted."""
    keep(store, slot)
    _erase(store, store.state[slot, KEY])
    _unlink(store, slot)
    store.state[slot, :] = 0
    store.ring[slot] = 0
    if len(store.panes) > 0:
        store.panes[slot] = 0
        store.totals[slot] = 0
        store.sketches[slot] = 0
        store.estimates[slot] = 0
        store.refreshed[slot] = 0
    if len(store.other_panes) > 0:
        store.other_panes[slot] = 0
        store.other_sketches[slot] = 0
    store.state[slot, OLDER] = store.scalars[FREE]
    store.state[slot, EPOCH] = FREED
    store.scalars[FREE] = slot
    store.scalars[USED] -= 1


@compiled_borrowing
def _take(store: Store) -> int:
    """Take a slot: a released one, else the lowest never used, else that of the longest-idle key."""
    if store.scalars[FREE] < 0 and store.scalars[UNTOUCHED] < len(store.state):
        store.scalars[UNTOUCHED] += 1
        return int(store.scalars[UNTOUCHED]) - 1
    if store.scalars[FREE] < 0:
        release(store, store.scalars[OLDEST])
        store.scalars[EVICTIONS] += 1
    slot = int(store.scalars[FREE])
    store.scalars[FREE] = store.state[slot, OLDER]
    return slot


@compiled_borrowing
def acquire(store: Store, key: int, partition: int) -> int:
    """Give `key` a slot; at capacity that of the longest-idle key. The key must not be tracked yet."""
    slot = _take(store)
    store.scalars[USED] += 1
    store.state[slot, KEY] = key
    store.state[slot, PARTITION] = partition
    store.state[slot, EPOCH] = store.scalars[SWEEP]
    place = _home(store, key)
    while store.table[place] >= 0:
        place = (place + 1) & (len(store.table) - 1)
    store.table[place] = np.int32(slot)
    _link(store, slot)
    return slot


@compiled_inline
def _unpack_words(store: Store, slot: int, words: Words) -> None:
    end = 0
    for window in range(spec.N_WINDOWS):
        end = unpack(words, end, store.panes[slot, window])
    end = unpack(words, end, store.totals[slot])
    end = unpack(words, end, store.sketches[slot])
    if len(store.other_panes) > 0:
        for window in range(spec.N_WINDOWS):
            end = unpack(words, end, store.other_panes[slot, window])
        unpack(words, end, store.other_sketches[slot])


@compiled_borrowing
def insert(store: Store, rows: Rows, partition: int) -> int:
    """Give each of `rows` of `partition` a slot of its own, in order, as used last; returns how many those were.

    A key that is tracked already gets the row in place of what it counted.
    """
    inserted = 0
    for row in range(len(rows.ints)):
        ints, words, estimates = rows.ints[row], rows.words[row], rows.estimates[row]
        if ints[PARTITION] != partition:
            continue
        inserted += 1
        slot = find(store, ints[KEY])
        if slot < 0:
            slot = acquire(store, ints[KEY], partition)
        else:
            touch(store, slot)
        width = store.state.shape[1]
        for column in range(width):
            if column not in (OLDER, NEWER, EPOCH):
                store.state[slot, column] = ints[column]
        end = unpack(ints, width, store.ring[slot])
        if len(store.panes) > 0:
            unpack(ints, end, store.refreshed[slot])
            unpack(estimates, 0, store.estimates[slot])
            _unpack_words(store, slot, words)
    return inserted


@compiled_borrowing
def forget(store: Store, partition: int, start: int, stop: int) -> None:
    """Release every slot of `partition` in `[start, stop)`: in their order in memory, not in that of their use."""
    for slot in range(start, min(stop, store.scalars[UNTOUCHED])):
        if store.state[slot, PARTITION] == partition and store.state[slot, EPOCH] != FREED:
            release(store, slot)
