"""The job's counts for a whole batch in one compiled pass, exact.

The calls of each key are linked and are subtracted when they leave a window. Keys, calls, and pairs of a caller and a
called number are rows of arrays. The arrays start with room for a million rows, as the worker's own do; memory that was
never written to is not used. They double when they are full. A call that has left the longest window is given back.
Keys and pairs stay, which suits a run of bounded length.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.job import N_WINDOWS, WINDOW_MS
from detector.columns.call_columns import CallBatch
from detector.columns.compiled import compiled
from detector.columns.hashing import mix
from detector.features import window_constants

Ints = NDArray[np.int64]
NONE = -1
FIRST_ROWS = 1 << 20
ROOM = 4
"""Places in a hash table for each row that it may hold."""
TIME, NEXT, FACT = 0, 1, 2
FIRST, HELD, EXTRA, LAST, WIDTH = 0, 4, 8, 12, 16
"""Columns of a row of a log: oldest call, number, marked or distinct calls of each window, latest call; 128 bytes."""
ROWS_USED, CALLS_USED, FREE = 0, 1, 2
PLAIN, MARKED, DISTINCT = 0, 1, 2
_WINDOW_MS = np.array(WINDOW_MS)


class Index(NamedTuple):
    """Rows by key: `table` has 1 + a row at its key's hash or after it, 0 where free; `keys` has them by row."""

    table: Ints
    keys: Ints
    used: Ints


class Log(NamedTuple):
    """Calls by row: `rows`, shape (rows, 16), and the calls, shape (calls, 3): time, next one of the row, fact."""

    rows: Ints
    calls: Ints
    size: Ints


class State(NamedTuple):
    """Callers have set-ups and answered calls; `counts`, shape (pairs, 4): calls of a pair within each window."""

    callers: Index
    trunks: Index
    pairs: Index
    setups: Log
    answered: Log
    groups: Log
    counts: Ints


def _index(rows: int) -> Index:
    return Index(*(np.zeros(size, dtype=np.int64) for size in (ROOM * rows, rows, 1)))


def _log(rows: int) -> Log:
    return Log(np.zeros((rows, WIDTH), dtype=np.int64), np.zeros((rows, 3), dtype=np.int64), np.array([0, 0, NONE]))


def _doubled(rows: Ints) -> Ints:
    grown = np.zeros((2 * len(rows), *rows.shape[1:]), dtype=rows.dtype)
    grown[: len(rows)] = rows
    return grown


def _roomy_index(index: Index, more: int) -> Index:
    if index.used[0] + more <= len(index.keys):
        return index
    grown = Index(np.zeros_like(index.table, shape=2 * len(index.table)), _doubled(index.keys), index.used)
    _fill(grown)
    return grown


def _roomy_log(log: Log, rows: int, more: int) -> Log:
    if rows > len(log.rows):
        log = log._replace(rows=_doubled(log.rows))
    if log.size[CALLS_USED] + more > len(log.calls):
        log = log._replace(calls=_doubled(log.calls))
    return log


@compiled
def _fill(index: Index) -> None:
    mask = len(index.table) - 1
    for row in range(index.used[0]):
        place = mix(11, index.keys[row], 0) & mask
        while index.table[place] > 0:
            place = (place + 1) & mask
        index.table[place] = row + 1


@compiled
def _row_of(index: Index, key: int) -> int:
    mask = len(index.table) - 1
    place = mix(11, key, 0) & mask
    while index.table[place] > 0:
        row = index.table[place] - 1
        if index.keys[row] == key:
            return int(row)
        place = (place + 1) & mask
    row = index.used[0]
    index.used[0] += 1
    index.table[place] = row + 1
    index.keys[row] = key
    return int(row)


@compiled
def _append(log: Log, counts: Ints, place: int, time_ms: int, kind: int, fact: int) -> None:
    call = log.size[FREE]
    if call != NONE:
        log.size[FREE] = log.calls[call, NEXT]
    else:
        call = log.size[CALLS_USED]
        log.size[CALLS_USED] += 1
    log.calls[call, TIME], log.calls[call, NEXT], log.calls[call, FACT] = time_ms, NONE, fact
    row = log.rows[place]
    if row[HELD + N_WINDOWS - 1] > 0:
        log.calls[row[LAST], NEXT] = call
    row[LAST] = call
    for window in range(N_WINDOWS):
        if row[HELD + window] == 0:
            row[FIRST + window] = call
        row[HELD + window] += 1
        if kind == MARKED:
            row[EXTRA + window] += fact
        elif kind == DISTINCT:
            row[EXTRA + window] += counts[fact, window] == 0
            counts[fact, window] += 1


