"""Events that came before: a set-up, or an end, that a producer wrote twice, so that nothing counts it twice.

Each partition remembers its latest `KEPT` events, the end of a call apart from its set-up. So what is found is a
function of the log of the partition: it depends neither on how events are cut into batches nor on other partitions.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Flags, Ints
from detector.columns.call_columns import END_SALT, SETUP_SALT, CallBatch
from detector.columns.compiled import compiled_borrowing, compiled_inline, entry_point
from detector.columns.hashing import mix
from detector.windows.prefetch import prefetch

KEPT = 16_384
"""Events of a partition; at least as many as any batch has (`streams.screening.pipeline.MAX_BATCH`)."""
_PLACES = 2 * KEPT
_HOME, _SLOT_BITS = _PLACES - 1, KEPT.bit_length()
_SLOT, _TAG_AT, _TAG = (1 << _SLOT_BITS) - 1, 40, (1 << (32 - _SLOT_BITS)) - 1
_NONE = -1
T = TypeVar("T", np.int64, np.uint32, np.uint8, np.float64)
_AHEAD, _OLD = 12, 4
"""So many events ahead the loop asks for the place of an event in the table, and for that of one that has to go."""


class Looked(NamedTuple):
    """What is known of the events of a batch.

    Attributes:
        slots: Where each event is remembered from now on, shape (n,), from 0 to `KEPT` - 1, in its partition. No two
            different events of a batch have the same one.
        is_repeat: Which came before, shape (n,).
        setups, ends: How many of each came before.
    """

    slots: Ints
    is_repeat: Flags
    setups: int
    ends: int


class SeenEvents:
    """The latest events of every partition: 256 KB each, taken as a partition is first heard of.

    Two events are the same if they are of one kind and have the same call id, both numbers, trunk group and set-up
    time, as they say it. A caller writes its call ids: without the called number a call to 911 could be taken for
    another one of that instant, and be answered as that was. Events are told by 62 bits of a seeded hash. One call at
    a time, from one thread; nothing here waits or raises.

    Args:
        seed: Of the hashes, the same as of the batches.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keys: Ints = np.zeros((0, KEPT), np.int64)
        self._table: NDArray[np.uint32] = np.zeros((0, _PLACES), np.uint32)
        self._next: Ints = np.zeros(0, np.int64)
        """How many different events each partition has had."""
        self.states: NDArray[np.uint8] = np.zeros((0, KEPT), np.uint8)
        """What somebody else notes of the event in each slot, shape (partitions, `KEPT`); 0 of a new one."""
        self._run: Callable[..., tuple[int, int]] | None = None

    def look(self, batch: CallBatch) -> Looked:
        """Find the events of a batch that came before, and remember the others. Called once for each batch; linear.

        What came before gets no `measures` any more: it is counted nowhere.
        """
        slots, is_repeat = np.empty(batch.n, np.int64), np.empty(batch.n, np.bool_)
        self._reserve(int(batch.partition.max(initial=_NONE)) + 1)
        given = (
            batch.is_setup, batch.partition, batch.call, batch.calling, batch.called, batch.trunk, batch.reported_ms
        )  # fmt: skip
        memory = (self._keys, self._table, self._next, self.states)
        columns = tuple(map(np.ascontiguousarray, given))
        arguments = (columns, memory, self._seed, np.empty(batch.n, np.int64), batch.measures, slots, is_repeat)
        if self._run is None:
            self._run = cast("Callable[..., tuple[int, int]]", entry_point(_look, arguments))
        return Looked(slots, is_repeat, *self._run(*arguments))

    def _reserve(self, partitions: int) -> None:
        if partitions > len(self._next):
            used = self.used()
            self._keys, self._table = grown(self._keys, partitions, used), grown(self._table, partitions, used)
            self._next, self.states = grown(self._next, partitions, used), grown(self.states, partitions, used)

    def used(self) -> NDArray[np.intp]:
        """Partitions that have had an event."""
        return self._next.nonzero()[0]

    def order(self, partition: int) -> Ints:
        """Slots of a partition that hold an event, the earliest one first."""
        had = int(self._next[partition]) if partition < len(self._next) else 0
        return np.arange(max(0, had - KEPT), had) % KEPT

    def keys(self, partition: int) -> Ints:
        """Keys of the events of a partition, in the order of `order`, for `restore`."""
        order = self.order(partition)
        return self._keys[partition, order] if len(order) else np.zeros(0, np.int64)

    def restore(self, partition: int, keys: Ints) -> Ints:
        """Remember these events of a partition and no others.

        Args:
            partition: Whose.
            keys: From `keys`; the latest `KEPT` are taken.

        Returns:
            The slots of those that are taken.
        """
        self.forget(partition)
        self._reserve(partition + 1)
        slots = np.arange(min(len(keys), KEPT))
        _restore(self._keys[partition], self._table[partition], keys[len(keys) - len(slots) :].astype(np.int64))
        self._next[partition] = len(slots)
        return slots

    def forget(self, partition: int) -> None:
        """Remember nothing of a partition."""
        if partition < len(self._next) and self._next[partition]:
            self._keys[partition] = self._table[partition] = self._next[partition] = self.states[partition] = 0


