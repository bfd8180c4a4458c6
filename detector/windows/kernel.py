"""The loop over a micro-batch: each event is written to its keys, each set-up read back as a feature row. Compiled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.columns import BLOCK_SALT, CALLED_SALT, ORIGIN_SALT, SHARED, TRUNK_SALT, scoped_key
from detector.compiled import compiled_borrowing, compiled_inline
from detector.windows import rows, slots
from detector.windows.counting import (
    has_open_call,
    pack_parties,
    pane_indexes,
    promote,
    record_end,
    record_setup,
    short_hash,
)
from detector.windows.reading import read
from detector.windows.slots import Ints, Store, acquire, find

Floats = NDArray[np.float64]

NUMBER_SALT = CALLED_SALT + 1


class Columns(NamedTuple):
    """The columns of `detector.columns.CallBatch` that the loop reads."""

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
    """All stores; where most keys see one call or two, these have a small cold store before the full one."""

    cold_number: Store
    number: Store
    trunk: Store
    origin: Store
    cold_block: Store
    block: Store
    cold_called: Store
    called: Store


class Keys(NamedTuple):
    """Keys of one event, 0 = none; `received` is the calling number among the called ones."""

    number: int
    trunk: int
    origin: int
    block: int
    called: int
    received: int


class Call(NamedTuple):
    """One set-up as a family sees it; `origin` is what a number's slot remembers, 0 = nothing."""

    partition: int
    now_ms: int
    parties: int
    prefix: int
    flags: int
    dialled: int
    origin: int


class End(NamedTuple):
    """One end."""

    setup_ms: int
    end_ms: int
    flags: int
    talk_s: int


class Reading(NamedTuple):
    """Scratch of one call and what it is read with."""

    program: Ints
    wanted: NDArray[np.bool_]
    scale: Floats
    counts: Floats
    distinct: Floats
    ages_s: Floats
    ring_scratch: Ints
    pane_scratch: Floats
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


@compiled_inline
def _set_ages(reading: Reading, family: int, store: Store, slot: int, now_ms: int, previous_ms: int) -> None:
    first_ms = store.state[slot, slots.FIRST_MS]
    age_s = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - first_ms) / spec.SECOND_MS))
    reading.ages_s[family, 0] = age_s
    if previous_ms == 0:
        reading.ages_s[family, 1] = spec.NOT_ENOUGH_DATA
    else:
        reading.ages_s[family, 1] = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - previous_ms) / spec.SECOND_MS))


@compiled_inline
def _read_in(reading: Reading, family: int, store: Store, slot: int, now_ms: int) -> None:
    read(
        store,
        slot,
        now_ms,
        reading.wanted[family],
        reading.counts[family],
        reading.distinct[family],
        reading.ring_scratch,
        reading.pane_scratch,
    )


@compiled_borrowing
def _setup_in(reading: Reading, family: int, store: Store, slot: int, call: Call, is_read: bool) -> None:
    """Count a set-up in one family and, if `is_read`, read it back."""
    previous_ms = record_setup(
        store, slot, call.now_ms, reading.indexes, call.parties, call.prefix, call.flags, call.dialled
    )
    if not is_read:
        return
    _read_in(reading, family, store, slot, call.now_ms)
    _set_ages(reading, family, store, slot, call.now_ms, previous_ms)


@compiled_inline
def _clear(reading: Reading, family: int) -> None:
    reading.counts[family] = 0.0
    reading.distinct[family] = 0.0
    reading.ages_s[family] = spec.NOT_ENOUGH_DATA


@compiled_borrowing
def _slot_of(store: Store, key: int, partition: int) -> int:
    slot = find(store, key)
    return slot if slot >= 0 else acquire(store, key, partition)


@compiled_inline
def _must_promote(cold: Store, slot: int, now_ms: int) -> bool:
    """Tell whether a cold number's ring is full of calls of the last 24 h, so that one more would push one out."""
    if cold.state[slot, slots.RING_COUNT] < cold.ring.shape[1]:
        return False
    earliest = cold.ring[slot, 0]
    for place in range(1, cold.ring.shape[1]):
        if cold.ring[slot, place, slots.SETUP_MS] < earliest[slots.SETUP_MS]:
            earliest = cold.ring[slot, place]
    return bool(max(earliest[slots.SETUP_MS], earliest[slots.END_MS]) > now_ms - spec.DAY_MS)


