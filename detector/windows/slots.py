"""The store of one family of keys: an open-addressing table from key to slot, and slots in least-recently-used order.

Everything lies in a few numpy arrays of fixed capacity, so memory has a hard bound: a full store gives the slot of the
longest-idle key to the newcomer and counts it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.compiled import compiled_borrowing, compiled_inline
from detector.hashing import scramble

Ints = NDArray[np.int64]

# Columns of `Store.state`.
KEY, PARTITION, OLDER, NEWER, FIRST_MS, LATEST_MS, LAST_SETUP_MS, EVICTED_SETUP_MS, EVICTED_END_MS = range(9)
LAST_CALLED, LAST_ORIGIN, RING_COUNT, OTHERS_MS, ASTRAY, HEADS = range(9, 15)
STATE_COLUMNS = HEADS + spec.N_WINDOWS

# Columns of `Store.scalars`.
USED, FREE, OLDEST, NEWEST, EVICTIONS, UNTOUCHED = range(6)

# Columns of one ring entry.
SETUP_MS, END_MS, PARTIES, FACTS = range(4)

NONE = -1
TABLE_LOAD = 2
"""The table has at least this many places a slot, so probes stay short."""


class Store(NamedTuple):
    """Arrays of one family; S slots, R calls in the ring, M measures, D distinct counts.

    Attributes:
        table: (places,) int32, slot or -1.
        state: (S, STATE_COLUMNS) int64.
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
        scalars: (6,) int64.
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
        state=np.zeros((slots, STATE_COLUMNS), dtype=np.int64),
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
        scalars=np.array((0, NONE, NONE, NONE, 0, 0), dtype=np.int64),
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


@compiled_inline
def touch(store: Store, slot: int) -> None:
    """Mark `slot` as the one used last."""
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
    place = _home(store, key)
    while store.table[place] >= 0:
        place = (place + 1) & (len(store.table) - 1)
    store.table[place] = np.int32(slot)
    _link(store, slot)
    return slot


@compiled_borrowing
def forget(store: Store, partition: int) -> None:
    """Release every slot of `partition`."""
    slot = store.scalars[OLDEST]
    while slot >= 0:
        newer = store.state[slot, NEWER]
        if store.state[slot, PARTITION] == partition:
            release(store, slot)
        slot = newer