def grown(array: NDArray[T], rows: int, used: NDArray[np.intp]) -> NDArray[T]:
    """The same with more rows; memory is taken for those that are used alone."""
    larger = np.zeros((rows, *array.shape[1:]), array.dtype)
    larger[used] = array[used]
    return larger


@compiled_inline
def _find(keys: Ints, table: NDArray[np.uint32], key: int) -> int:
    """Slot of `key`, -1 where it is not there."""
    tag, place = (key >> _TAG_AT) & _TAG, key & _HOME
    while table[place] != 0:
        entry = np.int64(table[place])
        if entry >> _SLOT_BITS == tag and keys[(entry & _SLOT) - 1] == key:
            return int((entry & _SLOT) - 1)
        place = (place + 1) & _HOME
    return _NONE


@compiled_inline
def _put(keys: Ints, table: NDArray[np.uint32], key: int, slot: int) -> None:
    place = key & _HOME
    while table[place] != 0:
        place = (place + 1) & _HOME
    table[place] = (((key >> _TAG_AT) & _TAG) << _SLOT_BITS) | (slot + 1)
    keys[slot] = key


@compiled_inline
def _drop(keys: Ints, table: NDArray[np.uint32], slot: int) -> None:
    """Take the key of a slot out of the table, and close the gap by keys from behind it."""
    gap = keys[slot] & _HOME
    while np.int64(table[gap]) & _SLOT != slot + 1:
        gap = (gap + 1) & _HOME
    place = (gap + 1) & _HOME
    while table[place] != 0:
        home = keys[(np.int64(table[place]) & _SLOT) - 1] & _HOME
        if (place - home) & _HOME >= (place - gap) & _HOME:
            table[gap] = table[place]
            gap = place
        place = (place + 1) & _HOME
    table[gap] = 0


@compiled_borrowing
def _look(
    columns: tuple[Flags, Ints, Ints, Ints, Ints, Ints, Ints],
    memory: tuple[Ints, NDArray[np.uint32], Ints, NDArray[np.uint8]],
    seed: int,
    hashes: Ints,
    measures: Ints,
    slots: Ints,
    is_repeat: Flags,
) -> tuple[int, int]:
    """Fill `slots` and `is_repeat`; returns how many set-ups and ends are repeats. `hashes` is scratch."""
    is_setup, partition, call, calling, called, trunk, reported_ms = columns
    all_keys, tables, had, states = memory
    for event in range(len(slots)):
        salt = seed + (SETUP_SALT if is_setup[event] else END_SALT)
        numbers = mix(salt, mix(salt, calling[event], called[event]), trunk[event])
        hashes[event] = mix(salt, mix(salt, call[event], max(0, reported_ms[event])), numbers)
    setups = ends = 0
    for event in range(len(slots)):
        if event + _AHEAD < len(slots):  # most of the time would be waiting for the memory of the table
            prefetch(tables, partition[event + _AHEAD] * _PLACES + (hashes[event + _AHEAD] & _HOME))
        key, keys, table = hashes[event], all_keys[partition[event]], tables[partition[event]]
        slot = _find(keys, table, key)
        is_repeat[event] = slot >= 0
        if slot >= 0:
            measures[event] = 0
            setups += is_setup[event]
            ends += not is_setup[event]
        else:
            slot = had[partition[event]] % KEPT
            if had[partition[event]] >= KEPT:
                _drop(keys, table, slot)
                prefetch(tables, partition[event] * _PLACES + (keys[(slot + _OLD) % KEPT] & _HOME))
            had[partition[event]] += 1
            _put(keys, table, key, slot)
            states[partition[event], slot] = 0
        slots[event] = slot
    return setups, ends


@compiled_borrowing
def _restore(keys: Ints, table: NDArray[np.uint32], given: Ints) -> None:
    for slot in range(len(given)):
        _put(keys, table, given[slot], slot)
