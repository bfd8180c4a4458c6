"""The store of one family of keys: an open-addressing table from key to slot, and slots in least-recently-used order.

A slot is one row of a single array, so that an event touches few cache lines; `detector.windows.layout` says what is
where. Capacity is fixed, so memory has a hard bound: a full store gives the slot of the longest-idle key to the
newcomer and counts it.

No search takes more than `LONGEST_SEARCH` steps, whatever keys somebody chooses. A key stands at most so far behind the
place where its search begins; where all of those places are taken, the longest idle of the keys there goes, and counts
as evicted. A gap that cannot be closed in as many steps stays as `GONE`, which a search passes over and a newcomer
takes. Keys that nobody chose never come near the bound: half of the table is free.

While a sweep runs, a row it has not copied yet is copied just before it is first written to: so the copy shows all rows
as they were when the sweep began. Each row knows the last sweep that has it, or in which it was made.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import LOW_16, LOW_32, as_int
from detector.features import window_constants
from detector.windows import layout, row_copies
from detector.windows.layout import EPOCH, EPOCH_MASK, KEY, LINKS_WORD, NEWER, OLDER, PARTITION, PARTITION_WORD
from detector.windows.row_copies import NO_ROWS, STATE_COLUMNS, RowCopies
from detector.windows.sketches import items_of_filled

# Columns of `Store.scalars`.
USED, FREE, OLDEST, NEWEST, EVICTIONS, UNTOUCHED, SWEEP, LEFT, CURSOR, COPIED, SLOT_BITS = range(11)
"""Four are of the sweep under way: its number (0 = none), how many rows it has not copied, the slot it is at, and how
many rows are in `copies`."""

NONE = -1
TABLE_LOAD = 2
"""The table has this many places a slot, so searches stay short."""
LONGEST_SEARCH = 128
"""Steps. Of hashed keys fewer than one in 10**11 would stand in a stretch of so many taken places (linear probing, half
full); behind the last home there is room for it, so that no search goes back to the start of the table."""
GONE = 1 << 31
"""In the table: a key stood here, and a search goes on. Its slot is none."""
HALF = 32
HIGHEST_PARTITION = 0x7FFF
LAST_SWEEP = LOW_16
CACHE_LINE = 64
_ONE, _LONGEST = np.uint64(1), np.uint64(LONGEST_SEARCH)


class Store(NamedTuple):
    """Arrays of one family; S slots, all of the same memory but for the table.

    Attributes:
        table: (places,) uint32: slot + 1 in the low `SLOT_BITS`, above them bits of the key; 0 = free, else `GONE`.
        w64: (S, row bytes / 8) int64.
        w32: (S, row bytes / 4) int32.
        w16: (S, row bytes / 2) uint16.
        w8: (S, row bytes) uint8.
        columns: (5, 2 + most) int64 for each window: where its panes begin, their width, the measure of each column.
        column: (5, N_MEASURES) int64, the other way round, -1 where not kept.
        inverse: Items that a number of set registers of a sketch tell of, one sketch after the other.
        scalars: (11,) int64.
        copies: Rows that the sweep under way has copied; room for none while there is none.
        plan: `layout.Plan` of the row of a busy key; a cold store has it and the columns for what it reads.
    """

    table: NDArray[np.uint32]
    w64: Ints
    w32: NDArray[np.int32]
    w16: NDArray[np.uint16]
    w8: NDArray[np.uint8]
    columns: Ints
    column: Ints
    inverse: NDArray[np.float64]
    scalars: Ints
    copies: RowCopies
    plan: Ints


def make_store(family: int, slots: int, *, is_cold: bool = False) -> Store:
    """Make an empty store of `slots` keys of a family. Rows are touched only as slots come into use, one by one.

    The table is touched at once: keys fall all over it, so the first ones would wait for each of its pages.
    """
    plan = layout.PLANS[family]
    store = plain_store(layout.COLD_BYTES if is_cold else plan.row_bytes, slots)
    store.table.fill(0)
    columns, column = layout.store_columns(family)
    return store._replace(
        columns=columns,
        column=column,
        inverse=np.concatenate([items_of_filled(sketch) for sketch in window_constants.SHAPES[family].sketches]),
        plan=np.array(plan, dtype=np.int64),
    )


def plain_store(row_bytes: int, slots: int) -> Store:
    """Make an empty store whose rows have the head of `detector.windows.layout`, and behind it what their owner wants.

    Memory is used as keys come. The plan is all zeros.

    Args:
        row_bytes: Of a row; a multiple of 8, more than the head.
        slots: Most keys.
    """
    memory = np.zeros(slots * row_bytes + CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    rows = memory[start : start + slots * row_bytes].reshape(slots, row_bytes)
    return Store(
        table=np.zeros(TABLE_LOAD * slots + LONGEST_SEARCH, dtype=np.uint32),
        w64=rows.view(np.int64),
        w32=rows.view(np.int32),
        w16=rows.view(np.uint16),
        w8=rows,
        columns=np.zeros((0, 0), dtype=np.int64),
        column=np.zeros((0, 0), dtype=np.int64),
        inverse=np.zeros(0),
        scalars=np.array((0, NONE, NONE, NONE, 0, 0, 0, 0, 0, 0, slots.bit_length()), dtype=np.int64),
        copies=NO_ROWS,
        plan=np.zeros(len(layout.Plan._fields), dtype=np.int64),
    )


def row_bytes(store: Store) -> int:
    """Bytes of one row of `store`."""
    return 8 * int(store.w64.shape[1])


def shapes(store: Store) -> dict[str, tuple[int, ...]]:
    """What one row has in each array of a block of `store`."""
    return {"state": (STATE_COLUMNS,), "row": (store.w64.shape[1],)}


def empty_rows(store: Store, count: int) -> RowCopies:
    """Room for `count` rows of `store`; memory is used as it is filled."""
    return RowCopies(np.empty((count, STATE_COLUMNS), np.int64), np.empty((count, store.w64.shape[1]), np.int64))


def bytes_per_key(store: Store) -> float:
    """Bytes that one key takes: its row, and its share of the table."""
    return row_bytes(store) + store.table.nbytes / len(store.w64)


@compiled_inline
def partition_of(store: Store, slot: int) -> int:
    """Partition of the key of `slot`, -1 = shared."""
    value = as_int(store.w16[slot, PARTITION])
    return value if value <= HIGHEST_PARTITION else value - LOW_16 - 1


@compiled_inline
def home_of(store: Store, key: int) -> int:
    """Place in the table where the search for `key` begins: by its low 32 bits, which are a hash."""
    return ((key & LOW_32) * (len(store.table) - LONGEST_SEARCH)) >> HALF


@compiled_inline
def _slot_in(store: Store, place: int) -> int:
    """Slot of the key that stands at `place`, -1 where none does."""
    return int((np.int64(store.table[np.uint64(place)]) & ((1 << store.scalars[SLOT_BITS]) - 1)) - 1)


@compiled_inline
def find(store: Store, key: int) -> int:
    """Return the slot of `key`, -1 where it is not tracked."""
    bits = store.scalars[SLOT_BITS]
    tag = (key >> HALF) & (LOW_32 >> bits)
    place = np.uint64(home_of(store, key))  # a signed index costs a test for wrap-around
    end = place + _LONGEST
    while place < end:
        entry = np.int64(store.table[place])
        if entry == 0:
            return NONE
        if entry >> bits == tag:
            slot = int((entry & ((1 << bits) - 1)) - 1)
            if slot >= 0 and store.w64[slot, KEY] == key:
                return slot
        place += _ONE
    return NONE


@compiled_inline
def find_low(store: Store, low: int) -> int:
    """Return the slot of the key with the low 32 bits `low`, -1 where there is none."""
    home = home_of(store, low)
    for place in range(home, home + LONGEST_SEARCH):
        if store.table[place] == 0:
            return NONE
        slot = _slot_in(store, place)
        if slot >= 0 and store.w64[slot, KEY] & LOW_32 == low & LOW_32:
            return slot
    return NONE


@compiled_inline
def _unlink(store: Store, slot: int) -> None:
    older, newer = as_int(store.w32[slot, OLDER]), as_int(store.w32[slot, NEWER])
    if older >= 0:
        store.w32[older, NEWER] = newer
    else:
        store.scalars[OLDEST] = newer
    if newer >= 0:
        store.w32[newer, OLDER] = older
    else:
        store.scalars[NEWEST] = older


@compiled_inline
def _link(store: Store, slot: int) -> None:
    newest = store.scalars[NEWEST]
    store.w32[slot, OLDER] = newest
    store.w32[slot, NEWER] = NONE
    if newest >= 0:
        store.w32[newest, NEWER] = slot
    else:
        store.scalars[OLDEST] = slot
    store.scalars[NEWEST] = slot


@compiled_borrowing
def _copy(store: Store, slot: int) -> None:
    """Append the row of `slot` to `copies`; links to other rows mean nothing elsewhere and are left out."""
    place = store.scalars[COPIED]
    store.scalars[COPIED] += 1
    store.scalars[LEFT] -= 1
    row = store.copies.row[place]
    for word in range(len(row)):
        row[word] = store.w64[slot, word]
    row[LINKS_WORD] = 0
    row[PARTITION_WORD] &= EPOCH_MASK
    store.copies.state[place, row_copies.PARTITION_COLUMN] = partition_of(store, slot)
    store.copies.state[place, row_copies.LATEST_MS_COLUMN] = store.w64[slot, layout.LATEST_MS]
    store.w16[slot, EPOCH] = store.scalars[SWEEP]


@compiled_inline
def copy_before_write(store: Store, slot: int) -> None:
    """Copy the row of `slot` for the sweep under way, unless it has it: to be called before anything is written to it.

    There must be room in `copies`: `detector.windows.sweep.Sweep.make_room`.
    """
    if store.scalars[SWEEP] > 0 and as_int(store.w16[slot, EPOCH]) != store.scalars[SWEEP]:
        _copy(store, slot)


@compiled_borrowing
def copy_slots(store: Store, most: int) -> int:
    """Copy what the sweep under way does not have of the next `most` slots; returns how many it looked at."""
    first = store.scalars[CURSOR]
    slot = first
    while slot < first + most and store.scalars[LEFT] > 0:
        if store.w64[slot, KEY] != 0:
            copy_before_write(store, slot)
        slot += 1
    store.scalars[CURSOR] = slot
    return int(slot - first)


@compiled_inline
def touch(store: Store, slot: int) -> None:
    """Mark `slot` as the one used last; every write to what a key counted begins here."""
    copy_before_write(store, slot)
    if store.scalars[NEWEST] != slot:
        _unlink(store, slot)
        _link(store, slot)


@compiled_borrowing
def _place_of(store: Store, slot: int) -> int:
    """Place in the table of the key of `slot`."""
    place = home_of(store, store.w64[slot, KEY])
    while _slot_in(store, place) != slot:
        place += 1
    return place


@compiled_borrowing
def _erase(store: Store, slot: int) -> None:
    """Take the key of `slot` out of the table, and close the gap by keys from behind it, as far as a search goes."""
    first = gap = _place_of(store, slot)
    end = min(first + LONGEST_SEARCH, len(store.table))
    place = first + 1
    while place < end and store.table[place] != 0:
        follower = _slot_in(store, place)
        if follower >= 0 and home_of(store, store.w64[follower, KEY]) <= gap:
            store.table[gap] = store.table[place]
            gap = place
        place += 1
    # Keys that stand further behind may have been put there past the gap, unless it is still the first one.
    is_passed = gap > first and place == end < len(store.table)
    store.table[gap] = GONE if is_passed else 0


@compiled_borrowing
def _clear(store: Store, slot: int) -> None:
    """Free a slot whose key is out of the table."""
    copy_before_write(store, slot)
    _unlink(store, slot)
    for word in range(store.w64.shape[1]):
        store.w64[slot, word] = 0
    store.w32[slot, OLDER] = store.scalars[FREE]
    store.scalars[FREE] = slot
    store.scalars[USED] -= 1


@compiled_borrowing
def release(store: Store, slot: int) -> None:
    """Forget the key of `slot` and clear what was counted."""
    _erase(store, slot)
    _clear(store, slot)


@compiled_borrowing
def _take(store: Store) -> int:
    """Take a slot: a released one, else the lowest never used, else that of the longest-idle key."""
    if store.scalars[FREE] < 0 and store.scalars[UNTOUCHED] < len(store.w64):
        store.scalars[UNTOUCHED] += 1
        return int(store.scalars[UNTOUCHED]) - 1
    if store.scalars[FREE] < 0:
        release(store, store.scalars[OLDEST])
        store.scalars[EVICTIONS] += 1
    slot = int(store.scalars[FREE])
    store.scalars[FREE] = store.w32[slot, OLDER]
    return slot


@compiled_borrowing
def _place_for(store: Store, key: int) -> int:
    """Place in the table for a new key: a free one, else that of the longest idle key which a search for it passes."""
    home = home_of(store, key)
    for place in range(home, home + LONGEST_SEARCH):
        if _slot_in(store, place) < 0:  # nearly always near, and the rows of keys that stand before it are far away
            return place
    idlest = home
    for place in range(home + 1, home + LONGEST_SEARCH):
        idle_ms = store.w64[_slot_in(store, idlest), layout.LATEST_MS]
        if store.w64[_slot_in(store, place), layout.LATEST_MS] < idle_ms:
            idlest = place
    return idlest


@compiled_borrowing
def acquire(store: Store, key: int, partition: int, time_ms: int) -> int:
    """Give `key` a slot, its latest event being at `time_ms`; at capacity that of the longest-idle key.

    The key must not be tracked yet. One other key goes at most: a sweep has room for no more.
    """
    place = _place_for(store, key)
    if _slot_in(store, place) >= 0:
        _clear(store, _slot_in(store, place))
        store.scalars[EVICTIONS] += 1
    evictions = store.scalars[EVICTIONS]
    slot = _take(store)
    if store.scalars[EVICTIONS] != evictions:  # a key that went may have left a nearer place
        place = _place_for(store, key)
    store.scalars[USED] += 1
    store.w64[slot, KEY] = key
    store.w64[slot, layout.LATEST_MS] = time_ms
    store.w16[slot, PARTITION] = partition & LOW_16
    store.w16[slot, EPOCH] = store.scalars[SWEEP]
    bits = store.scalars[SLOT_BITS]
    store.table[place] = (((key >> HALF) & (LOW_32 >> bits)) << bits) | (slot + 1)
    _link(store, slot)
    return slot


@compiled_borrowing
def insert(store: Store, rows: RowCopies, partition: int) -> int:
    """Give each of `rows` of `partition` a slot of its own, in order, as used last; returns how many those were.

    A key that is tracked already gets the row in place of what it counted.
    """
    inserted = 0
    for place in range(len(rows.row)):
        if rows.state[place, row_copies.PARTITION_COLUMN] != partition:
            continue
        inserted += 1
        row = rows.row[place]
        slot = find(store, row[KEY])
        if slot < 0:
            slot = acquire(store, row[KEY], partition, row[layout.LATEST_MS])
        else:
            touch(store, slot)
        links, epoch = store.w64[slot, LINKS_WORD], store.w16[slot, EPOCH]
        for word in range(len(row)):
            store.w64[slot, word] = row[word]
        store.w64[slot, LINKS_WORD] = links
        store.w16[slot, EPOCH] = epoch
    return inserted


@compiled_borrowing
def forget(store: Store, partition: int, start: int, stop: int) -> None:
    """Release every slot of `partition` in `[start, stop)`: in their order in memory, not in that of their use."""
    for slot in range(start, min(stop, store.scalars[UNTOUCHED])):
        if store.w64[slot, KEY] != 0 and partition_of(store, slot) == partition:
            release(store, slot)
