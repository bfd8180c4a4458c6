"""The loop over a micro-batch: each event is written to its keys, each set-up read back as a feature row. Compiled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.columns import BLOCK_SALT, CALLED_SALT, ORIGIN_SALT, SHARED, TRUNK_SALT, scoped_key
from detector.compiled import compiled_borrowing
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


class Call(NamedTuple):
    """One set-up as a family sees it."""

    partition: int
    now_ms: int
    parties: int
    prefix: int
    flags: int
    dialled: int


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
def block_key(trunk: int, npanxx: int, partition: int, seed: int) -> int:
    """Key of the block of numbers NPA-NXX within a trunk group; 0 (no key) for a calling number that is not NANP."""
    if npanxx < 0:
        return 0
    return scoped_key(BLOCK_SALT, trunk ^ (npanxx << 20), partition, seed)


@compiled_borrowing
def _set_ages(reading: Reading, family: int, store: Store, slot: int, now_ms: int, previous_ms: int) -> None:
    first_ms = store.state[slot, slots.FIRST_MS]
    age_s = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - first_ms) / spec.SECOND_MS))
    reading.ages_s[family, 0] = age_s
    if previous_ms == 0:
        reading.ages_s[family, 1] = spec.NOT_ENOUGH_DATA
    else:
        reading.ages_s[family, 1] = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - previous_ms) / spec.SECOND_MS))


@compiled_borrowing
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
def _setup_in(reading: Reading, family: int, store: Store, slot: int, indexes: Ints, call: Call) -> None:
    """Count a set-up in one family and read it back."""
    previous_ms = record_setup(store, slot, call.now_ms, indexes, call.parties, call.prefix, call.flags, call.dialled)
    _read_in(reading, family, store, slot, call.now_ms)
    _set_ages(reading, family, store, slot, call.now_ms, previous_ms)


@compiled_borrowing
def _clear(reading: Reading, family: int) -> None:
    reading.counts[family] = 0.0
    reading.distinct[family] = 0.0
    reading.ages_s[family] = spec.NOT_ENOUGH_DATA


@compiled_borrowing
def _slot_of(store: Store, key: int, partition: int) -> int:
    slot = find(store, key)
    return slot if slot >= 0 else acquire(store, key, partition)


@compiled_borrowing
def _must_promote(cold: Store, slot: int, now_ms: int) -> bool:
    """Tell whether a cold number's ring is full of calls of the last 24 h, so that one more would push one out."""
    if cold.state[slot, slots.RING_COUNT] < cold.ring.shape[1]:
        return False
    earliest = cold.ring[slot, 0]
    for place in range(1, cold.ring.shape[1]):
        if cold.ring[slot, place, slots.SETUP_MS] < earliest[slots.SETUP_MS]:
            earliest = cold.ring[slot, place]
    return bool(max(earliest[slots.SETUP_MS], earliest[slots.END_MS]) > now_ms - spec.DAY_MS)


@compiled_borrowing
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
def _tiered_setup(
    cold: Store, hot: Store, reading: Reading, family: int, key: int, origin: int, indexes: Ints, call: Call
) -> None:
    """Count a set-up in a family of two tiers and read it back; `origin` is remembered with the key unless 0."""
    slot = _tiered_slot(cold, hot, key, indexes, call)
    if slot >= 0:
        if origin != 0:
            hot.state[slot, slots.LAST_ORIGIN] = origin
        _setup_in(reading, family, hot, slot, indexes, call)
    else:
        if origin != 0:
            cold.state[-2 - slot, slots.LAST_ORIGIN] = origin
        _setup_in(reading, family, cold, -2 - slot, indexes, call)


@compiled_borrowing
def _one_setup(
    families: Families, columns: Columns, event: int, reading: Reading, is_shared: bool, seed: int, indexes: Ints
) -> bool:
    """Count one set-up everywhere and read its windows into `reading`; returns whether its number was never seen."""
    now_ms = columns.time_ms[event]
    partition = columns.partition[event]
    calling, called, trunk = columns.calling[event], columns.called[event], columns.trunk[event]
    prefix, dialled = columns.called_npanxx[event], columns.called_digits[event]
    caller, callee, via = short_hash(calling), short_hash(called), short_hash(trunk)
    origin = scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed)
    is_new = find(families.number, calling) < 0 and find(families.cold_number, calling) < 0
    flags = columns.measures[event] | (int(is_new) << spec.NEW_NUMBER)
    call = Call(partition, now_ms, pack_parties(callee, via), prefix, flags, dialled)
    _tiered_setup(families.cold_number, families.number, reading, spec.NUMBER, calling, origin, indexes, call)
    call = Call(partition, now_ms, pack_parties(callee, caller), prefix, flags, dialled)
    slot = _slot_of(families.trunk, trunk_key(trunk, partition, is_shared, seed), SHARED if is_shared else partition)
    _setup_in(reading, spec.TRUNK, families.trunk, slot, indexes, call)
    if origin == 0:
        _clear(reading, spec.ORIGIN)
    else:
        _setup_in(reading, spec.ORIGIN, families.origin, _slot_of(families.origin, origin, partition), indexes, call)
    block = block_key(trunk, columns.calling_npanxx[event], partition, seed)
    if block == 0:
        _clear(reading, spec.BLOCK)
    else:
        _tiered_setup(families.cold_block, families.block, reading, spec.BLOCK, block, 0, indexes, call)
    call = Call(partition, now_ms, pack_parties(caller, via), columns.calling_npanxx[event], flags, 0)
    key = scoped_key(CALLED_SALT, called, partition, seed)
    _tiered_setup(families.cold_called, families.called, reading, spec.CALLED, key, 0, indexes, call)
    _read_received(families, reading, scoped_key(CALLED_SALT, calling, partition, seed), now_ms)
    return is_new


