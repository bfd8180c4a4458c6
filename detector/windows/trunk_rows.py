"""Shares of trunk groups to and from the rows of a store, many at a time. Compiled.

The bytes are those of `detector.windows.trunks`, which says the same plainly; both are held against each other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import LOW_32, as_int, as_unsigned
from detector.features import window_constants
from detector.windows import key_store
from detector.windows.key_store import Store
from detector.windows.layout import AT, LATEST_MS, OTHERS_MS, START, WIDTH, WORD
from detector.windows.sketches import LAST_STAMP, base_of
from detector.windows.trunks import (
    COUNT_WORDS,
    COUNTS,
    HEADER,
    LONGEST_BODY,
    LONGEST_RUN,
    LONGEST_VARINT,
    REGISTERS,
    UNIT_MS,
    VARINT_BITS,
    VARINT_MASK,
    VARINT_MORE,
    WORDS,
)

VALUES = WORD * WORDS
FIRST_REGISTER = WORD * COUNT_WORDS
_SHAPE = window_constants.SHAPES[window_constants.TRUNK]
_WIDTHS = np.array([len(measures) for measures in _SHAPE.pairs])
_PANES = [
    (window, place)
    for window, width in enumerate(_WIDTHS.tolist())
    for place in range(window_constants.N_PANES)
    for _ in range(width)
]
_WINDOW_OF = np.array([window for window, _ in _PANES])
_PLACE_OF = np.array([place for _, place in _PANES])
"""Of each count of a share: its window, and its pane from the oldest on."""
_LATEST_AT, _NAME_SIZE_AT = 4, HEADER.size - 2
_SIZE, _BYTE = HEADER.size, 8


class Room(NamedTuple):
    """Room for what is unpacked and added up; contents mean nothing between two calls.

    Attributes:
        packed: Where rows are packed to.
        found_at: (VALUES,) which values of a share are not zero.
        found: (VALUES,) those.
        sums: (COUNTS,) of the panes of all shares.
        tops: (3, REGISTERS) of each register the latest time, whose it is, and the next latest.
        touched: (REGISTERS,) the registers that some share has set.
    """

    packed: Bytes
    found_at: Ints
    found: Ints
    sums: Ints
    tops: Ints
    touched: Ints


def make_room(rows: int) -> Room:
    """Room for packing `rows` rows in one go, and for adding up any number of shares."""
    found_at, found = np.zeros((2, VALUES), dtype=np.int64)
    packed = np.empty(rows * LONGEST_BODY, dtype=np.uint8)
    sums, touched = np.zeros(COUNTS, dtype=np.int64), np.zeros(REGISTERS, dtype=np.int64)
    return Room(packed, found_at, found, sums, np.zeros((3, REGISTERS), dtype=np.int64), touched)


@compiled_inline
def _first_count(store: Store, window: int, latest_ms: int, place: int) -> int:
    """Where the counts of a pane begin in a row, in units of a count; place 0 is the oldest of those up to a time."""
    index = latest_ms // window_constants.PANE_MS[window] - window_constants.PANES_PER_WINDOW + place
    return int(store.columns[window, START] + index % window_constants.N_PANES * store.columns[window, WIDTH])


@compiled_borrowing
def _own_values(store: Store, slot: int, values: Ints) -> None:
    """Fill `values` (VALUES,) with what a row itself counted."""
    latest_ms, at = store.w64[slot, LATEST_MS], 0
    for window in range(window_constants.N_WINDOWS):
        width = store.columns[window, WIDTH]
        for place in range(window_constants.N_PANES):
            first = _first_count(store, window, latest_ms, place)
            for column in range(width):
                values[at] = as_unsigned(store.w32[slot, first + column])
                at += 1
    values[COUNTS:FIRST_REGISTER] = 0
    first = store.plan[AT.sketch_0]
    for register in range(REGISTERS):
        values[FIRST_REGISTER + register] = as_int(store.w8[slot, first + register])


@compiled_borrowing
def _pack(values: Ints, packed: Bytes, at: int) -> int:
    """Pack values at place `at`; returns where they end."""
    run = 0
    for word in range(WORDS):
        mask = 0
        for bit in range(WORD):
            mask |= int(values[WORD * word + bit] != 0) << bit
        if mask == 0 and run < LONGEST_RUN:
            run += 1
            continue
        if run > 0:
            packed[at], packed[at + 1] = 0, run
            at += 2
        run = int(mask == 0)
        if mask == 0:
            continue
        packed[at] = mask
        at += 1
        for bit in range(WORD):
            value = values[WORD * word + bit]
            if value == 0:
                continue
            while word < COUNT_WORDS and value > VARINT_MASK:
                packed[at] = VARINT_MORE | (value & VARINT_MASK)
                value >>= VARINT_BITS
                at += 1
            packed[at] = value
            at += 1
    if run > 0:
        packed[at], packed[at + 1] = 0, run
        at += 2
    return at


@compiled_borrowing
def pack(store: Store, keys: Ints, room: Room, latest_ms: Ints, ends: Ints) -> None:
    """Pack what the rows of some trunk groups counted, without what others did.

    Args:
        store: of trunk groups.
        keys: (n,), of trunk groups and their partition; `room` was made for as many.
        room: its `packed` gets the bodies, one after the other.
        latest_ms: (n,), filled: time of the latest event in milliseconds, -1 where the key is not tracked.
        ends: (n,), filled: where each body ends.
    """
    end = 0
    for place in range(len(keys)):
        slot = key_store.find(store, keys[place])
        latest_ms[place] = -1
        if slot >= 0:
            latest_ms[place] = store.w64[slot, LATEST_MS]
            _own_values(store, slot, room.found)
            end = _pack(room.found, room.packed, end)
        ends[place] = end


@compiled_borrowing
def _unpack(data: Bytes, at: int, stop: int, found_at: Ints, found: Ints) -> int:
    """Find the values of a body that are not zero; returns how many they are, -1 where the body is damaged."""
    word, count = 0, 0
    while word < WORDS and at < stop:
        mask = as_int(data[at])
        at += 1
        if mask == 0:
            if at == stop or data[at] == 0:
                return -1
            word += as_int(data[at])
            at += 1
            continue
        for bit in range(WORD):
            if (mask >> bit) & 1 == 0:
                continue
            value, shift, is_more = 0, 0, True
            while is_more:
                if at == stop or shift == VARINT_BITS * LONGEST_VARINT:
                    return -1
                byte = as_int(data[at])
                at += 1
                is_more = word < COUNT_WORDS and byte > VARINT_MASK
                value |= (byte & VARINT_MASK if is_more else byte) << shift
                shift += VARINT_BITS
            if value == 0 or value > LOW_32:
                return -1
            found_at[count], found[count] = WORD * word + bit, value
            count += 1
        word += 1
    return count if word == WORDS and at == stop else -1


@compiled_inline
def _latest_of(data: Bytes, start: int) -> int:
    """Time of the latest event of a share."""
    time_ms = 0
    for byte in range(_BYTE):
        time_ms |= as_int(data[start + _LATEST_AT + byte]) << (_BYTE * byte)
    return time_ms


@compiled_inline
def _find_values(data: Bytes, start: int, stop: int, room: Room) -> int:
    """Unpack a share behind its header; -1 where it is damaged."""
    name_size = as_int(data[start + _NAME_SIZE_AT]) | as_int(data[start + _NAME_SIZE_AT + 1]) << _BYTE
    return _unpack(data, start + _SIZE + name_size, stop, room.found_at, room.found)


@compiled_borrowing
def check(data: Bytes, ends: Ints, room: Room, is_whole: NDArray[np.bool_]) -> None:
    """Say of each share in `data`, whose header was read, whether it is whole; `ends` (n,) says where each ends."""
    start = 0
    for place in range(len(ends)):
        is_whole[place] = _find_values(data, start, ends[place], room) >= 0
        start = ends[place]


@compiled_inline
def _moved(at: int, newest_ms: int, latest_ms: int) -> int:
    """Place among the counts up to `newest_ms` of one up to `latest_ms`, -1 where it is too old."""
    window = _WINDOW_OF[at]
    behind = newest_ms // window_constants.PANE_MS[window] - latest_ms // window_constants.PANE_MS[window]
    return int(at - behind * _WIDTHS[window]) if behind <= _PLACE_OF[at] else -1


@compiled_borrowing
def _total(data: Bytes, ends: Ints, left_out: int, newest_ms: int, room: Room) -> int:
    """Add all shares but `left_out` (-1 = none) up in `room`, as of `newest_ms`; returns how many registers are set."""
    sums, tops, touched, n_touched, start = room.sums, room.tops, room.touched, 0, 0
    sums[:] = 0
    tops[:] = 0
    for share in range(len(ends)):
        stop = ends[share]
        if share == left_out:
            start = stop
            continue
        latest_ms = _latest_of(data, start)
        base = base_of(latest_ms // UNIT_MS)
        for place in range(_find_values(data, start, stop, room)):
            at, value = room.found_at[place], room.found[place]
            if at < COUNTS:
                moved = _moved(at, newest_ms, latest_ms)
                if moved >= 0:
                    sums[moved] += value
                continue
            register, time = at - FIRST_REGISTER, max(0, value + base)
            if register < 0 or time == 0:
                continue
            if tops[0, register] == 0:
                touched[n_touched] = register
                n_touched += 1
            if time > tops[0, register]:
                tops[2, register] = tops[0, register]
                tops[0, register], tops[1, register] = time, share
            else:
                tops[2, register] = max(tops[2, register], time)
        start = stop
    return n_touched


@compiled_borrowing
def _put(store: Store, slot: int, own: int, newest_ms: int, room: Room, n_touched: int) -> None:
    """Put all sums into a row, and of each register the latest time that is not of the share `own` (-1 = none)."""
    key_store.copy_before_write(store, slot)
    plan = store.plan
    store.w64[slot, OTHERS_MS] = newest_ms
    for word in range(plan[AT.estimates], plan[AT.panes] // 2):
        store.w64[slot, word] = 0
    at = 0
    for window in range(window_constants.N_WINDOWS):
        for place in range(window_constants.N_PANES):
            first = _first_count(store, window, newest_ms, place) + plan[AT.other_panes]
            for column in range(store.columns[window, WIDTH]):
                store.w32[slot, first + column] = min(room.sums[at], LOW_32)
                at += 1
    base, start = base_of(newest_ms // plan[AT.unit_ms]), plan[AT.sketch_0] + plan[AT.other_sketches]
    for word in range(start // WORD, (start + REGISTERS) // WORD):
        store.w64[slot, word] = 0
    for place in range(n_touched):
        register = room.touched[place]
        time = room.tops[2 if own >= 0 and room.tops[1, register] == own else 0, register]
        store.w8[slot, start + register] = min(max(time - base, 0), LAST_STAMP) if time > 0 else 0


@compiled_borrowing
def _take_off(store: Store, slot: int, data: Bytes, start: int, stop: int, newest_ms: int, room: Room) -> None:
    """Take the panes of a share off the sums that were put into a row."""
    latest_ms = _latest_of(data, start)
    for found in range(_find_values(data, start, stop, room)):
        at = room.found_at[found]
        moved = _moved(at, newest_ms, latest_ms) if at < COUNTS else -1
        if moved < 0:
            continue
        window, place = _WINDOW_OF[moved], _PLACE_OF[moved]
        first = _first_count(store, window, newest_ms, place) + store.plan[AT.other_panes]
        column = (moved - _first_of(window)) % _WIDTHS[window]
        store.w32[slot, first + column] = min(room.sums[moved] - room.found[found], LOW_32)


@compiled_inline
def _first_of(window: int) -> int:
    """Place of the first count of a window."""
    first = 0
    for before in range(window):
        first += window_constants.N_PANES * _WIDTHS[before]
    return first


@compiled_borrowing
def share_out(store: Store, keys: Ints, data: Bytes, ends: Ints, room: Room) -> int:
    """Replace in the row of each key what is known of all shares but its own.

    One sum of all serves every row but that of the latest share: each row takes its own share off again. What comes out
    is `detector.windows.trunks.merge` of the others, to the bit.

    Args:
        store: of trunk groups.
        keys: (k,), of one trunk group in several partitions.
        data: shares of that trunk group that are whole: those of the keys, in order, then any number of others.
        ends: (n,), where each share ends.
        room: overwritten.

    Returns:
        How many of the keys are tracked.
    """
    newest, newest_ms, next_ms, told, start = 0, -1, 0, 0, 0
    for share in range(len(ends)):
        latest_ms = _latest_of(data, start)
        if latest_ms > newest_ms:
            newest, newest_ms, next_ms = share, latest_ms, max(newest_ms, 0)
        else:
            next_ms = max(next_ms, latest_ms)
        start = ends[share]
    n_touched, start = _total(data, ends, -1, newest_ms, room), 0
    for share in range(len(keys)):
        slot = key_store.find(store, keys[share])
        if slot >= 0 and share != newest:
            _put(store, slot, share, newest_ms, room, n_touched)
            _take_off(store, slot, data, start, ends[share], newest_ms, room)
        told += slot >= 0
        start = ends[share]
    # Its own clock must not let the others' counts run out: what they add up to ends with the latest of them.
    if newest < len(keys):
        slot = key_store.find(store, keys[newest])
        if slot >= 0:
            _put(store, slot, -1, next_ms, room, _total(data, ends, newest, next_ms, room))
    return told
