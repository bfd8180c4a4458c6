"""Writing one event into the slot of one key: ring, panes, sketches. Compiled.

The ring holds the latest calls of the key by set-up time, each with its end once that has come. What does not fit, or
comes too early to fit, raises `EVICTED_SETUP_MS` or `EVICTED_END_MS`: a window that starts at or after
it is exact from the ring.
"""

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector import numbering
from detector.compiled import compiled_borrowing, compiled_inline
from detector.hashing import scramble
from detector.windows import slots
from detector.windows.slots import Ints, Store

TALK_LIMIT_S = 0xFFFF
ASTRAY_LIMIT = 16
FLAG_BITS = spec.TALK_S
_FLAG_MASK = (1 << FLAG_BITS) - 1
_PREFIX_SHIFT = FLAG_BITS + 16
_HALF = 32
_LOW = 0xFFFFFFFF


@compiled_borrowing
def pack_parties(peer: int, other: int) -> int:
    """Pack the low 32 bits of two hashes into one int64."""
    return ((peer & _LOW) << _HALF) | (other & _LOW)


@compiled_borrowing
def short_hash(key: int) -> int:
    """Return 32 well-mixed bits of `key`."""
    return int(np.int64(scramble(np.uint64(key)) >> np.uint64(_HALF)))


@compiled_borrowing
def peer_of(parties: int) -> int:
    """The other party's hash."""
    return (parties >> _HALF) & _LOW


@compiled_borrowing
def other_of(parties: int) -> int:
    """The third party's hash."""
    return parties & _LOW


@compiled_borrowing
def pack_facts(prefix: int, talk_s: int, flags: int) -> int:
    """Pack NPA-NXX (-1 = none), talk time in seconds and measure bits into one int64."""
    return ((prefix + 1) << _PREFIX_SHIFT) | (min(talk_s, TALK_LIMIT_S) << FLAG_BITS) | flags


@compiled_borrowing
def prefix_of(facts: int) -> int:
    """NPA-NXX of the other party, -1 = none."""
    return (facts >> _PREFIX_SHIFT) - 1


@compiled_borrowing
def talk_of(facts: int) -> int:
    """Talk time in seconds, at most 65,535."""
    return (facts >> FLAG_BITS) & TALK_LIMIT_S


@compiled_borrowing
def flags_of(facts: int) -> int:
    """Measure bits."""
    return facts & _FLAG_MASK


@compiled_borrowing
def pane_indexes(time_ms: int, indexes: Ints) -> None:
    """Fill `indexes`, shape (5,), with the absolute pane number of `time_ms` for each window length."""
    for window in range(spec.N_WINDOWS):
        indexes[window] = time_ms // spec.PANE_MS[window]


@compiled_inline
def _watch_clock(store: Store, slot: int, time_ms: int, indexes: Ints) -> None:
    """Start the windows of `slot` again at `time_ms` after `ASTRAY_LIMIT` events in a row that are a day late.

    One event with a clock far ahead would otherwise hide all that follow until they catch up with it.
    """
    state = store.state[slot]
    if len(store.panes) == 0 or state[slots.HEADS + spec.W24H] - indexes[spec.W24H] < spec.N_PANES:
        state[slots.ASTRAY] = 0
        return
    state[slots.ASTRAY] += 1
    if state[slots.ASTRAY] < ASTRAY_LIMIT:
        return
    store.panes[slot] = 0
    store.totals[slot] = 0
    store.sketches[slot] = 0
    store.refreshed[slot] = 0
    state[slots.ASTRAY] = 0
    state[slots.RING_COUNT] = 0
    state[slots.LATEST_MS] = time_ms
    state[slots.LAST_SETUP_MS] = time_ms
    # What came before this instant is no longer known: the ring must not claim to hold it.
    state[slots.EVICTED_SETUP_MS] = time_ms
    state[slots.EVICTED_END_MS] = time_ms
    for window in range(spec.N_WINDOWS):
        state[slots.HEADS + window] = indexes[window]


@compiled_inline
def advance(store: Store, slot: int, time_ms: int, indexes: Ints) -> None:
    """Move the panes of `slot` on to `time_ms` where that is later than all before."""
    state = store.state[slot]
    if time_ms <= state[slots.LATEST_MS]:
        _watch_clock(store, slot, time_ms, indexes)
        return
    state[slots.LATEST_MS] = time_ms
    state[slots.ASTRAY] = 0
    if len(store.panes) == 0:
        return
    for window in range(spec.N_WINDOWS):
        head = state[slots.HEADS + window]
        target = indexes[window]
        if target == head:
            continue
        state[slots.HEADS + window] = target
        if target - head >= spec.N_PANES:
            store.panes[slot, window] = 0
            store.totals[slot, window] = 0
            continue
        for index in range(head + 1, target + 1):
            pane = store.panes[slot, window, index % spec.N_PANES]
            for column in range(len(pane)):
                store.totals[slot, window, column] -= pane[column]
            pane[:] = 0


