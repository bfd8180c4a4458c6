"""The loop over a micro-batch: each event is written to its keys, each set-up read back as a feature row. Compiled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.columns import BLOCK_SALT, CALLED_SALT, ORIGIN_SALT, SHARED, TRUNK_SALT, scoped_key
from detector.compiled import compiled
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
    """All stores; numbers have two tiers."""

    cold: Store
    number: Store
    trunk: Store
    origin: Store
    block: Store
    called: Store


class Reading(NamedTuple):
    """Scratch of one call and what it is read with."""

    program: Ints
    wanted: NDArray[np.bool_]
    scale: Floats
    counts: Floats
    distinct: Floats
    ages_s: Floats


@compiled
def trunk_key(trunk: int, partition: int, is_shared: bool, seed: int) -> int:
    """Key of a trunk group's slot: one a partition, or one for all where it is shared."""
    return scoped_key(TRUNK_SALT, trunk, SHARED if is_shared else partition, seed)


@compiled
def block_key(trunk: int, npanxx: int, partition: int, seed: int) -> int:
    """Key of the block of numbers NPA-NXX within a trunk group; 0 (no key) for a calling number that is not NANP."""
    if npanxx < 0:
        return 0
    return scoped_key(BLOCK_SALT, trunk ^ (npanxx << 20), partition, seed)


@compiled
def _set_ages(reading: Reading, family: int, store: Store, slot: int, now_ms: int, previous_ms: int) -> None:
    first_ms = store.state[slot, slots.FIRST_MS]
    age_s = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - first_ms) / spec.SECOND_MS))
    reading.ages_s[family, 0] = age_s
    if previous_ms == 0:
        reading.ages_s[family, 1] = spec.NOT_ENOUGH_DATA
    else:
        reading.ages_s[family, 1] = min(spec.AGE_LIMIT_S, max(0.0, (now_ms - previous_ms) / spec.SECOND_MS))


@compiled
def _setup_in(
    reading: Reading, family: int, store: Store, slot: int, now_ms: int, indexes: Ints,
    parties: int, prefix: int, flags: int, dialled: int,
) -> None:  # fmt: skip
    """Count a set-up in one family and read it back."""
    previous_ms = record_setup(store, slot, now_ms, indexes, parties, prefix, flags, dialled)
    read(store, slot, now_ms, reading.wanted[family], reading.counts[family], reading.distinct[family])
    _set_ages(reading, family, store, slot, now_ms, previous_ms)


@compiled
def _clear(reading: Reading, family: int) -> None:
    reading.counts[family] = 0.0
    reading.distinct[family] = 0.0
    reading.ages_s[family] = spec.NOT_ENOUGH_DATA


@compiled
def _slot_of(store: Store, key: int, partition: int) -> int:
    slot = find(store, key)
    return slot if slot >= 0 else acquire(store, key, partition)


@compiled
def _must_promote(cold: Store, slot: int, now_ms: int) -> bool:
    """Tell whether a cold number's ring is full of calls of the last 24 h, so that one more would push one out."""
    if cold.state[slot, slots.RING_COUNT] < cold.ring.shape[1]:
        return False
    earliest = cold.ring[slot, 0]
    for place in range(1, cold.ring.shape[1]):
        if cold.ring[slot, place, slots.SETUP_MS] < earliest[slots.SETUP_MS]:
            earliest = cold.ring[slot, place]
    return bool(max(earliest[slots.SETUP_MS], earliest[slots.END_MS]) > now_ms - spec.DAY_MS)


@compiled
def _number_setup(
    families: Families, reading: Reading, key: int, partition: int, now_ms: int, indexes: Ints, origin: int,
    parties: int, prefix: int, flags: int, dialled: int,
) -> bool:  # fmt: skip
    """Count a set-up for its calling number, in either tier; returns whether the number was never seen."""
    hot = find(families.number, key)
    is_new = False
    if hot < 0:
        cold = find(families.cold, key)
        is_new = cold < 0
        if is_new:
            cold = acquire(families.cold, key, partition)
        if not is_new and _must_promote(families.cold, cold, now_ms):
            hot = promote(families.cold, cold, families.number)
        else:
            if origin != 0:
                families.cold.state[cold, slots.LAST_ORIGIN] = origin
            flags |= int(is_new) << spec.NEW_NUMBER
            _setup_in(reading, spec.NUMBER, families.cold, cold, now_ms, indexes, parties, prefix, flags, dialled)
            return is_new
    if origin != 0:
        families.number.state[hot, slots.LAST_ORIGIN] = origin
    _setup_in(reading, spec.NUMBER, families.number, hot, now_ms, indexes, parties, prefix, flags, dialled)
    return is_new


