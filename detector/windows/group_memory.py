"""Windows of the model's own margins: what earlier calls scored that share a call's number, its origin or its block.

A call that looks harmless by itself may be one of many that do not. So each call is told the mean margin of the others
of its calling number, of its origin and of its number block in its trunk group, and the largest of these is added to
its own margin with the weight of the model (`detector.policy.model_step`). The largest counts and not the sum: keys
tell of the same calls. A key that the call does not have does not count.

The window is that of the last 60 minutes of event time, in panes of 5: the pane of the call and the 11 before it. A
call sees those before it in its partition and not itself. A late one sees what is not later than its pane, and is
added to its own pane as long as the newest pane of the key is less than an hour ahead.

`models.adapt.group_score` looks at the same in hindsight, before and behind a call: it teaches and never decides.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Floats, Ints
from detector.columns.call_columns import ORIGIN_SALT, CallBatch, scoped_key
from detector.columns.compiled import compiled_borrowing, compiled_inline, entry_point
from detector.columns.numbering import ANONYMOUS
from detector.columns.windows_port import NO_KEY, Neighbours
from detector.features.window_constants import MINUTE_MS
from detector.windows.key_store import Store, acquire, copy_before_write, find, plain_store, touch
from detector.windows.layout import FIRST_AGE, LATEST_MS
from detector.windows.loop import ask_ahead, block_key, number_key
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import Groups, Stores

DOUBT = 3.0
"""A mean of n calls counts n / (n + 3) of it: of few calls it says little."""
PANES, PANE_MS = 12, 5 * MINUTE_MS
FIRST_SUM, FIRST_COUNT = FIRST_AGE, FIRST_AGE + PANES
"""Where sums and counts of the panes begin in a row, in units of 32 bits: behind what every row begins with."""
ROW_BYTES = 4 * (FIRST_COUNT + PANES)
"""Two cache lines."""
_SECOND_LINE = 8
N_KEYS = len(Groups._fields)
_NUMBER, _ORIGIN, _BLOCK = range(N_KEYS)
_MEANING = hashlib.blake2b(repr((1, DOUBT, PANES, PANE_MS, FIRST_SUM, ROW_BYTES)).encode(), digest_size=4).hexdigest()

Sums = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def shrunk_mean(total: Floats, calls: Ints) -> Floats:
    """Mean margin of n calls as far as it is believed: n / (n + 3) of it, 0 of none; any shape."""
    return total / (calls + DOUBT)


def make_groups(numbers: int, origins: int, blocks: int) -> Groups:
    """Empty stores for so many keys of each kind; memory is used as keys come."""
    return Groups(*(plain_store(ROW_BYTES, slots) for slots in (numbers, origins, blocks)))


class GroupMemory:
    """Margins of the model that scores, by what calls have in common; at the bound the key goes that is idle longest.

    It is the engine's: one call at a time, from one thread, nothing waits. What it says depends on the order of the
    calls in their partition alone, not on how they were cut into batches.

    Args:
        stores: Of the engine; its `groups` are replaced when the model changes.
        seed: Of all hashes.
        bounds: Most numbers, origins and blocks.

    Attributes:
        model: Version of the model whose margins these are; empty where none are kept.
    """

    def __init__(self, stores: Stores, seed: int, bounds: tuple[int, int, int]) -> None:
        self._stores = stores
        self._seed = seed
        self._bounds = bounds
        self._run: Callable[..., object] | None = None
        self.model = ""

    @property
    def identity(self) -> str:
        """Model and meaning of the rows: rows go to memories of the same identity only. Empty where none are kept."""
        return f"{self.model}.{_MEANING}" if self.model else ""

    def begin(self, model: str) -> bool:
        """Keep the margins of a model from now on, beginning with none; nothing happens where it is the same.

        Args:
            model: Its version; empty to keep none, and to need no memory.

        Returns:
            Whether it is another one.
        """
        if model == self.model:
            return False
        self.model = model
        self._stores.groups = make_groups(*(self._bounds if model else (1, 1, 1)))
        return True

    def add(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        """Say what was known before each call, and add each; linear, 0.3 us a call (`benchmarks.group_memory`).

        Args:
            batch: Of their events.
            rows: Which of its set-ups, ascending, shape (n,).
            margins: Of these, log-odds, shape (n,).
        """
        groups, n = self._stores.groups, len(rows)
        keys = np.empty((n, N_KEYS), np.int64)
        calls, since_ms = np.zeros((2, n, N_KEYS), np.int64)
        columns = _Columns(*(np.ascontiguousarray(getattr(batch, name)) for name in _Columns._fields))
        sums = tuple(store.w8.view(np.float32) for store in groups)
        at = batch.is_setup.nonzero()[0][rows]
        found = _Found(keys, np.zeros((n, N_KEYS)), calls, since_ms)
        arguments = (groups, sums, columns, at, np.ascontiguousarray(margins), self._seed, found)
        if self._run is None:
            self._run = entry_point(_run, arguments)
        self._run(*arguments)
        return _largest(found)


class _Columns(NamedTuple):
    """The columns of `CallBatch` that are read."""

    time_ms: Ints
    partition: Ints
    calling: Ints
    origin: Ints
    trunk: Ints
    calling_npanxx: Ints
    number_class: Ints


class _Found(NamedTuple):
    """Of n calls and their three keys, shape (n, 3): the key, and what the other calls of it add up to."""

    keys: Ints
    totals: Floats
    calls: Ints
    since_ms: Ints


def _largest(found: _Found) -> Neighbours:
    """Of each call the key whose mean is the largest."""
    means = shrunk_mean(found.totals, found.calls)
    means[found.keys == 0] = -np.inf
    key = means.argmax(axis=1)
    place = np.arange(len(key)), key
    mean, calls = means[place], found.calls[place]
    mean[np.isneginf(mean)] = 0.0  # it has no key at all
    return Neighbours(mean, np.where(calls == 0, NO_KEY, key), calls, found.since_ms[place])


@compiled_borrowing
def _run(groups: Groups, sums: Sums, columns: _Columns, at: Ints, margins: Floats, seed: int, found: _Found) -> None:
    """Fill `found` for the events at `at`, in order, and add the margin of each to its keys."""
    keys = found.keys
    for row in range(len(at)):
        event = at[row]
        partition = columns.partition[event]
        is_hidden = columns.number_class[event] == ANONYMOUS
        keys[row, _NUMBER] = 0 if is_hidden else number_key(columns.calling[event], partition, seed)
        keys[row, _ORIGIN] = scoped_key(ORIGIN_SALT, columns.origin[event], partition, seed)
        keys[row, _BLOCK] = block_key(columns.trunk[event], columns.calling_npanxx[event], partition, seed)
    for row in range(len(at)):
        ask_ahead(groups.number_margins, keys, row, _NUMBER, _SECOND_LINE)
        ask_ahead(groups.origin_margins, keys, row, _ORIGIN, _SECOND_LINE)
        ask_ahead(groups.block_margins, keys, row, _BLOCK, _SECOND_LINE)
        call = (row, columns.partition[at[row]], columns.time_ms[at[row]])
        _visit(groups.number_margins, sums[_NUMBER], call, margins[row], found, _NUMBER)
        _visit(groups.origin_margins, sums[_ORIGIN], call, margins[row], found, _ORIGIN)
        _visit(groups.block_margins, sums[_BLOCK], call, margins[row], found, _BLOCK)


@compiled_borrowing
def _visit(
    store: Store,
    sums: NDArray[np.float32],
    call: tuple[int, int, int],
    margin: float,
    found: _Found,
    column: int,
) -> None:
    """Read what one key of a call has seen, then add the call: its row in `found`, its partition and its time.

    Panes that the newest one has left behind are zero. A row moves to the newest end of its store with its first call
    in a pane alone: each move writes to two other rows.
    """
    row, partition, now_ms = call
    key, pane = found.keys[row, column], now_ms // PANE_MS
    if key == 0:
        return
    slot = find(store, key)
    if slot < 0:
        slot = acquire(store, key, partition, now_ms)
    else:
        newest = store.w64[slot, LATEST_MS] // PANE_MS
        if pane > newest:
            touch(store, slot)
            for one in range(newest + 1, min(pane, newest + PANES) + 1):
                sums[slot, FIRST_SUM + one % PANES] = 0.0
                store.w32[slot, FIRST_COUNT + one % PANES] = 0
            newest = pane
        else:
            copy_before_write(store, slot)
        _read(store, sums, slot, (pane, newest, now_ms), found, (row, column))
        if pane <= newest - PANES:  # too late for every pane that is left
            return
        store.w64[slot, LATEST_MS] = max(store.w64[slot, LATEST_MS], now_ms)
    sums[slot, FIRST_SUM + pane % PANES] += np.float32(margin)
    store.w32[slot, FIRST_COUNT + pane % PANES] += 1


@compiled_inline
def _read(
    store: Store,
    sums: NDArray[np.float32],
    slot: int,
    at: tuple[int, int, int],
    found: _Found,
    place: tuple[int, int],
) -> None:
    """Fill in what the panes of a key add up to, as far as they are not later than that of the call."""
    pane, newest, now_ms = at
    total, calls = 0.0, 0
    if pane == newest:
        for one in range(PANES):
            total += sums[slot, FIRST_SUM + one]
            calls += store.w32[slot, FIRST_COUNT + one]
    else:
        for one in range(newest - PANES + 1, pane + 1):
            total += sums[slot, FIRST_SUM + one % PANES]
            calls += store.w32[slot, FIRST_COUNT + one % PANES]
    found.totals[place], found.calls[place] = total, calls
    if calls > 0:
        oldest = newest - PANES + 1
        while store.w32[slot, FIRST_COUNT + oldest % PANES] == 0:
            oldest += 1
        found.since_ms[place] = now_ms - oldest * PANE_MS


def check_rows(rows: RowCopies) -> None:
    """Check what a row has behind its head; called for each slice of a load.

    Raises:
        ValueError: A row cannot have been written by a detector: a sum is no number, or a count is less than 0.
    """
    sums = rows.row.view(np.float32)[:, FIRST_SUM:FIRST_COUNT]
    counts = rows.row.view(np.int32)[:, FIRST_COUNT : FIRST_COUNT + PANES]
    if not (np.isfinite(sums).all() and (counts >= 0).all()):
        raise ValueError("a row has a sum or a count of margins that no detector writes: do not load it")
