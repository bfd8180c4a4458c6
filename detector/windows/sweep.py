"""A sweep: a copy of all windows as they were at one instant, made in small steps between the updates that go on.

Copy on write: a step copies the next rows in order of memory, and a row that an update is about to change is copied by
the update first. So an update waits for a step at most, and costs one comparison a row while no sweep runs.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.features import window_constants
from detector.windows import key_store, row_copies
from detector.windows.key_store import Store
from detector.windows.layout import EPOCH, PLANS
from detector.windows.loop import Families
from detector.windows.row_check import check_rows
from detector.windows.row_copies import NO_ROWS, RowCopies

LAYOUT_VERSION = 2
"""To be raised when arrays of the same shapes come to mean something else."""
PART_BYTES = 1 << 20
"""A part is handed out once it holds about as much, or sooner where a big batch needs the room."""


class Groups(NamedTuple):
    """The stores of margins (`detector.windows.group_memory`), by what calls have in common."""

    number_margins: Store
    origin_margins: Store
    block_margins: Store


class Days(NamedTuple):
    """The stores of days (`detector.windows.days`); numbers that called on one day have a store of their own."""

    young_number_days: Store
    number_days: Store
    trunk_days: Store
    origin_days: Store
    block_days: Store


class Signatures(NamedTuple):
    """The stores of signatures (`detector.windows.signatures`)."""

    trunk_signatures: Store
    origin_signatures: Store
    signer_signatures: Store


@dataclass(frozen=True, slots=True, eq=False)
class SweptRows:
    """A part of a sweep: whole rows of one store, of any partitions, that nobody writes to any more.

    Attributes:
        store: Name of the store in `Families`, `Groups`, `Days` or `Signatures`.
        arrays: `state` and `row` of `detector.windows.row_copies.RowCopies`; leading dimension n.
    """

    store: str
    arrays: dict[str, NDArray[np.generic]]

    @property
    def partitions(self) -> NDArray[np.int64]:
        """Partition of each row, shape (n,); -1 where all partitions share it."""
        column: NDArray[np.int64] = self.arrays["state"][:, row_copies.PARTITION_COLUMN].astype(np.int64, copy=False)
        return column

    def of(self, partition: int) -> "SweptRows":
        """The rows of `partition`, in the same order."""
        chosen = np.flatnonzero(self.partitions == partition)
        return SweptRows(self.store, {name: array[chosen] for name, array in self.arrays.items()})


def layout_of(families: Families, seed: int, *, is_shared: bool) -> str:
    """Digest of all that fixes what the rows of `families` mean; see `WindowEngine.layout`."""
    meaning = (
        LAYOUT_VERSION,
        {name: key_store.shapes(store) for name, store in families._asdict().items()},
        (
            window_constants.WINDOW_MS,
            window_constants.N_PANES,
            window_constants.MEASURES,
            sorted(window_constants.SHAPES.items()),
            sorted(PLANS.items()),
        ),
        (seed, is_shared),
    )
    return hashlib.blake2b(repr(meaning).encode(), digest_size=8).hexdigest()


_HOLDERS: dict[str, type[Families | Groups | Days | Signatures]] = {
    "families": Families,
    "groups": Groups,
    "days": Days,
    "signatures": Signatures,
}


def _holder_of(name: str) -> str:
    """Attribute of `Stores` that has the store of that name."""
    return next(holder for holder, stores in _HOLDERS.items() if name in stores._fields)


class Stores:
    """The stores of one engine; what a sweep copies to is swapped in them between two calls of the kernel."""

    def __init__(self, families: Families, groups: Groups, days: Days, signatures: Signatures) -> None:
        """Hold them."""
        self.families = families
        self.groups = groups
        self.days = days
        self.signatures = signatures

    def named(self) -> dict[str, Store]:
        """All of them by name."""
        held = (self.families, self.groups, self.days, self.signatures)
        return {name: store for stores in held for name, store in stores._asdict().items()}

    def __getitem__(self, name: str) -> Store:
        """The store of that name."""
        store: Store = getattr(getattr(self, _holder_of(name)), name)
        return store

    def copy_into(self, name: str, copies: RowCopies) -> Store:
        """Let the sweep copy rows of the store `name` to `copies`, from its start."""
        store = self[name]._replace(copies=copies)
        store.scalars[key_store.COPIED] = 0
        holder = _holder_of(name)
        setattr(self, holder, getattr(self, holder)._replace(**{name: store}))
        return store


class Sweep:
    """One sweep; `WindowEngine.sweep` starts it. Steps and updates by one thread, the parts may go to another.

    Attributes:
        names: Trunk key to trunk group id as of the start, of all partitions.
        is_done: Every row has been handed out.
        is_abandoned: The rest will never be handed out.
    """

    def __init__(self, stores: Stores, number: int, names: dict[int, str], part_bytes: int) -> None:
        """Begin with the present state of `stores`; `number` is above that of every earlier sweep of them."""
        self._part_bytes = part_bytes
        self.names = names
        self.is_abandoned = False
        self._stores = stores
        self._filled: list[SweptRows] = []
        # Big rows first: the longer they wait, the more of them an update has to copy.
        by_size = {name: key_store.row_bytes(store) for name, store in stores.named().items()}
        self._unfinished = sorted(by_size, key=by_size.__getitem__, reverse=True)
        mark = number % key_store.LAST_SWEEP + 1
        for name in by_size:
            store = stores.copy_into(name, NO_ROWS)
            scalars = store.scalars
            if mark == 1:  # what rows were marked with one round of numbers ago must not be taken for this sweep's
                store.w16[: scalars[key_store.UNTOUCHED], EPOCH] = 0
            scalars[key_store.SWEEP], scalars[key_store.CURSOR] = mark, 0
            scalars[key_store.LEFT] = scalars[key_store.USED]
            self._finish_if_done(name)

    @property
    def is_done(self) -> bool:
        """Tell whether every row has been handed out."""
        return not self._unfinished and not self._filled and not self.is_abandoned

    def step(self, max_bytes: int) -> list[SweptRows]:
        """Copy about `max_bytes` more; it takes about a millisecond for each MB.

        Returns:
            The parts that were filled since the last step, often none. They are the caller's: any thread may read
            them, and nobody writes to them any more.

        Raises:
            RuntimeError: The sweep was abandoned, so that it will never be whole.
        """
        if self.is_abandoned:
            raise RuntimeError("this sweep was abandoned, its copy is not whole: start another with engine.sweep()")
        while max_bytes > 0 and self._unfinished:
            name = self._unfinished[0]
            store = self._stores[name]
            size = key_store.row_bytes(store)
            most = max(1, max_bytes // size)
            store = self._with_room(name, most)
            max_bytes -= size * key_store.copy_slots(store, most)
            self._finish_if_done(name)
        filled, self._filled = self._filled, []
        return filled

    def abandon(self) -> None:
        """Stop, and let go of what is not handed out; nothing happens to a sweep that is done."""
        if self.is_done:
            return
        self.is_abandoned = True
        self._filled = []
        for name in self._unfinished:
            self._stores.copy_into(name, NO_ROWS).scalars[key_store.SWEEP] = 0
        self._unfinished = []

    def make_room(self, writes: int) -> None:
        """Make room for the rows that up to `writes` events, or as many single rows, are going to write to.

        An event writes to one old row of a store at most: that of its key, or of the key which has to go for a new one.
        """
        for name in self._unfinished.copy():
            self._finish_if_done(name)
            if name in self._unfinished:
                self._with_room(name, writes)

    def _with_room(self, name: str, rows: int) -> Store:
        """The store `name` with room for `rows` more, or all that are left; hands a part out where room is short."""
        store = self._stores[name]
        left = int(store.scalars[key_store.LEFT])
        if len(store.copies.row) - store.scalars[key_store.COPIED] >= min(rows, left):
            return store
        self._hand_out(name, store)
        room = min(left, rows + self._part_bytes // key_store.row_bytes(store))
        return self._stores.copy_into(name, key_store.empty_rows(store, room))

    def _hand_out(self, name: str, store: Store) -> None:
        count = int(store.scalars[key_store.COPIED])
        if count > 0:
            self._filled.append(SweptRows(name, row_copies.named(store.copies, count)))

    def _finish_if_done(self, name: str) -> None:
        store = self._stores[name]
        if store.scalars[key_store.LEFT] == 0:
            self._hand_out(name, store)
            self._stores.copy_into(name, NO_ROWS).scalars[key_store.SWEEP] = 0
            self._unfinished.remove(name)


def packed_rows(store: Store, part: SweptRows, max_bytes: int) -> Iterator[RowCopies]:
    """The rows of `part` in order, packed as `store` takes them, about `max_bytes` at a time.

    Raises:
        ValueError: The arrays of `part` are not those of `store`, or a row is none that a detector writes.
    """
    known = {name: (shape, np.dtype(np.int64)) for name, shape in key_store.shapes(store).items()}
    if known != {name: (array.shape[1:], array.dtype) for name, array in part.arrays.items()}:
        raise ValueError(f"the arrays of this part of {part.store} are not of this version's layout: do not load it")
    count = len(part.arrays["state"])
    most = max(1, max_bytes // key_store.row_bytes(store))
    for start in range(0, count, most):
        stop = min(start + most, count)
        rows = key_store.empty_rows(store, stop - start)
        for name, view in row_copies.named(rows, stop - start).items():
            view[...] = part.arrays[name][start:stop]
        check_rows(store.plan, rows)
        yield rows


def packed_parts(stores: Stores, parts: Iterable[SweptRows], max_bytes: int) -> Iterator[tuple[str, RowCopies]]:
    """Name of the store and packed rows of all `parts`, in order, about `max_bytes` at a time; see `packed_rows`.

    Raises:
        ValueError: A part is of no store of this version, its arrays are not those of its store, or a row is none.
    """
    for part in parts:
        if part.store not in stores.named():
            raise ValueError(f"there is no store {part.store!r}: this part is not of this version, do not load it")
        for rows in packed_rows(stores[part.store], part, max_bytes):
            yield part.store, rows