@compiled_inline
def _tiered_slot(cold: Store, hot: Store, key: int, indexes: Ints, call: Call) -> int:
    """Slot of `key` for one more set-up: in the hot store, or -2 - slot in the cold one; made where there is none."""
    slot = find(hot, key)
    if slot >= 0:
        return slot
    cold_slot = _slot_of(cold, key, call.partition)
    if _must_promote(cold, cold_slot, call.now_ms):
        return promote(cold, cold_slot, hot, call.now_ms, indexes)
    return -2 - cold_slot


@compiled_borrowing
def _tiered_setup(cold: Store, hot: Store, reading: Reading, family: int, key: int, call: Call, is_read: bool) -> None:
    """Count a set-up in a family of two tiers and read it back; nothing is known of key 0."""
    if key == 0:
        _clear(reading, family)
        return
    slot = _tiered_slot(cold, hot, key, reading.indexes, call)
    if slot >= 0:
        _setup_in(reading, family, hot, slot, call, is_read)
        if call.origin != 0:
            hot.state[slot, slots.LAST_ORIGIN] = call.origin
    else:
        _setup_in(reading, family, cold, -2 - slot, call, is_read)
        if call.origin != 0:
            cold.state[-2 - slot, slots.LAST_ORIGIN] = call.origin


@compiled_borrowing
def _plain_setup(store: Store, reading: Reading, family: int, key: int, call: Call, is_read: bool) -> None:
    """Count a set-up in a family of one tier and read it back."""
    _setup_in(reading, family, store, _slot_of(store, key, call.partition), call, is_read)


@compiled_borrowing
def _keys_of(columns: Columns, event: int, is_shared: bool, seed: int) -> Keys:
    partition, calling, trunk = columns.partition[event], columns.calling[event], columns.trunk[event]
    return Keys(
        number=number_key(calling, partition, seed),
        trunk=trunk_key(trunk, partition, is_shared, seed),
        origin=scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed),
        block=block_key(trunk, columns.calling_npanxx[event], partition, seed),
        called=scoped_key(CALLED_SALT, columns.called[event], partition, seed),
        received=scoped_key(CALLED_SALT, calling, partition, seed),
    )


@compiled_borrowing
def _calls_of(columns: Columns, event: int, keys: Keys, is_new: bool, is_shared: bool) -> tuple[Call, Call, Call, Call]:
    """The set-up as seen by the calling number, by the trunk group, by origin and block, and by the called number."""
    partition, now_ms = columns.partition[event], columns.time_ms[event]
    prefix, dialled = columns.called_npanxx[event], columns.called_digits[event]
    caller, callee = short_hash(columns.calling[event]), short_hash(columns.called[event])
    via = short_hash(columns.trunk[event])
    flags = columns.measures[event] | (int(is_new) << spec.NEW_NUMBER)
    scope = SHARED if is_shared else partition
    return (
        Call(partition, now_ms, pack_parties(callee, via), prefix, flags, dialled, keys.origin),
        Call(scope, now_ms, pack_parties(callee, caller), prefix, flags, dialled, 0),
        Call(partition, now_ms, pack_parties(callee, caller), prefix, flags, dialled, 0),
        Call(partition, now_ms, pack_parties(caller, via), columns.calling_npanxx[event], flags, 0, 0),
    )


@compiled_borrowing
def _read_received(cold: Store, hot: Store, reading: Reading, key: int, now_ms: int) -> None:
    """Read what the calling number itself was called, without marking it as used: no estimate of it may be wanted."""
    _clear(reading, spec.RECEIVED)
    slot = find(hot, key)
    if slot >= 0:
        _read_in(reading, spec.RECEIVED, hot, slot, now_ms)
        return
    slot = find(cold, key)
    if slot >= 0:
        _read_in(reading, spec.RECEIVED, cold, slot, now_ms)


