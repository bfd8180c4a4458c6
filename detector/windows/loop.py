"""The loop over a micro-batch: each event is written to its keys, each set-up read back as a feature row. Compiled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Floats, Ints, Words
from detector.columns.call_columns import (
    BLOCK_SALT,
    CALLED_SALT,
    NUMBER_SALT,
    ORIGIN_SALT,
    SHARED,
    TRUNK_SALT,
    scoped_key,
)
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.hashing import salt_of
from detector.columns.integers import LOW_32, as_int
from detector.features import window_constants
from detector.windows import cold, exact_calls, feature_rows
from detector.windows.counting import begin, record_end, record_setup
from detector.windows.exact_calls import halves, short_hash
from detector.windows.key_store import SLOT_BITS, Store, acquire, find, find_low, home_of
from detector.windows.layout import COLD_BYTES, FIRST_AGE, LATEST_MS, ORIGIN
from detector.windows.prefetch import prefetch
from detector.windows.reading import Scratch, read

AHEAD_TABLE, AHEAD_ROW = 12, 6
"""So many events ahead the loop asks for the places in the tables, and for the rows."""
LAST_COLD_WORD = COLD_BYTES // 8 - 1


class Columns(NamedTuple):
    """The columns of `detector.columns.call_columns.CallBatch` that the loop reads."""

    is_setup: NDArray[np.bool_]
    time_ms: Ints
    setup_time_ms: Ints
    partition: Ints
    calling: Ints
    called: Ints
    trunk: Ints
    origin: Ints
    called_digits: Ints
    calling_npanxx: Ints
    called_npanxx: Ints
    talk_ms: Ints
    measures: Ints
    call_flags: Ints


class Families(NamedTuple):
    """All stores; where most keys see one call, these have a small cold store before the full one."""

    cold_number: Store
    number: Store
    trunk: Store
    origin: Store
    cold_block: Store
    block: Store
    cold_called: Store
    called: Store


NUMBER_KEY, TRUNK_KEY, ORIGIN_KEY, BLOCK_KEY, CALLED_KEY, RECEIVED_KEY = range(6)
N_KEYS = 6
"""Columns of the keys of an event, 0 = none; `RECEIVED_KEY` is the calling number among the called ones."""


class Call(NamedTuple):
    """One set-up as a family sees it; `origin` is what a number's row remembers, 0 = nothing."""

    partition: int
    now_ms: int
    peer: int
    second: int
    flags: int
    dialled: int
    origin: int


class End(NamedTuple):
    """One end; `setup_ms` is `exact_calls.ANY_SETUP` where it does not say when its call was set up."""

    setup_ms: int
    end_ms: int
    flags: int
    talk_s: int


class Reading(NamedTuple):
    """Scratch of one call and what it is read with; counts and distinct counts also flat, in the same memory."""

    program: Words
    scale: Floats
    counts: Floats
    all_counts: Floats
    distinct: Floats
    all_distinct: Floats
    ages_s: Floats
    scratch: Scratch
    indexes: Ints


@compiled_borrowing
def trunk_key(trunk: int, partition: int, is_shared: bool, seed: int) -> int:
    """Key of a trunk group's slot: one a partition, or one for all where it is shared."""
    return scoped_key(TRUNK_SALT, trunk, SHARED if is_shared else partition, seed)


@compiled_borrowing
def number_key(number: int, partition: int, seed: int) -> int:
    """Key of a calling number's slot: one a partition, as a number moves to another one when the topic grows."""
    return scoped_key(NUMBER_SALT, number, partition, seed)


@compiled_borrowing
def block_key(trunk: int, npanxx: int, partition: int, seed: int) -> int:
    """Key of the block of numbers NPA-NXX within a trunk group; 0 (no key) for a calling number that is not NANP."""
    if npanxx < 0:
        return 0
    return scoped_key(BLOCK_SALT, trunk ^ (npanxx << 20), partition, seed)