@compiled_borrowing
def _read_received(families: Families, reading: Reading, key: int, now_ms: int) -> None:
    """Read what the calling number itself was called, without marking it as used."""
    _clear(reading, spec.RECEIVED)
    slot = find(families.called, key)
    if slot >= 0:
        _read_in(reading, spec.RECEIVED, families.called, slot, now_ms)
        return
    slot = find(families.cold_called, key)
    if slot >= 0:
        _read_in(reading, spec.RECEIVED, families.cold_called, slot, now_ms)


@compiled_borrowing
def _end_in(store: Store, slot: int, columns: Columns, event: int, indexes: Ints, peer: int) -> None:
    """Count an end in one slot; -1 = a key that no call was seen of has no end either."""
    if slot >= 0:
        setup_ms, end_ms = columns.setup_time_ms[event], columns.time_ms[event]
        talk_s = (columns.talk_ms[event] + spec.SECOND_MS // 2) // spec.SECOND_MS
        record_end(store, slot, setup_ms, end_ms, indexes, peer, columns.measures[event], talk_s)


@compiled_borrowing
def _tiered_end(cold: Store, hot: Store, key: int, columns: Columns, event: int, indexes: Ints, peer: int) -> int:
    """Count an end in a family of two tiers; returns the origin remembered with the key, 0 = none."""
    slot = find(hot, key)
    if slot < 0:
        cold_slot = find(cold, key)
        if cold_slot < 0:
            return 0
        if has_open_call(cold, cold_slot, columns.setup_time_ms[event], peer) >= 0:
            _end_in(cold, cold_slot, columns, event, indexes, peer)
            return int(cold.state[cold_slot, slots.LAST_ORIGIN])
        # An end that the small ring cannot hold needs panes.
        slot = promote(cold, cold_slot, hot, columns.time_ms[event], indexes)
    _end_in(hot, slot, columns, event, indexes, peer)
    return int(hot.state[slot, slots.LAST_ORIGIN])


@compiled_borrowing
def _one_end(families: Families, columns: Columns, event: int, is_shared: bool, seed: int, indexes: Ints) -> None:
    partition, calling = columns.partition[event], columns.calling[event]
    trunk, called = columns.trunk[event], columns.called[event]
    caller, callee = short_hash(calling), short_hash(called)
    origin = _tiered_end(families.cold_number, families.number, calling, columns, event, indexes, callee)
    slot = find(families.trunk, trunk_key(trunk, partition, is_shared, seed))
    _end_in(families.trunk, slot, columns, event, indexes, callee)
    if origin != 0:
        _end_in(families.origin, find(families.origin, origin), columns, event, indexes, callee)
    block = block_key(trunk, columns.calling_npanxx[event], partition, seed)
    if block != 0:
        _tiered_end(families.cold_block, families.block, block, columns, event, indexes, callee)
    key = scoped_key(CALLED_SALT, called, partition, seed)
    _tiered_end(families.cold_called, families.called, key, columns, event, indexes, caller)


@compiled_borrowing
def run(
    families: Families, columns: Columns, reading: Reading, is_shared: bool, seed: int, matrix: NDArray[np.float32]
) -> None:
    """Apply all events in order; `matrix` gets one row a set-up."""
    indexes = reading.indexes
    row = 0
    for event in range(len(columns.time_ms)):
        pane_indexes(columns.time_ms[event], indexes)
        if not columns.is_setup[event]:
            _one_end(families, columns, event, is_shared, seed, indexes)
            continue
        is_new = _one_setup(families, columns, event, reading, is_shared, seed, indexes)
        flags = columns.call_flags[event] | (int(is_new) << spec.FLAG_NEW_NUMBER)
        rows.fill_row(
            reading.program, reading.counts, reading.distinct, reading.ages_s, flags, reading.scale, matrix[row]
        )
        row += 1