@compiled
def _advance(log: Log, counts: Ints, place: int, now_ms: int, kind: int) -> None:
    row = log.rows[place]
    for window in range(N_WINDOWS):
        call = row[FIRST + window]
        while row[HELD + window] > 0 and log.calls[call, TIME] <= now_ms - _WINDOW_MS[window]:
            fact, following = log.calls[call, FACT], log.calls[call, NEXT]
            row[HELD + window] -= 1
            if kind == MARKED:
                row[EXTRA + window] -= fact
            elif kind == DISTINCT:
                counts[fact, window] -= 1
                row[EXTRA + window] -= counts[fact, window] == 0
            if window == N_WINDOWS - 1:
                log.calls[call, NEXT] = log.size[FREE]
                log.size[FREE] = call
            call = following
        row[FIRST + window] = call


@compiled
def _count(batch: Ints, state: State, found: Ints) -> None:
    """Columns of `batch`: is_setup, time, calling, called, trunk, measures. Fills `found`, shape (setups, 20)."""
    setups, answered, groups, counts = state.setups, state.answered, state.groups, state.counts
    row = 0
    for place in range(len(batch)):
        is_setup, now_ms, calling, called, trunk, measures = batch[place]
        caller = _row_of(state.callers, calling)
        _advance(answered, counts, caller, now_ms, MARKED)
        if not is_setup:
            if measures >> window_constants.ANSWERED & 1:
                _append(answered, counts, caller, now_ms, MARKED, measures >> window_constants.SHORT & 1)
            continue
        group, pair = _row_of(state.trunks, trunk), _row_of(state.pairs, mix(12, calling, called))
        _append(setups, counts, caller, now_ms, DISTINCT, pair)
        _append(groups, counts, group, now_ms, PLAIN, 0)
        _advance(setups, counts, caller, now_ms, DISTINCT)
        _advance(groups, counts, group, now_ms, PLAIN)
        for window in range(N_WINDOWS):
            found[row, window] = setups.rows[caller, HELD + window]
            found[row, N_WINDOWS + window] = answered.rows[caller, HELD + window]
            found[row, 2 * N_WINDOWS + window] = answered.rows[caller, EXTRA + window]
            found[row, 3 * N_WINDOWS + window] = setups.rows[caller, EXTRA + window]
            found[row, 4 * N_WINDOWS + window] = groups.rows[group, HELD + window]
        row += 1


class ExactWindows:
    """Windows of all keys of one partition."""

    def __init__(self) -> None:
        rows = FIRST_ROWS
        counts = np.zeros((rows, N_WINDOWS), dtype=np.int64)
        self._state = State(_index(rows), _index(rows), _index(rows), _log(rows), _log(rows), _log(rows), counts)

    def count(self, batch: CallBatch) -> Ints:
        """Count a batch; returns the counts of its set-ups in order, shape (setups, 20)."""
        self._make_room(batch.n)
        columns = (batch.is_setup, batch.time_ms, batch.calling, batch.called, batch.trunk, batch.measures)
        found = np.empty((int(np.count_nonzero(batch.is_setup)), 5 * N_WINDOWS), dtype=np.int64)
        _count(np.stack(columns, axis=1, dtype=np.int64, casting="unsafe"), self._state, found)
        return found

    def _make_room(self, more: int) -> None:
        state = self._state
        callers, trunks = _roomy_index(state.callers, more), _roomy_index(state.trunks, more)
        pairs = _roomy_index(state.pairs, more)
        counts = state.counts if len(state.counts) == len(pairs.keys) else _doubled(state.counts)
        self._state = State(
            callers,
            trunks,
            pairs,
            _roomy_log(state.setups, len(callers.keys), more),
            _roomy_log(state.answered, len(callers.keys), more),
            _roomy_log(state.groups, len(trunks.keys), more),
            counts,
        )