@compiled_borrowing
def fill_keys(columns: Columns, is_shared: bool, seed: int, keys: Ints) -> None:
    """Fill `keys` (n, N_KEYS) with the keys of all events."""
    for event in range(len(keys)):
        partition, calling, trunk = columns.partition[event], columns.calling[event], columns.trunk[event]
        keys[event, NUMBER_KEY] = number_key(calling, partition, seed)
        keys[event, TRUNK_KEY] = trunk_key(trunk, partition, is_shared, seed)
        keys[event, ORIGIN_KEY] = scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed)
        keys[event, BLOCK_KEY] = block_key(trunk, columns.calling_npanxx[event], partition, seed)
        keys[event, CALLED_KEY] = scoped_key(CALLED_SALT, columns.called[event], partition, seed)
        keys[event, RECEIVED_KEY] = scoped_key(CALLED_SALT, calling, partition, seed)


@compiled_inline
def ask_place(store: Store, key: int) -> None:
    """Ask for the place in the table where the search for `key` begins."""
    prefetch(store.table, home_of(store, key))


@compiled_inline
def ask_row(store: Store, key: int, word: int) -> None:
    """Ask for the row of `key`, for its first word and another one, if its search ends where it begins: most do.

    A wrong one does no harm.
    """
    entry = np.int64(store.table[home_of(store, key)])
    slot = (entry & ((1 << store.scalars[SLOT_BITS]) - 1)) - 1
    if entry != 0:
        prefetch(store.w64, slot * store.w64.shape[1])
        prefetch(store.w64, slot * store.w64.shape[1] + word)


@compiled_inline
def ask_ahead(store: Store, keys: Ints, event: int, column: int, word: int) -> None:
    """Ask for what the keys of one column need that are a few events ahead; see `ask_row`."""
    if event + AHEAD_TABLE < len(keys):
        ask_place(store, keys[event + AHEAD_TABLE, column])
    if event + AHEAD_ROW < len(keys):
        ask_row(store, keys[event + AHEAD_ROW, column], word)


@compiled_borrowing
def _ask_tiers(tier: Store, hot: Store, keys: Ints, event: int, column: int) -> None:
    ask_ahead(tier, keys, event, column, LAST_COLD_WORD)
    ask_ahead(hot, keys, event, column, LAST_COLD_WORD)


@compiled_inline
def _set_ages(reading: Reading, family: int, first_ms: int, now_ms: int, idle_ms: int) -> None:
    age_s = min(window_constants.AGE_LIMIT_S, max(0.0, (now_ms - first_ms) / window_constants.SECOND_MS))
    reading.ages_s[family, 0] = age_s
    if idle_ms == exact_calls.NEVER:
        reading.ages_s[family, 1] = window_constants.NOT_ENOUGH_DATA
    else:
        reading.ages_s[family, 1] = min(window_constants.AGE_LIMIT_S, idle_ms / window_constants.SECOND_MS)


@compiled_inline
def _setup_in(reading: Reading, family: int, store: Store, slot: int, call: Call, new: int, is_read: bool) -> None:
    """Count a set-up in the row of a busy key and, if `is_read`, read it back."""
    idle_ms = record_setup(
        store, slot, call.now_ms, reading.indexes, call.peer, call.second, call.flags | new, call.dialled
    )
    if is_read:
        read(store, slot, call.now_ms, reading.counts[family], reading.distinct[family], reading.scratch)
        first_ms = store.w64[slot, LATEST_MS] - exact_calls.age_of(store, slot, FIRST_AGE)
        _set_ages(reading, family, first_ms, call.now_ms, idle_ms)


@compiled_inline
def clear(reading: Reading, family: int) -> None:
    """Say that nothing is known."""
    reading.counts[family] = 0.0
    reading.distinct[family] = 0.0
    reading.ages_s[family] = window_constants.NOT_ENOUGH_DATA


@compiled_inline
def _cold_setup(
    tier: Store, reading: Reading, family: int, slot: int, key: int, call: Call, new: int, is_read: bool
) -> None:
    """Count a set-up in a cold row; `slot` -1 = the key is new."""
    idle_ms = exact_calls.NEVER
    if slot < 0:
        slot = acquire(tier, key, call.partition, call.now_ms)
        cold.record_first(tier, slot, call.peer, call.second, call.flags | new, call.dialled)
    else:
        idle_ms = cold.replace(tier, slot, call.now_ms, call.peer, call.second, call.flags | new, call.dialled)
    if call.origin != 0:
        tier.w32[slot, ORIGIN] = call.origin
    if is_read:
        cold.read(tier, slot, call.now_ms, reading.counts[family], reading.distinct[family])
        first_ms = call.now_ms - exact_calls.age_of(tier, slot, FIRST_AGE)
        _set_ages(reading, family, first_ms, call.now_ms, idle_ms)


