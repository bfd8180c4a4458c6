"""The memory of signatures: how many calls of a trunk group, an origin and a signer were unsigned, failed, or foreign.

It is kept beside the windows, off until somebody asks for it (`WindowEngine.use`): till then it needs no memory and
costs nothing. A key takes 72 bytes. Trunk groups are known within one partition, in a replay too: its calls are a fair
part of all, and only shares are read.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints
from detector.columns.call_columns import ORIGIN_SALT, SIGNER_SALT, TRUNK_SALT, CallBatch, scoped_key
from detector.columns.compiled import compiled_borrowing, compiled_inline, entry_point
from detector.contract.ports import FeatureMatrix
from detector.features import signatures as of_signatures
from detector.features.schemas import FIRST_OF_SIGNATURES
from detector.features.signatures import (
    FIRST_OF_ORIGIN,
    FIRST_OF_SIGNER,
    FIRST_OF_TRUNK,
    GROUP_BITS,
    IS_UNLIKE_SWITCH,
    IS_UNLIKE_UPSTREAM,
    KNOWS_UPSTREAM,
    N_FIGURES,
)
from detector.features.window_constants import NOT_ENOUGH_DATA
from detector.windows.key_store import Store, acquire, find, plain_store
from detector.windows.row_copies import RowCopies
from detector.windows.signatures import counting
from detector.windows.signatures.counting import CALLS, FAILED, FOREIGN, LATELY, N_SUMS, ROW_BYTES, UNSIGNED, Sums
from detector.windows.sweep import Signatures, Stores

_LAYOUT = (1, ROW_BYTES, of_signatures.FADES_FAST_H, of_signatures.FADES_SLOWLY_H)
_MEANING = hashlib.blake2b(repr(_LAYOUT).encode(), digest_size=4).hexdigest()
_TRUNK, _ORIGIN, _SIGNER = range(len(Signatures._fields))
SumsOfStores = tuple[Sums, Sums, Sums]


class Bounds(NamedTuple):
    """Most keys of each store, in the order of `detector.windows.sweep.Signatures`."""

    trunks: int
    origins: int
    signers: int


NO_ROOM = Bounds(1, 1, 1)


def make_signatures(bounds: Bounds) -> Signatures:
    """Empty stores for so many keys of each kind; memory is used as keys come."""
    return Signatures(*(plain_store(ROW_BYTES, slots) for slots in bounds))


class SignatureMemory:
    """What was seen of the signatures of a call's trunk group, origin and signer, if it is wanted.

    It is the engine's: one call at a time, from one thread, nothing waits. What it says depends on the order of the
    events in their partition alone, not on how they were cut into batches.

    Args:
        stores: Of the engine; its `signatures` are replaced when the memory is begun or dropped.
        seed: Of all hashes.
        bounds: Most keys.
    """

    def __init__(self, stores: Stores, seed: int, bounds: Bounds) -> None:
        self._stores = stores
        self._seed = seed
        self._bounds = bounds
        self._run: Callable[..., object] | None = None
        self.is_kept = False

    @property
    def identity(self) -> str:
        """What the rows mean: rows go to memories of the same identity only. Empty where none are kept."""
        return _MEANING if self.is_kept else ""

    def keep(self, *, is_wanted: bool) -> bool:
        """Begin with an empty memory, or drop it; nothing happens where that is so already.

        Returns:
            Whether something changed.
        """
        if is_wanted == self.is_kept:
            return False
        self.is_kept = is_wanted
        self._stores.signatures = make_signatures(self._bounds if is_wanted else NO_ROOM)
        return True

    def update(self, batch: CallBatch, matrix: FeatureMatrix, *, is_read: bool) -> None:
        """Count every set-up in order, and read it into the columns of its row from `FIRST_OF_SIGNATURES` on.

        Args:
            batch: Of the events.
            matrix: Rows of the set-ups, float32; -1 where nothing can be said. A set-up that leaves no trace keeps its
                zeros.
            is_read: Whether anything is to be read.
        """
        stores = self._stores.signatures
        columns = _Columns(*(np.ascontiguousarray(getattr(batch, name)) for name in _Columns._fields))
        sums = tuple(store.w8.view(np.float32) for store in stores)
        arguments = (stores, sums, columns, self._seed, is_read, matrix)
        if self._run is None:
            self._run = entry_point(_run, arguments)
        self._run(*arguments)


class _Columns(NamedTuple):
    """The columns of `CallBatch` that are read."""

    is_setup: NDArray[np.bool_]
    time_ms: Ints
    partition: Ints
    measures: Ints
    trunk: Ints
    origin: Ints
    own_signer: Ints
    signature: Ints


@compiled_borrowing
def _counted(store: Store, sums: Sums, key: int, call: tuple[int, int, int]) -> int:
    """Count a call for one of its keys; returns the slot, -1 where it has no such key."""
    partition, time_ms, signature = call
    if key == 0:
        return -1
    slot = find(store, key)
    if slot < 0:
        slot = acquire(store, key, partition, time_ms)
        counting.begin(store, slot, time_ms)
    counting.count(store, sums, slot, time_ms, signature)
    return slot


@compiled_inline
def _read_call(signature: int, figures: NDArray[np.float32]) -> None:
    group = signature & GROUP_BITS
    for one in range(of_signatures.PASSED, of_signatures.UNCHECKED + 1):
        figures[one - of_signatures.PASSED] = 1.0 if one == group else 0.0
    place = of_signatures.UNCHECKED
    figures[place] = 1.0 if signature & IS_UNLIKE_SWITCH else 0.0
    foreign = 1.0 if signature & IS_UNLIKE_UPSTREAM else 0.0
    figures[place + 1] = foreign if signature & KNOWS_UPSTREAM else NOT_ENOUGH_DATA


@compiled_borrowing
def _run(
    stores: Signatures,
    sums: SumsOfStores,
    columns: _Columns,
    seed: int,
    is_read: bool,
    matrix: NDArray[np.float32],
) -> None:
    """Apply all set-ups in order. An event without measures leaves no trace, as in the windows."""
    row = -1
    for event in range(len(columns.is_setup)):
        row += int(columns.is_setup[event])
        if not columns.is_setup[event] or columns.measures[event] == 0:
            continue
        partition, signature, time_ms = columns.partition[event], columns.signature[event], columns.time_ms[event]
        call = (partition, time_ms, signature)
        trunk = scoped_key(TRUNK_SALT, columns.trunk[event], partition, seed)
        trunk_slot = _counted(stores.trunk_signatures, sums[_TRUNK], trunk, call)
        origin = scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed)
        origin_slot = _counted(stores.origin_signatures, sums[_ORIGIN], origin, call)
        signer = scoped_key(SIGNER_SALT, columns.own_signer[event], partition, seed)
        signer_slot = _counted(stores.signer_signatures, sums[_SIGNER], signer, call)
        if not is_read:
            continue
        figures = matrix[row, FIRST_OF_SIGNATURES : FIRST_OF_SIGNATURES + N_FIGURES]
        figures[:] = NOT_ENOUGH_DATA
        _read_call(signature, figures)
        if trunk_slot >= 0:
            place = FIRST_OF_TRUNK
            for what in (UNSIGNED, FAILED, FOREIGN):
                figures[place] = counting.lately(sums[_TRUNK], trunk_slot, what)
                figures[place + 1] = counting.beside_usual(sums[_TRUNK], trunk_slot, what)
                place += 2
        if origin_slot >= 0:
            figures[FIRST_OF_ORIGIN] = counting.lately(sums[_ORIGIN], origin_slot, FAILED)
            figures[FIRST_OF_ORIGIN + 1] = counting.beside_usual(sums[_ORIGIN], origin_slot, FAILED)
            figures[FIRST_OF_ORIGIN + 2] = counting.lately(sums[_ORIGIN], origin_slot, FOREIGN)
        if signer_slot >= 0:
            figures[FIRST_OF_SIGNER] = counting.age_s(stores.signer_signatures, signer_slot, time_ms)
            figures[FIRST_OF_SIGNER + 1] = counting.usually(sums[_SIGNER], signer_slot, FOREIGN)
            figures[FIRST_OF_SIGNER + 2] = counting.surge(sums[_SIGNER], signer_slot)


def check_rows(rows: RowCopies) -> None:
    """Check what a row has behind its head; called for each slice of a load.

    Raises:
        ValueError: A row cannot have been written by a detector: a sum is no number or less than 0, or a part is more
            than its whole.
    """
    sums = rows.row.view(np.float32)[:, LATELY:].reshape(-1, 2, N_SUMS)
    is_right = np.isfinite(sums).all() and (sums >= 0).all()
    if not is_right or (sums[:, :, 1:] > sums[:, :, CALLS : CALLS + 1]).any():
        raise ValueError("a row has sums of signatures that no detector writes: do not load it")