@compiled
def _one_setup(
    families: Families, columns: Columns, event: int, reading: Reading, is_shared: bool, seed: int, indexes: Ints
) -> bool:
    """Count one set-up everywhere and read its windows into `reading`; returns whether its number was never seen."""
    now_ms = columns.time_ms[event]
    partition = columns.partition[event]
    calling, called, trunk = columns.calling[event], columns.called[event], columns.trunk[event]
    prefix, flags, dialled = columns.called_npanxx[event], columns.measures[event], columns.called_digits[event]
    caller, callee = short_hash(calling), short_hash(called)
    origin = scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed)
    by_number = pack_parties(callee, short_hash(trunk))
    is_new = _number_setup(
        families, reading, calling, partition, now_ms, indexes, origin, by_number, prefix, flags, dialled
    )
    flags |= int(is_new) << spec.NEW_NUMBER
    parties = pack_parties(callee, caller)
    slot = _slot_of(families.trunk, trunk_key(trunk, partition, is_shared, seed), SHARED if is_shared else partition)
    _setup_in(reading, spec.TRUNK, families.trunk, slot, now_ms, indexes, parties, prefix, flags, dialled)
    if origin == 0:
        _clear(reading, spec.ORIGIN)
    else:
        slot = _slot_of(families.origin, origin, partition)
        _setup_in(reading, spec.ORIGIN, families.origin, slot, now_ms, indexes, parties, prefix, flags, dialled)
    block = block_key(trunk, columns.calling_npanxx[event], partition, seed)
    if block == 0:
        _clear(reading, spec.BLOCK)
    else:
        slot = _slot_of(families.block, block, partition)
        _setup_in(reading, spec.BLOCK, families.block, slot, now_ms, indexes, parties, prefix, flags, dialled)
    slot = _slot_of(families.called, scoped_key(CALLED_SALT, called, partition, seed), partition)
    from_caller = pack_parties(caller, short_hash(trunk))
    _setup_in(
        reading,
        spec.CALLED,
        families.called,
        slot,
        now_ms,
        indexes,
        from_caller,
        columns.calling_npanxx[event],
        flags,
        0,
    )
    _read_received(families, reading, scoped_key(CALLED_SALT, calling, partition, seed), now_ms)
    return is_new


@compiled
def _read_received(families: Families, reading: Reading, key: int, now_ms: int) -> None:
    """Read what the calling number itself was called, without marking it as used."""
    _clear(reading, spec.RECEIVED)
    slot = find(families.called, key)
    if slot >= 0:
        family = spec.RECEIVED
        read(families.called, slot, now_ms, reading.wanted[family], reading.counts[family], reading.distinct[family])


@compiled
def _end_in(store: Store, key: int, columns: Columns, event: int, indexes: Ints, peer: int) -> None:
    """Count an end in one family; a key that no call was seen of has no end either."""
    slot = find(store, key) if key != 0 else slots.NONE
    if slot >= 0:
        setup_ms, end_ms = columns.setup_time_ms[event], columns.time_ms[event]
        talk_s = (columns.talk_ms[event] + spec.SECOND_MS // 2) // spec.SECOND_MS
        record_end(store, slot, setup_ms, end_ms, indexes, peer, columns.measures[event], talk_s)


@compiled
def _number_end(families: Families, columns: Columns, event: int, indexes: Ints, peer: int) -> int:
    """Count an end for its calling number; returns the origin that last signed for it, 0 = none."""
    key = columns.calling[event]
    hot = find(families.number, key)
    if hot < 0:
        cold = find(families.cold, key)
        if cold < 0:
            return 0
        if has_open_call(families.cold, cold, columns.setup_time_ms[event], peer) >= 0:
            origin = int(families.cold.state[cold, slots.LAST_ORIGIN])
            _end_in(families.cold, key, columns, event, indexes, peer)
            return origin
        # An end that the small ring cannot hold needs panes.
        hot = promote(families.cold, cold, families.number)
    origin = int(families.number.state[hot, slots.LAST_ORIGIN])
    _end_in(families.number, key, columns, event, indexes, peer)
    return origin


@compiled
def _one_end(families: Families, columns: Columns, event: int, is_shared: bool, seed: int, indexes: Ints) -> None:
    partition = columns.partition[event]
    trunk, called = columns.trunk[event], columns.called[event]
    caller, callee = short_hash(columns.calling[event]), short_hash(called)
    origin = _number_end(families, columns, event, indexes, callee)
    _end_in(families.trunk, trunk_key(trunk, partition, is_shared, seed), columns, event, indexes, callee)
    _end_in(families.origin, origin, columns, event, indexes, callee)
    block = block_key(trunk, columns.calling_npanxx[event], partition, seed)
    _end_in(families.block, block, columns, event, indexes, callee)
    _end_in(families.called, scoped_key(CALLED_SALT, called, partition, seed), columns, event, indexes, caller)


@compiled
def run(
    families: Families, columns: Columns, reading: Reading, is_shared: bool, seed: int, matrix: NDArray[np.float32]
) -> None:
    """Apply all events in order; `matrix` gets one row a set-up."""
    indexes = np.empty(spec.N_WINDOWS, dtype=np.int64)
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
