"""A key with one call: kept exactly in 56 bytes, read exactly, and moved to a busy key's row before it must hold more.

A second call within 24 hours, or an end that is not that of the call, moves it. A call a day later takes the place of
the one before, which no window has any more.
"""

import numpy as np

from detector.columns.arrays import Floats
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import LOW_32, as_int
from detector.features import window_constants
from detector.windows import counting, exact_calls, key_store, reading
from detector.windows.key_store import Store
from detector.windows.layout import (
    END_AGE,
    FACTS,
    FIRST_AGE,
    FIRST_COLUMN,
    KEY,
    LAST_CALLED,
    LAST_SETUP_AGE,
    LATEST_MS,
    ORIGIN,
    PEER,
    SECOND,
    WIDTH,
)
from detector.windows.reading import Scratch, count_of, shortest_window, spread

OPEN = -0x80000000
"""`END_AGE` of a call that has not ended."""
LONGEST_MS = 0x7FFFFFFF


@compiled_inline
def must_move(cold: Store, slot: int, now_ms: int) -> bool:
    """Tell whether the call or its end is of the last 24 h, so that one more call needs a bigger row."""
    setup_ms, end = cold.w64[slot, LATEST_MS], as_int(cold.w32[slot, END_AGE])
    latest_ms = setup_ms if end == OPEN else max(setup_ms, setup_ms + end)
    return bool(latest_ms > now_ms - window_constants.DAY_MS)


@compiled_inline
def record_first(cold: Store, slot: int, peer: int, second: int, flags: int, dialled: int) -> None:
    """Write the call of a slot that was just taken."""
    cold.w32[slot, END_AGE] = OPEN
    cold.w32[slot, PEER] = peer
    cold.w32[slot, SECOND] = second
    cold.w32[slot, FACTS] = exact_calls.pack_facts(flags, 0)
    cold.w32[slot, LAST_CALLED] = dialled


@compiled_inline
def replace(cold: Store, slot: int, time_ms: int, peer: int, second: int, flags: int, dialled: int) -> int:
    """Write a call in place of one that no window has any more; returns how long ago in ms that was."""
    key_store.touch(cold, slot)
    passed_ms = time_ms - cold.w64[slot, LATEST_MS]
    cold.w64[slot, LATEST_MS] = time_ms
    exact_calls.make_older(cold, slot, FIRST_AGE, passed_ms)
    if counting.is_sequential(cold.w32[slot, LAST_CALLED], dialled):
        flags |= 1 << window_constants.SEQUENTIAL
    record_first(cold, slot, peer, second, flags, dialled)
    return int(min(passed_ms, exact_calls.NEVER - 1))


@compiled_inline
def has_open_call(cold: Store, slot: int, setup_ms: int, end_ms: int, peer: int) -> bool:
    """Tell whether the call of `slot` is the one set up at `setup_ms` with `peer`, has not ended, and may end then."""
    started_ms = cold.w64[slot, LATEST_MS]
    is_same = setup_ms in (started_ms, exact_calls.ANY_SETUP) and (cold.w32[slot, PEER] - peer) & LOW_32 == 0
    return bool(is_same and cold.w32[slot, END_AGE] == OPEN and abs(end_ms - started_ms) <= LONGEST_MS)


@compiled_inline
def record_end(cold: Store, slot: int, end_ms: int, flags: int, talk_s: int) -> None:
    """Write the end of the call of `slot`."""
    key_store.touch(cold, slot)
    cold.w32[slot, END_AGE] = end_ms - cold.w64[slot, LATEST_MS]
    facts = as_int(cold.w32[slot, FACTS])
    cold.w32[slot, FACTS] = exact_calls.pack_facts(exact_calls.setup_flags(facts) | flags, talk_s)


@compiled_borrowing
def read(cold: Store, slot: int, now_ms: int, counts: Floats, distinct: Floats) -> None:
    """Read all windows of `slot` at `now_ms` as `detector.windows.reading.read` does."""
    setup_ms, end, facts = (
        cold.w64[slot, LATEST_MS],
        as_int(cold.w32[slot, END_AGE]),
        as_int(cold.w32[slot, FACTS]),
    )
    setup_window = shortest_window(setup_ms, now_ms)
    end_window = window_constants.N_WINDOWS if end == OPEN else shortest_window(setup_ms + end, now_ms)
    for window in range(window_constants.N_WINDOWS):
        setups = spread(exact_calls.setup_flags(facts)) if window >= setup_window else 0
        ends = spread(exact_calls.end_flags(facts) >> window_constants.ENDED) if window >= end_window else 0
        talk_s = exact_calls.talk_of(facts) if window >= end_window else 0
        for column in range(cold.columns[window, WIDTH]):
            measure = cold.columns[window, FIRST_COLUMN + column]
            counts[window, measure] = count_of(measure, setups, ends, talk_s)
        for item in range(window_constants.N_ITEMS):
            distinct[item, window] = 1.0 if window >= setup_window else 0.0


@compiled_borrowing
def move(cold: Store, cold_slot: int, hot: Store) -> int:
    """Move a key to a slot of its own in the hot store, nothing lost; returns that slot."""
    setup_ms, end = cold.w64[cold_slot, LATEST_MS], as_int(cold.w32[cold_slot, END_AGE])
    latest_ms = setup_ms if end == OPEN else max(setup_ms, setup_ms + end)
    slot = key_store.acquire(hot, cold.w64[cold_slot, KEY], key_store.partition_of(cold, cold_slot), latest_ms)
    counting.begin(hot, slot)
    hot.w32[slot, FIRST_AGE] = cold.w32[cold_slot, FIRST_AGE]
    exact_calls.make_older(hot, slot, FIRST_AGE, latest_ms - setup_ms)
    hot.w32[slot, LAST_SETUP_AGE] = min(latest_ms - setup_ms, exact_calls.NEVER - 1)
    hot.w32[slot, LAST_CALLED] = cold.w32[cold_slot, LAST_CALLED]
    hot.w32[slot, ORIGIN] = cold.w32[cold_slot, ORIGIN]
    end_bits = 0 if end == OPEN else exact_calls.end_bits(setup_ms + end)
    peer, second, facts = cold.w32[cold_slot, PEER], cold.w32[cold_slot, SECOND], cold.w32[cold_slot, FACTS]
    exact_calls.keep_call(hot, slot, setup_ms, end_bits, as_int(peer), as_int(second), as_int(facts))
    key_store.release(cold, cold_slot)
    return slot


def counts_of(busy: Store, cold: Store, key: int, now_ms: int, scratch: Scratch) -> Floats | None:
    """Counts of a key of two tiers, shape (N_WINDOWS, N_MEASURES); None where it is not tracked. Nothing changes."""
    counts = np.full((window_constants.N_WINDOWS, window_constants.N_MEASURES), window_constants.NOT_ENOUGH_DATA)
    distinct = np.zeros((window_constants.N_ITEMS, window_constants.N_WINDOWS))
    slot, cold_slot = int(key_store.find(busy, key)), int(key_store.find(cold, key))
    if slot >= 0:
        reading.read(busy, slot, now_ms, counts, distinct, scratch)
    elif cold_slot >= 0:
        read(cold, cold_slot, now_ms, counts, distinct)
    else:
        return None
    return counts
