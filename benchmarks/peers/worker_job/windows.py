"""The job's counts for a whole batch in one compiled pass, exact: linked calls of each key, subtracted when they leave.

Keys, calls and pairs of a caller and a called number are rows of arrays that double when they are full. A call that has
left the longest window is given back; keys and pairs stay, for a run of bounded length.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.job import N_WINDOWS, WINDOW_MS
from detector import measures as spec
from detector.columns import CallBatch
from detector.compiled import compiled
from detector.hashing import mix

Ints = NDArray[np.int64]
NONE = -1
FIRST_ROWS = 1 << 16
KEY, LAST, FREE = 0, 1, 0
TIME, NEXT, FACT = 0, 1, 2
_WINDOW_MS = np.array(WINDOW_MS)
PLAIN, MARKED, DISTINCT = 0, 1, 2


class Log(NamedTuple):
    """Calls of the keys of one kind.

    Attributes:
        table: Row of a key at its hash, `NONE` where free, shape (2 * rows,) or more, a power of two.
        keys: Key and latest call of each row, shape (rows, 2).
        first: Oldest call of each row in each window, shape (rows, 4).
        held: Calls of each row in each window, shape (rows, 4).
        extra: Marked calls, or distinct facts, likewise.
        calls: Time, next call of the same row, fact, shape (calls, 3).
        size: Rows used, calls used, first call that was given back, shape (3,).
    """

    table: Ints
    keys: Ints
    first: Ints
    held: Ints
    extra: Ints
    calls: Ints
    size: Ints


class Pairs(NamedTuple):
    """How often each caller called each number within each window: rows by hash as in `Log`, then what they hold."""

    table: Ints
    hashes: Ints
    counts: Ints
    size: Ints


def _log() -> Log:
    rows = FIRST_ROWS
    return Log(
        np.full(4 * rows, NONE),
        np.full((rows, 2), NONE),
        np.full((rows, N_WINDOWS), NONE),
        np.zeros((rows, N_WINDOWS), dtype=np.int64),
        np.zeros((rows, N_WINDOWS), dtype=np.int64),
        np.full((rows, 3), NONE),
        np.array([0, 0, NONE]),
    )


def _doubled(rows: Ints, fill: int) -> Ints:
    return np.concatenate([rows, np.full_like(rows, fill)])


def _table(keys: Ints, used: int) -> Ints:
    index = np.full(4 * len(keys), NONE)
    _fill_index(index, keys, used)
    return index


def _with_room(log: Log, more: int) -> Log:
    if log.size[1] + more > len(log.calls):
        log = log._replace(calls=_doubled(log.calls, NONE))
    if log.size[0] + more > len(log.keys):
        keys = _doubled(log.keys, NONE)
        log = log._replace(
            keys=keys,
            table=_table(np.ascontiguousarray(keys[:, KEY]), int(log.size[0])),
            first=_doubled(log.first, NONE),
            held=_doubled(log.held, 0),
            extra=_doubled(log.extra, 0),
        )
    return log


@compiled
def _fill_index(index: Ints, keys: Ints, used: int) -> None:
    for row in range(used):
        place = _scattered(keys[row]) & (len(index) - 1)
        while index[place] != NONE:
            place = (place + 1) & (len(index) - 1)
        index[place] = row


@compiled
def _scattered(key: int) -> int:
    return int(mix(11, key, 0))


@compiled
def _row_of(log: Log, key: int) -> int:
    place = _scattered(key) & (len(log.table) - 1)
    while log.table[place] != NONE:
        if log.keys[log.table[place], KEY] == key:
            return int(log.table[place])
        place = (place + 1) & (len(log.table) - 1)
    row = log.size[0]
    log.size[0] += 1
    log.table[place] = row
    log.keys[row, KEY] = key
    return int(row)


@compiled
def _pair_of(pairs: Pairs, caller: int, called: int) -> int:
    wanted = mix(12, caller, called)
    place = wanted & (len(pairs.table) - 1)
    while pairs.table[place] != NONE:
        if pairs.hashes[pairs.table[place]] == wanted:
            return int(pairs.table[place])
        place = (place + 1) & (len(pairs.table) - 1)
    row = pairs.size[0]
    pairs.size[0] += 1
    pairs.table[place] = row
    pairs.hashes[row] = wanted
    return int(row)


@compiled
def _append(log: Log, pairs: Pairs, row: int, time_ms: int, kind: int, fact: int) -> None:
    call = log.size[2]
    if call != NONE:
        log.size[2] = log.calls[call, NEXT]
    else:
        call = log.size[1]
        log.size[1] += 1
    log.calls[call, TIME] = time_ms
    log.calls[call, NEXT] = NONE
    log.calls[call, FACT] = fact
    if log.held[row, N_WINDOWS - 1] > 0:
        log.calls[log.keys[row, LAST], NEXT] = call
    log.keys[row, LAST] = call
    for window in range(N_WINDOWS):
        if log.held[row, window] == 0:
            log.first[row, window] = call
        log.held[row, window] += 1
        if kind == MARKED:
            log.extra[row, window] += fact
        elif kind == DISTINCT:
            log.extra[row, window] += pairs.counts[fact, window] == 0
            pairs.counts[fact, window] += 1


@compiled
def _advance(log: Log, pairs: Pairs, row: int, now_ms: int, kind: int) -> None:
    for window in range(N_WINDOWS):
        call = log.first[row, window]
        while log.held[row, window] > 0 and log.calls[call, TIME] <= now_ms - _WINDOW_MS[window]:
            fact, following = log.calls[call, FACT], log.calls[call, NEXT]
            log.held[row, window] -= 1
            if kind == MARKED:
                log.extra[row, window] -= fact
            elif kind == DISTINCT:
                pairs.counts[fact, window] -= 1
                log.extra[row, window] -= pairs.counts[fact, window] == 0
            if window == N_WINDOWS - 1:
                log.calls[call, NEXT] = log.size[2]
                log.size[2] = call
            call = following
        log.first[row, window] = call


@compiled
def _count(batch: Ints, calls: Log, answered: Log, trunks: Log, pairs: Pairs, counts: Ints) -> None:
    """Columns of `batch`: is_setup, time, calling, called, trunk, measures. Fills `counts`, shape (setups, 20)."""
    found = 0
    for place in range(len(batch)):
        is_setup, now_ms, calling, called, trunk, measures = batch[place]
        if not is_setup:
            if measures >> spec.ANSWERED & 1:
                row = _row_of(answered, calling)
                _advance(answered, pairs, row, now_ms, MARKED)
                _append(answered, pairs, row, now_ms, MARKED, measures >> spec.SHORT & 1)
            continue
        row, ended, group = _row_of(calls, calling), _row_of(answered, calling), _row_of(trunks, trunk)
        _append(calls, pairs, row, now_ms, DISTINCT, _pair_of(pairs, calling, called))
        _append(trunks, pairs, group, now_ms, PLAIN, 0)
        _advance(calls, pairs, row, now_ms, DISTINCT)
        _advance(answered, pairs, ended, now_ms, MARKED)
        _advance(trunks, pairs, group, now_ms, PLAIN)
        for window in range(N_WINDOWS):
            counts[found, window] = calls.held[row, window]
            counts[found, N_WINDOWS + window] = answered.held[ended, window]
            counts[found, 2 * N_WINDOWS + window] = answered.extra[ended, window]
            counts[found, 3 * N_WINDOWS + window] = calls.extra[row, window]
            counts[found, 4 * N_WINDOWS + window] = trunks.held[group, window]
        found += 1


class ExactWindows:
    """Windows of all keys of one partition."""

    def __init__(self) -> None:
        self._calls, self._answered, self._trunks = _log(), _log(), _log()
        self._pairs = Pairs(
            np.full(4 * FIRST_ROWS, NONE),
            np.zeros(FIRST_ROWS, dtype=np.int64),
            np.zeros((FIRST_ROWS, N_WINDOWS), dtype=np.int64),
            np.zeros(1, dtype=np.int64),
        )

    def count(self, batch: CallBatch) -> Ints:
        """Count a batch; returns the counts of its set-ups in order, shape (setups, 20)."""
        self._calls = _with_room(self._calls, batch.n)
        self._answered = _with_room(self._answered, batch.n)
        self._trunks = _with_room(self._trunks, batch.n)
        if self._pairs.size[0] + batch.n > len(self._pairs.hashes):
            hashes = _doubled(self._pairs.hashes, 0)
            index = np.full(4 * len(hashes), NONE)
            _fill_pairs(index, hashes, int(self._pairs.size[0]))
            self._pairs = Pairs(index, hashes, _doubled(self._pairs.counts, 0), self._pairs.size)
        columns = (batch.is_setup, batch.time_ms, batch.calling, batch.called, batch.trunk, batch.measures)
        counts = np.empty((int(batch.is_setup.sum()), 5 * N_WINDOWS), dtype=np.int64)
        stacked = np.stack(columns, axis=1, dtype=np.int64, casting="unsafe")
        _count(stacked, self._calls, self._answered, self._trunks, self._pairs, counts)
        return counts


@compiled
def _fill_pairs(index: Ints, hashes: Ints, used: int) -> None:
    for row in range(used):
        place = hashes[row] & (len(index) - 1)
        while index[place] != NONE:
            place = (place + 1) & (len(index) - 1)
        index[place] = row
