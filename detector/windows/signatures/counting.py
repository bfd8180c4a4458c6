"""One key's row of signatures: counting a call in it, and reading it. Compiled.

A row is one cache line. Behind the head that every row begins with it has, in units of 32 bits:

    7 minute of the first call, events astray    8 calls lately    9 unsigned    10 failed    11 of a foreign signer
    12 calls usually    13 unsigned    14 failed    15 of a foreign signer

The sums fade: those of *lately* are halved with each hour that begins, those of *usually* with each day (UTC). A late
call counts what it would count by now had it come in time.
"""

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import as_unsigned
from detector.features import signatures as of_signatures
from detector.features import window_constants
from detector.features.operations import ALIKE
from detector.features.signatures import FEWEST_CALLS, GROUP_BITS, LEAST_SHARE
from detector.features.window_constants import NOT_ENOUGH_DATA
from detector.windows.key_store import Store, copy_before_write, touch
from detector.windows.layout import LATEST_MS

ROW_BYTES = 64
FIRST, LATELY, USUALLY = 7, 8, 12
CALLS, UNSIGNED, FAILED, FOREIGN = range(4)
N_SUMS = 4
_FAST_MS = of_signatures.FADES_FAST_H * window_constants.HOUR_MS
_SLOW_MS = of_signatures.FADES_SLOWLY_H * window_constants.HOUR_MS
_MINUTE_BITS = 27
_MINUTE_MASK = (1 << _MINUTE_BITS) - 1
ASTRAY_LIMIT, ASTRAY_MS = 15, 2 * window_constants.DAY_MS
"""So many calls in a row that are so much older than the newest one, and the next one begins the row anew: else one
clock that is weeks ahead would silence the key for weeks."""
MOST_CALLS = float(1 << 23)
"""Above this all sums of a kind are halved at once: shares stay, and a sum of 32 bits still takes single calls."""
_LEAST = 30
_FAILED_GROUPS = sum(1 << group for group in of_signatures.FAILED)

Sums = NDArray[np.float32]
"""The rows of a store once more, as sums; shape (slots, 16)."""


@compiled_inline
def _faded(steps: int) -> float:
    """What counts of a call so many steps on."""
    return 0.0 if steps > _LEAST else 1.0 / (1 << steps)


@compiled_borrowing
def _turn_to(store: Store, sums: Sums, slot: int, time_ms: int) -> bool:
    """Fade what is older than the hour of a call; tells whether the call counts."""
    newest_ms = store.w64[slot, LATEST_MS]
    word = as_unsigned(store.w32[slot, FIRST])
    if newest_ms - time_ms > ASTRAY_MS:
        if word >> _MINUTE_BITS < ASTRAY_LIMIT:
            store.w32[slot, FIRST] = word + (1 << _MINUTE_BITS)
            return False
        for place in range(LATELY, USUALLY + N_SUMS):
            store.w32[slot, place] = 0
        store.w64[slot, LATEST_MS] = newest_ms = time_ms
        word = time_ms // window_constants.MINUTE_MS
    store.w32[slot, FIRST] = min(word & _MINUTE_MASK, time_ms // window_constants.MINUTE_MS)
    if time_ms > newest_ms:
        hours, days = time_ms // _FAST_MS - newest_ms // _FAST_MS, time_ms // _SLOW_MS - newest_ms // _SLOW_MS
        if hours > 0:
            touch(store, slot)
            for place in range(N_SUMS):
                sums[slot, LATELY + place] *= np.float32(_faded(hours))
                sums[slot, USUALLY + place] *= np.float32(_faded(days))
        store.w64[slot, LATEST_MS] = time_ms
    return True


@compiled_inline
def _add(sums: Sums, slot: int, first: int, weight: np.float32, signature: int) -> None:
    group = signature & GROUP_BITS
    sums[slot, first + CALLS] += weight
    if group == of_signatures.UNSIGNED:
        sums[slot, first + UNSIGNED] += weight
    elif (_FAILED_GROUPS >> group) & 1:
        sums[slot, first + FAILED] += weight
    if signature & of_signatures.IS_UNLIKE_UPSTREAM:
        sums[slot, first + FOREIGN] += weight
    if sums[slot, first + CALLS] > MOST_CALLS:
        for place in range(N_SUMS):
            sums[slot, first + place] *= np.float32(0.5)


@compiled_borrowing
def begin(store: Store, slot: int, time_ms: int) -> None:
    """Begin the row of a key whose first call this is."""
    store.w32[slot, FIRST] = time_ms // window_constants.MINUTE_MS


@compiled_borrowing
def count(store: Store, sums: Sums, slot: int, time_ms: int, signature: int) -> None:
    """Count a call.

    Args:
        store: Of the key.
        sums: Its rows as sums.
        slot: Of the key.
        time_ms: Of the call.
        signature: As in `CallBatch.signature`.
    """
    copy_before_write(store, slot)
    if not _turn_to(store, sums, slot, time_ms):
        return
    newest_ms = store.w64[slot, LATEST_MS]
    lately = np.float32(_faded(newest_ms // _FAST_MS - time_ms // _FAST_MS))
    usually = np.float32(_faded(newest_ms // _SLOW_MS - time_ms // _SLOW_MS))
    _add(sums, slot, LATELY, lately, signature)
    _add(sums, slot, USUALLY, usually, signature)


@compiled_inline
def _share(sums: Sums, slot: int, first: int, what: int) -> float:
    calls = np.float64(sums[slot, first + CALLS])
    return float(np.float64(sums[slot, first + what]) / calls) if calls >= FEWEST_CALLS else NOT_ENOUGH_DATA


@compiled_borrowing
def lately(sums: Sums, slot: int, what: int) -> float:
    """Share of the calls lately, -1 of too few."""
    return _share(sums, slot, LATELY, what)


@compiled_borrowing
def usually(sums: Sums, slot: int, what: int) -> float:
    """Share of the calls usually, -1 of too few."""
    return _share(sums, slot, USUALLY, what)


@compiled_borrowing
def beside_usual(sums: Sums, slot: int, what: int) -> float:
    """Share lately against that usually, in [0, 1]; `ALIKE` where there is nothing to compare, -1 of too few calls."""
    now, before = _share(sums, slot, LATELY, what), _share(sums, slot, USUALLY, what)
    if min(now, before) < 0.0:
        return NOT_ENOUGH_DATA
    return now / (now + before) if now + before > LEAST_SHARE else ALIKE


@compiled_borrowing
def surge(sums: Sums, slot: int) -> float:
    """Calls an hour lately against usually, in [0, 1]; -1 of too few calls."""
    calls = np.float64(sums[slot, USUALLY + CALLS])
    if calls < FEWEST_CALLS:
        return NOT_ENOUGH_DATA
    now = np.float64(sums[slot, LATELY + CALLS]) / of_signatures.FADES_FAST_H
    return float(now / (now + calls / of_signatures.FADES_SLOWLY_H))


@compiled_borrowing
def age_s(store: Store, slot: int, time_ms: int) -> float:
    """Seconds since the minute of the first call."""
    first_ms = (as_unsigned(store.w32[slot, FIRST]) & _MINUTE_MASK) * window_constants.MINUTE_MS
    return float(min(max(0, time_ms - first_ms) / window_constants.SECOND_MS, window_constants.AGE_LIMIT_S))
