"""The exact calls of a key, and how a call is packed. Compiled.

A busy key holds its latest `RING` calls by set-up time, each with its end once that has come, in 20 bytes: times by
their low 32 bits, which are told apart as long as they are within 24 days of the key's latest event.
"""

import numpy as np

from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.facts import ABSENT
from detector.columns.hashing import scramble
from detector.columns.integers import LOW_16, LOW_32, as_int, as_unsigned, difference
from detector.features import window_constants
from detector.windows.key_store import NONE, Store
from detector.windows.layout import (
    EVICTED_END_AGE,
    EVICTED_SETUP_AGE,
    HELD,
    LATEST_MS,
    R_END,
    R_FACTS,
    R_PEER,
    R_SECOND,
    R_SETUP,
    RING_COLUMNS,
)

TALK_LIMIT_S = LOW_16
ANY_SETUP = ABSENT
"""Set-up time of an end that does not say which call it ends: the latest one with its peer that has not ended."""
NEVER = LOW_32
"""An age: there was none. A known one stays at a millisecond less, 49 days."""
STALE_MS = 2 * window_constants.DAY_MS
OLDEST_MS = 20 * window_constants.DAY_MS
"""A call so long before the latest event of its key is not kept: its time could be taken for another."""
_HALF = 32
_QUARTER = 16
_SETUP_BITS = window_constants.N_SETUP_MEASURES - 1
_END_BITS = window_constants.TALK_S - window_constants.ENDED - 1
_SETUP_MASK = (1 << _SETUP_BITS) - 1
_FLAG_MASK = LOW_16

if _SETUP_BITS + _END_BITS > _QUARTER:
    raise ValueError("a packed call has 16 bits for measures: widen its facts in detector/windows/exact_calls.py first")


@compiled_inline
def short_hash(key: int, salt: np.uint64) -> int:
    """Return 32 well-mixed bits of `key`; which they are nobody can say who does not know the salt (`salt_of`)."""
    return as_int(scramble(np.uint64(key) ^ salt) >> np.uint64(_HALF))


@compiled_inline
def halves(first: int, second: int) -> int:
    """Pack the low 16 bits of two hashes: enough to tell the few trunks and blocks of one number apart."""
    return ((first & LOW_16) << _QUARTER) | (second & LOW_16)


@compiled_inline
def pack_facts(flags: int, talk_s: int) -> int:
    """Pack measure bits and talk time in seconds into 32 bits; that it is a call and that it ended need no bit."""
    bits = ((flags >> 1) & _SETUP_MASK) | (flags >> (window_constants.ENDED + 1)) << _SETUP_BITS
    return (min(talk_s, TALK_LIMIT_S) << _QUARTER) | (bits & _FLAG_MASK)


@compiled_inline
def setup_flags(facts: int) -> int:
    """Measure bits of the set-up."""
    return ((facts & _SETUP_MASK) << 1) | 1


@compiled_inline
def end_flags(facts: int) -> int:
    """Measure bits of the end, from bit `ENDED` on; of a call that has ended."""
    return ((((facts & _FLAG_MASK) >> _SETUP_BITS) << 1) | 1) << window_constants.ENDED


@compiled_inline
def talk_of(facts: int) -> int:
    """Talk time in seconds, at most 65,535."""
    return (facts >> _QUARTER) & TALK_LIMIT_S


@compiled_inline
def time_of(low: int, near_ms: int) -> int:
    """The time with these low 32 bits that is nearest to `near_ms`."""
    return near_ms + difference(low, near_ms)


@compiled_inline
def end_bits(end_ms: int) -> int:
    """What an end is kept as: its low 32 bits, never 0, which says that there is none (so 1 ms off once in 49 days)."""
    return max(1, end_ms & LOW_32)


@compiled_inline
def age_of(store: Store, slot: int, column: int) -> int:
    """One of the ages of a row, milliseconds before its latest event."""
    return as_unsigned(store.w32[slot, column])


@compiled_inline
def remember_later(store: Store, slot: int, column: int, time_ms: int) -> None:
    """Move the time that an age stands for on to `time_ms`, if that is later."""
    age = store.w64[slot, LATEST_MS] - time_ms
    if age < age_of(store, slot, column):
        store.w32[slot, column] = max(0, age)