@compiled_inline
def add_to_panes(store: Store, slot: int, indexes: Ints, flags: int, talk_s: int) -> None:
    """Count `flags` (and talk time) in the panes that `indexes` names, as far as they are still held."""
    if len(store.panes) == 0:
        return
    panes, totals, state, columns = store.panes[slot], store.totals[slot], store.state[slot], store.column
    one, talk = np.uint32(1), np.uint32(talk_s)
    for window in range(spec.N_WINDOWS):
        index = indexes[window]
        if state[slots.HEADS + window] - index >= spec.N_PANES:
            continue
        place = index % spec.N_PANES
        rest = flags
        measure = 0
        while rest != 0:
            column = columns[measure]
            if rest & 1 and column >= 0:
                panes[window, place, column] += one
                totals[window, column] += one
            rest >>= 1
            measure += 1
        column = columns[spec.TALK_S]
        if talk_s > 0 and column >= 0:
            panes[window, place, column] += talk
            totals[window, column] += talk


@compiled_inline
def _sketch(registers: NDArray[np.uint32], width: int, item: int, time_ms: int) -> None:
    """Note `item` at `time_ms`: trailing zeros of its hash pick the resolution, other bits the register."""
    mixed = scramble(np.uint64(item) + np.uint64(0x51ED270B))
    levels = len(registers) // width
    level = 0
    while level < levels - 1 and (mixed >> np.uint64(level)) & np.uint64(1) == np.uint64(0):
        level += 1
    register = level * width + np.int64((mixed >> np.uint64(_HALF)) % np.uint64(width))
    registers[register] = max(registers[register], np.uint32(time_ms // spec.SECOND_MS))


@compiled_inline
def add_to_sketches(store: Store, slot: int, time_ms: int, parties: int, facts: int) -> None:
    """Note the parties of a call for the distinct counts."""
    if len(store.sketches) == 0:
        return
    width = len(store.linear) - 1
    for place in range(store.sketches.shape[1]):
        item = spec.KEPT_ITEMS[place]
        if item == spec.PEER:
            seen = peer_of(parties)
        elif item == spec.OTHER:
            seen = other_of(parties)
        else:
            seen = prefix_of(facts) + 1
        _sketch(store.sketches[slot, place], width, seen, time_ms)
    for window in range(spec.N_WINDOWS):
        store.refreshed[slot, window, 1] += 1


@compiled_inline
def _ring_place(ring: Ints, state: Ints, time_ms: int) -> int:
    """Place for a call at `time_ms`: a free one, else that of the earliest call, -1 where all are later."""
    if state[slots.RING_COUNT] < len(ring):
        state[slots.RING_COUNT] += 1
        return int(state[slots.RING_COUNT]) - 1
    earliest = 0
    for place in range(1, len(ring)):
        if ring[place, slots.SETUP_MS] < ring[earliest, slots.SETUP_MS]:
            earliest = place
    if ring[earliest, slots.SETUP_MS] > time_ms:
        state[slots.EVICTED_SETUP_MS] = max(state[slots.EVICTED_SETUP_MS], time_ms)
        return slots.NONE
    state[slots.EVICTED_SETUP_MS] = max(state[slots.EVICTED_SETUP_MS], ring[earliest, slots.SETUP_MS])
    state[slots.EVICTED_END_MS] = max(state[slots.EVICTED_END_MS], ring[earliest, slots.END_MS])
    return earliest


@compiled_inline
def keep_call(ring: Ints, state: Ints, time_ms: int, end_ms: int, parties: int, facts: int) -> None:
    """Put a call into the ring; `end_ms` 0 = not ended."""
    place = _ring_place(ring, state, time_ms)
    if place < 0:
        state[slots.EVICTED_END_MS] = max(state[slots.EVICTED_END_MS], end_ms)
        return
    ring[place, slots.SETUP_MS] = time_ms
    ring[place, slots.END_MS] = end_ms
    ring[place, slots.PARTIES] = parties
    ring[place, slots.FACTS] = facts


@compiled_inline
def _is_sequential(last: int, called: int) -> bool:
    step = abs(called - last)
    same_block = called // numbering.SUBSCRIBER_RANGE == last // numbering.SUBSCRIBER_RANGE
    return called != 0 and last != 0 and 0 < step <= spec.SEQUENTIAL_REACH and same_block


@compiled_inline
def record_setup(
    store: Store, slot: int, time_ms: int, indexes: Ints, parties: int, prefix: int, flags: int, dialled: int
) -> int:
    """Count one call set-up; returns the time of the key's previous call in ms, 0 where it is the first.

    `dialled` is the called number's digits (0 = not NANP), for sequential dialling.
    """
    slots.touch(store, slot)
    state = store.state[slot]
    advance(store, slot, time_ms, indexes)
    previous_ms = state[slots.LAST_SETUP_MS]
    if _is_sequential(state[slots.LAST_CALLED], dialled):
        flags |= 1 << spec.SEQUENTIAL
    state[slots.LAST_CALLED] = dialled
    state[slots.FIRST_MS] = time_ms if previous_ms == 0 else min(time_ms, state[slots.FIRST_MS])
    state[slots.LAST_SETUP_MS] = max(previous_ms, time_ms)
    facts = pack_facts(prefix, 0, flags)
    keep_call(store.ring[slot], state, time_ms, 0, parties, facts)
    add_to_panes(store, slot, indexes, flags, 0)
    add_to_sketches(store, slot, time_ms, parties, facts)
    return int(previous_ms)


@compiled_inline
def has_open_call(store: Store, slot: int, setup_ms: int, peer: int) -> int:
    """Place in the ring of the call set up at `setup_ms` with `peer` that has not ended, -1 where there is none."""
    ring = store.ring[slot]
    for place in range(store.state[slot, slots.RING_COUNT]):
        is_open = ring[place, slots.END_MS] == 0
        if is_open and ring[place, slots.SETUP_MS] == setup_ms and peer_of(ring[place, slots.PARTIES]) == peer:
            return place
    return slots.NONE


@compiled_inline
def record_end(
    store: Store, slot: int, setup_ms: int, end_ms: int, indexes: Ints, peer: int, flags: int, talk_s: int
) -> None:
    """Count the end of a call, matched to its set-up where the ring still has that."""
    slots.touch(store, slot)
    advance(store, slot, end_ms, indexes)
    talk_s = min(talk_s, TALK_LIMIT_S)
    place = has_open_call(store, slot, setup_ms, peer)
    if place >= 0:
        entry = store.ring[slot, place]
        facts = entry[slots.FACTS]
        entry[slots.END_MS] = end_ms
        entry[slots.FACTS] = pack_facts(prefix_of(facts), talk_s, flags_of(facts) | flags)
    else:
        store.state[slot, slots.EVICTED_END_MS] = max(store.state[slot, slots.EVICTED_END_MS], end_ms)
    add_to_panes(store, slot, indexes, flags, talk_s)


@compiled_borrowing
def promote(cold: Store, cold_slot: int, hot: Store, time_ms: int, indexes: Ints) -> int:
    """Move a key from the cold store to a slot of the hot one, nothing lost: its calls are counted again.

    `indexes` are those of `time_ms`, the event under way, before and after; meanwhile those of the calls moved.
    """
    source = cold.state[cold_slot]
    slot = slots.acquire(hot, source[slots.KEY], source[slots.PARTITION])
    pane_indexes(source[slots.LATEST_MS], indexes)
    advance(hot, slot, source[slots.LATEST_MS], indexes)
    for column in range(slots.FIRST_MS, slots.LAST_ORIGIN + 1):
        hot.state[slot, column] = source[column]
    for place in range(source[slots.RING_COUNT]):
        entry = cold.ring[cold_slot, place]
        facts = entry[slots.FACTS]
        keep_call(
            hot.ring[slot], hot.state[slot], entry[slots.SETUP_MS], entry[slots.END_MS], entry[slots.PARTIES], facts
        )
        pane_indexes(entry[slots.SETUP_MS], indexes)
        add_to_panes(hot, slot, indexes, flags_of(facts) & ((1 << spec.N_SETUP_MEASURES) - 1), 0)
        add_to_sketches(hot, slot, entry[slots.SETUP_MS], entry[slots.PARTIES], facts)
        if entry[slots.END_MS] > 0:
            pane_indexes(entry[slots.END_MS], indexes)
            ends = (flags_of(facts) >> spec.N_SETUP_MEASURES) << spec.N_SETUP_MEASURES
            add_to_panes(hot, slot, indexes, ends, talk_of(facts))
    pane_indexes(time_ms, indexes)
    slots.release(cold, cold_slot)
    return slot