@compiled_borrowing
def _end_of(columns: Columns, event: int) -> End:
    talk_s = (columns.talk_ms[event] + spec.SECOND_MS // 2) // spec.SECOND_MS
    return End(columns.setup_time_ms[event], columns.time_ms[event], columns.measures[event], talk_s)


@compiled_borrowing
def _end_in(store: Store, slot: int, end: End, indexes: Ints, peer: int) -> None:
    """Count an end in one slot; -1 = a key that no call was seen of has no end either."""
    if slot >= 0:
        record_end(store, slot, end.setup_ms, end.end_ms, indexes, peer, end.flags, end.talk_s)


@compiled_borrowing
def _tiered_end(cold: Store, hot: Store, key: int, end: End, indexes: Ints, peer: int) -> int:
    """Count an end in a family of two tiers, returns the origin remembered with the key, 0 = none."""
    slot = find(hot, key)
    if slot < 0:
        cold_slot = find(cold, key)
        if cold_slot < 0:
            return 0
        if has_open_call(cold, cold_slot, end.setup_ms, peer) >= 0:
            _end_in(cold, cold_slot, end, indexes, peer)
            return int(cold.state[cold_slot, slots.LAST_ORIGIN])
        # An end that the small ring cannot hold needs panes.
        slot = promote(cold, cold_slot, hot, end.end_ms, indexes)
    _end_in(hot, slot, end, indexes, peer)
    return int(hot.state[slot, slots.LAST_ORIGIN])


@compiled_borrowing
def run(
    families: Families,
    columns: Columns,
    reading: Reading,
    is_shared: bool,
    seed: int,
    is_read: bool,
    matrix: NDArray[np.float32],
) -> None:
    """Apply all events in order; `matrix` gets one row a set-up, or nothing unless `is_read`.

    All families are at hand here only: they are too many arrays to hand on for each event.
    """
    cold_number, number, trunk, origin, cold_block, block, cold_called, called = families
    indexes = reading.indexes
    row = 0
    for event in range(len(columns.time_ms)):
        pane_indexes(columns.time_ms[event], indexes)
        keys = _keys_of(columns, event, is_shared, seed)
        if not columns.is_setup[event]:
            end = _end_of(columns, event)
            caller, callee = short_hash(columns.calling[event]), short_hash(columns.called[event])
            from_origin = _tiered_end(cold_number, number, keys.number, end, indexes, callee)
            _end_in(trunk, find(trunk, keys.trunk), end, indexes, callee)
            if from_origin != 0:
                _end_in(origin, find(origin, from_origin), end, indexes, callee)
            if keys.block != 0:
                _tiered_end(cold_block, block, keys.block, end, indexes, callee)
            _tiered_end(cold_called, called, keys.called, end, indexes, caller)
            continue
        is_new = find(number, keys.number) < 0 and find(cold_number, keys.number) < 0
        by_number, by_trunk, by_group, by_called = _calls_of(columns, event, keys, is_new, is_shared)
        _tiered_setup(cold_number, number, reading, spec.NUMBER, keys.number, by_number, is_read)
        _plain_setup(trunk, reading, spec.TRUNK, keys.trunk, by_trunk, is_read)
        if keys.origin == 0:
            _clear(reading, spec.ORIGIN)
        else:
            _plain_setup(origin, reading, spec.ORIGIN, keys.origin, by_group, is_read)
        _tiered_setup(cold_block, block, reading, spec.BLOCK, keys.block, by_group, is_read)
        _tiered_setup(cold_called, called, reading, spec.CALLED, keys.called, by_called, is_read)
        if not is_read:
            continue
        _read_received(cold_called, called, reading, keys.received, by_called.now_ms)
        flags = columns.call_flags[event] | (int(is_new) << spec.FLAG_NEW_NUMBER)
        rows.fill_row(
            reading.program, reading.counts, reading.distinct, reading.ages_s, flags, reading.scale, matrix[row]
        )
        row += 1