@compiled_borrowing
def _tiered_setup(
    tier: Store, hot: Store, reading: Reading, family: int, key: int, call: Call, new: int, is_read: bool
) -> bool:
    """Count a set-up in a family of two tiers and read it back; tells whether the key is new. Key 0 = no key."""
    if key == 0:
        clear(reading, family)
        return False
    slot = find(hot, key)
    if slot < 0:
        cold_slot = find(tier, key)
        if cold_slot < 0 or not cold.must_move(tier, cold_slot, call.now_ms):
            _cold_setup(tier, reading, family, cold_slot, key, call, new, is_read)
            return bool(cold_slot < 0)
        slot = cold.move(tier, cold_slot, hot)
    _setup_in(reading, family, hot, slot, call, new, is_read)
    if call.origin != 0:
        hot.w32[slot, ORIGIN] = call.origin
    return False


@compiled_borrowing
def _plain_setup(store: Store, reading: Reading, family: int, key: int, call: Call, new: int, is_read: bool) -> None:
    """Count a set-up in a family of one tier and read it back. Key 0 = no key."""
    if key == 0:
        clear(reading, family)
        return
    slot = find(store, key)
    if slot < 0:
        slot = acquire(store, key, call.partition, call.now_ms)
        begin(store, slot)
    _setup_in(reading, family, store, slot, call, new, is_read)


@compiled_borrowing
def _read_received(tier: Store, hot: Store, reading: Reading, key: int, now_ms: int) -> None:
    """Read what the calling number itself was called, without marking it as used: no remembered estimate is made."""
    counts, distinct = reading.counts[window_constants.RECEIVED], reading.distinct[window_constants.RECEIVED]
    slot = find(hot, key)
    if slot >= 0:
        read(hot, slot, now_ms, counts, distinct, reading.scratch)
        return
    slot = find(tier, key)
    if slot >= 0:
        cold.read(tier, slot, now_ms, counts, distinct)
    else:
        clear(reading, window_constants.RECEIVED)