@compiled_inline
def make_older(store: Store, slot: int, column: int, passed_ms: int) -> None:
    """Let an age grow by `passed_ms`."""
    age = age_of(store, slot, column)
    if age != NEVER:
        store.w32[slot, column] = min(age + passed_ms, NEVER - 1)


@compiled_inline
def _place_for(store: Store, slot: int, time_ms: int) -> int:
    """Place for a call at `time_ms`: a free one, else that of the earliest call, -1 where all are later."""
    held = as_int(store.w8[slot, HELD])
    if held < window_constants.RING:
        store.w8[slot, HELD] = held + 1
        return int(held)
    latest_ms = store.w64[slot, LATEST_MS]
    earliest, earliest_ms = 0, time_of(store.w32[slot, R_SETUP], latest_ms)
    for place in range(1, window_constants.RING):
        setup_ms = time_of(store.w32[slot, R_SETUP + place], latest_ms)
        if setup_ms < earliest_ms:
            earliest, earliest_ms = place, setup_ms
    if earliest_ms > time_ms:
        remember_later(store, slot, EVICTED_SETUP_AGE, time_ms)
        return NONE
    remember_later(store, slot, EVICTED_SETUP_AGE, earliest_ms)
    end = store.w32[slot, R_END + earliest]
    if end != 0:
        remember_later(store, slot, EVICTED_END_AGE, time_of(end, latest_ms))
    return earliest


@compiled_inline
def keep_call(store: Store, slot: int, setup_ms: int, end: int, peer: int, second: int, facts: int) -> None:
    """Put a call among the exact ones, if it is not earlier than all of them; `end` from `end_bits`, 0 = not ended."""
    if store.w64[slot, LATEST_MS] - setup_ms > OLDEST_MS:
        remember_later(store, slot, EVICTED_SETUP_AGE, setup_ms)
        return
    place = _place_for(store, slot, setup_ms)
    if place < 0:
        return
    store.w32[slot, R_SETUP + place] = setup_ms
    store.w32[slot, R_END + place] = end
    store.w32[slot, R_PEER + place] = peer
    store.w32[slot, R_SECOND + place] = second
    store.w32[slot, R_FACTS + place] = facts


@compiled_inline
def open_call(store: Store, slot: int, setup_ms: int, peer: int) -> int:
    """Place of the exact call set up at `setup_ms` with `peer` that has not ended, -1 where there is none."""
    latest, latest_ms = NONE, 0
    for place in range(as_int(store.w8[slot, HELD])):
        is_open = (store.w32[slot, R_PEER + place] - peer) & LOW_32 == 0 and store.w32[slot, R_END + place] == 0
        if not is_open:
            continue
        if (store.w32[slot, R_SETUP + place] - setup_ms) & LOW_32 == 0:
            return place
        if setup_ms == ANY_SETUP:
            started_ms = time_of(store.w32[slot, R_SETUP + place], store.w64[slot, LATEST_MS])
            if latest == NONE or started_ms > latest_ms:
                latest, latest_ms = place, started_ms
    return latest


@compiled_borrowing
def drop_stale(store: Store, slot: int, time_ms: int) -> None:
    """Drop the exact calls that are two days before `time_ms`, before the clock of the row moves on to it."""
    latest_ms = store.w64[slot, LATEST_MS]
    kept = 0
    for place in range(as_int(store.w8[slot, HELD])):
        setup_ms = time_of(store.w32[slot, R_SETUP + place], latest_ms)
        end = store.w32[slot, R_END + place]
        end_ms = time_of(end, latest_ms) if end != 0 else setup_ms
        if max(setup_ms, end_ms) < time_ms - STALE_MS:
            remember_later(store, slot, EVICTED_SETUP_AGE, setup_ms)
            remember_later(store, slot, EVICTED_END_AGE, end_ms)
            continue
        for column in range(RING_COLUMNS):
            at = R_SETUP + column * window_constants.RING
            store.w32[slot, at + kept] = store.w32[slot, at + place]
        kept += 1
    store.w8[slot, HELD] = kept