@compiled_inline
def _end_of(columns: Columns, event: int) -> End:
    talk_s = (columns.talk_ms[event] + window_constants.SECOND_MS // 2) // window_constants.SECOND_MS
    return End(columns.setup_time_ms[event], columns.time_ms[event], columns.measures[event], talk_s)


@compiled_borrowing
def _end_in(store: Store, slot: int, end: End, indexes: Ints, peer: int) -> None:
    """Count an end in one slot; -1 = a key that no call was seen of has no end either."""
    if slot >= 0:
        record_end(store, slot, end.setup_ms, end.end_ms, indexes, peer, end.flags, end.talk_s)


@compiled_borrowing
def _tiered_end(tier: Store, hot: Store, key: int, end: End, indexes: Ints, peer: int) -> int:
    """Count an end in a family of two tiers; returns the low 32 bits of the key's remembered origin, 0 = none."""
    slot = find(hot, key)
    if slot < 0:
        cold_slot = find(tier, key)
        if cold_slot < 0:
            return 0
        if cold.has_open_call(tier, cold_slot, end.setup_ms, end.end_ms, peer):
            cold.record_end(tier, cold_slot, end.end_ms, end.flags, end.talk_s)
            return int(tier.w32[cold_slot, ORIGIN])
        # An end that is not that of its one call needs panes.
        slot = cold.move(tier, cold_slot, hot)
    _end_in(hot, slot, end, indexes, peer)
    return int(hot.w32[slot, ORIGIN])


@compiled_inline
def _calls_of(
    columns: Columns, event: int, origin_key: int, scope: int, salt: np.uint64
) -> tuple[Call, Call, Call, Call]:
    """The set-up as seen by the calling number, by the trunk group, by origin and block, and by the called number."""
    partition, now_ms = columns.partition[event], columns.time_ms[event]
    caller, callee = short_hash(columns.calling[event], salt), short_hash(columns.called[event], salt)
    via, prefix = short_hash(columns.trunk[event], salt), short_hash(columns.called_npanxx[event] + 1, salt)
    flags, dialled = columns.measures[event], columns.called_digits[event]
    return (
        Call(partition, now_ms, callee, halves(via, prefix), flags, dialled, as_int(np.int32(origin_key & LOW_32))),
        Call(scope, now_ms, callee, caller, flags, dialled, 0),
        Call(partition, now_ms, callee, caller, flags, dialled, 0),
        Call(partition, now_ms, caller, via, flags, 0, 0),
    )


@compiled_borrowing
def run(
    families: Families,
    columns: Columns,
    reading: Reading,
    keys: Ints,
    is_shared: bool,
    seed: int,
    is_read: bool,
    matrix: NDArray[np.float32],
) -> None:
    """Apply all events in order; `matrix` gets one row a set-up, or nothing unless `is_read`; `keys` is scratch.

    An event without measures leaves no trace, and a set-up without any no row: it keeps its zeros.

    All families are at hand here only: they are too many arrays to hand on for each event.
    """
    cold_number, number, trunk, origin, cold_block, block, cold_called, called = families
    indexes, salt = reading.indexes, salt_of(seed)
    fill_keys(columns, is_shared, seed, keys)
    row = 0
    for event in range(len(keys)):
        _ask_tiers(cold_number, number, keys, event, NUMBER_KEY)
        _ask_tiers(cold_called, called, keys, event, CALLED_KEY)
        _ask_tiers(cold_called, called, keys, event, RECEIVED_KEY)
        key, now_ms = keys[event], columns.time_ms[event]
        for window in range(window_constants.N_WINDOWS):
            indexes[window] = now_ms // window_constants.PANE_MS[window]
        if columns.measures[event] == 0:
            row += int(columns.is_setup[event])
            continue
        if not columns.is_setup[event]:
            end = _end_of(columns, event)
            caller, callee = short_hash(columns.calling[event], salt), short_hash(columns.called[event], salt)
            from_origin = _tiered_end(cold_number, number, key[NUMBER_KEY], end, indexes, callee)
            _end_in(trunk, find(trunk, key[TRUNK_KEY]), end, indexes, callee)
            if from_origin != 0:
                _end_in(origin, find_low(origin, from_origin), end, indexes, callee)
            if key[BLOCK_KEY] != 0:
                _tiered_end(cold_block, block, key[BLOCK_KEY], end, indexes, callee)
            _tiered_end(cold_called, called, key[CALLED_KEY], end, indexes, caller)
            continue
        scope = SHARED if is_shared else columns.partition[event]
        by_number, by_trunk, by_group, by_called = _calls_of(columns, event, key[ORIGIN_KEY], scope, salt)
        is_new = _tiered_setup(
            cold_number, number, reading, window_constants.NUMBER, key[NUMBER_KEY], by_number, 0, is_read
        )
        new = int(is_new) << window_constants.NEW_NUMBER
        _plain_setup(trunk, reading, window_constants.TRUNK, key[TRUNK_KEY], by_trunk, new, is_read)
        _plain_setup(origin, reading, window_constants.ORIGIN, key[ORIGIN_KEY], by_group, new, is_read)
        _tiered_setup(cold_block, block, reading, window_constants.BLOCK, key[BLOCK_KEY], by_group, new, is_read)
        _tiered_setup(cold_called, called, reading, window_constants.CALLED, key[CALLED_KEY], by_called, new, is_read)
        if not is_read:
            continue
        _read_received(cold_called, called, reading, key[RECEIVED_KEY], now_ms)
        flags = columns.call_flags[event] | (int(is_new) << window_constants.FLAG_NEW_NUMBER)
        feature_rows.fill_row(
            reading.program, reading.all_counts, reading.all_distinct, reading.ages_s, flags, reading.scale, matrix[row]
        )
        row += 1
