"""One key's row of days: counting calls and ends in it, and reading it. Compiled.

A row is one cache line. Behind the head that every row begins with it has, in units of 32 bits:

    7 last origin of a number    8 days with calls, events astray    9 today's calls
    10 earlier days with calls    11 calls on these    12 ended    13 answered    14 short    15 long

Bit n of the days stands for the day n days ago. The last six are sums that fade: with each week that begins they are
halved, so what a call counts is 1 in its own week, 1/2 in the next one, and so on. Powers of 2 make the sums exact.
Weeks are counted from the day of the year 1970 on which all clocks began.
"""

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Floats
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import as_int, as_unsigned
from detector.features import days as of_days
from detector.features import window_constants
from detector.features.window_constants import NOT_ENOUGH_DATA
from detector.windows.key_store import Store, copy_before_write, touch
from detector.windows.layout import LATEST_MS

ROW_BYTES = 64
ORIGIN, CALLED_ON, TODAY, PAST_DAYS, PAST_CALLS, ENDED, ANSWERED, SHORT, LONG = range(7, 16)
_MASK = (1 << of_days.DAYS) - 1
ASTRAY_LIMIT = 15
"""So many events in a row that are too late for all days, and the next one begins the row anew: else one clock that is
weeks ahead would silence the key for weeks. They are counted in the bits that the days leave free."""
MOST_ENDED = float(1 << 23)
"""Above this all sums of ends are halved at once: their shares stay, and a sum of 32 bits still takes single calls."""
_MOST_TODAY = (1 << 31) - 1
_HALVED = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""What counts of a call so many weeks on."""

Sums = NDArray[np.float32]
"""The rows of a store once more, as sums; shape (slots, 16)."""


@compiled_inline
def _day(time_ms: int) -> int:
    return int((time_ms - of_days.DAY_BEGINS_MS) // window_constants.DAY_MS)


@compiled_inline
def _forget(store: Store, slot: int) -> None:
    for word in range(CALLED_ON, LONG + 1):
        store.w32[slot, word] = 0


@compiled_borrowing
def _begin_day(store: Store, sums: Sums, slot: int, newest: int, day: int) -> None:
    """Make `day` the row's today, which was `newest`: what was counted of that joins the past."""
    passed = day - newest
    if passed >= of_days.DAYS:
        _forget(store, slot)
        return
    if store.w32[slot, TODAY] > 0:
        sums[slot, PAST_DAYS] += np.float32(1.0)
        sums[slot, PAST_CALLS] += np.float32(store.w32[slot, TODAY])
        store.w32[slot, TODAY] = 0
    weeks = day // of_days.WEEK_DAYS - newest // of_days.WEEK_DAYS
    if weeks > 0:
        for word in range(PAST_DAYS, LONG + 1):
            sums[slot, word] *= np.float32(_HALVED[weeks])
    store.w32[slot, CALLED_ON] = (as_unsigned(store.w32[slot, CALLED_ON]) << passed) & _MASK


@compiled_borrowing
def _astray(store: Store, slot: int, time_ms: int) -> float:
    """Note an event that is too late for all days; returns what it counts: nothing, or 1 where it begins the row."""
    astray = as_unsigned(store.w32[slot, CALLED_ON]) >> of_days.DAYS
    if astray < ASTRAY_LIMIT:
        store.w32[slot, CALLED_ON] = as_unsigned(store.w32[slot, CALLED_ON]) + (1 << of_days.DAYS)
        return 0.0
    _forget(store, slot)
    store.w64[slot, LATEST_MS] = time_ms
    return 1.0


@compiled_borrowing
def _turn_to(store: Store, sums: Sums, slot: int, time_ms: int) -> float:
    """Make the day of an event the row's today where it is newer; returns what the event counts, 0 = it is too late.

    A row moves to the newest end of its store with its first event of a day alone: each move writes to two other rows.
    """
    copy_before_write(store, slot)
    day, newest = _day(time_ms), _day(store.w64[slot, LATEST_MS])
    if newest - day >= of_days.DAYS:
        return _astray(store, slot, time_ms)
    if day > newest:
        touch(store, slot)
        _begin_day(store, sums, slot, newest, day)
        newest = day
    store.w32[slot, CALLED_ON] = as_unsigned(store.w32[slot, CALLED_ON]) & _MASK
    store.w64[slot, LATEST_MS] = max(store.w64[slot, LATEST_MS], time_ms)
    return _HALVED[newest // of_days.WEEK_DAYS - day // of_days.WEEK_DAYS]


@compiled_inline
def begin_of_day(time_ms: int, begin_ms: int) -> int:
    """When the day of an event began, epoch milliseconds; `begin_ms` is when that of the event before it did.

    Asked once an event, so that no key has to divide: it is nearly always the same day.
    """
    if begin_ms <= time_ms < begin_ms + window_constants.DAY_MS:
        return begin_ms
    return _day(time_ms) * window_constants.DAY_MS + of_days.DAY_BEGINS_MS


@compiled_inline
def _is_today(store: Store, slot: int, time_ms: int, begin_ms: int) -> bool:
    """Tell whether an event is of the row's today; then its time is noted, and what it counts is 1."""
    latest_ms = store.w64[slot, LATEST_MS]
    if not begin_ms <= latest_ms < begin_ms + window_constants.DAY_MS:
        return False
    copy_before_write(store, slot)
    store.w64[slot, LATEST_MS] = max(latest_ms, time_ms)
    return True


@compiled_borrowing
def _count_other_day(store: Store, sums: Sums, slot: int, time_ms: int) -> None:
    """Count a call that begins a day, or is of an earlier one."""
    weight = _turn_to(store, sums, slot, time_ms)
    if weight == 0.0:
        return
    behind = _day(store.w64[slot, LATEST_MS]) - _day(time_ms)
    days = as_unsigned(store.w32[slot, CALLED_ON])
    if behind == 0:
        store.w32[slot, TODAY] += 1
    else:
        sums[slot, PAST_CALLS] += np.float32(weight)
        if (days >> behind) & 1 == 0:
            sums[slot, PAST_DAYS] += np.float32(weight)
    store.w32[slot, CALLED_ON] = days | (1 << behind)


@compiled_inline
def count_setup(store: Store, sums: Sums, slot: int, time_ms: int, begin_ms: int) -> None:
    """Count a call on its own day; a late one as if it had come in time, unless it is older than all days.

    Args:
        store: Of the key.
        sums: Its rows as sums.
        slot: Of the key.
        time_ms: Of the call.
        begin_ms: When its day began.
    """
    if not _is_today(store, slot, time_ms, begin_ms):
        _count_other_day(store, sums, slot, time_ms)
        return
    store.w32[slot, TODAY] = min(as_int(store.w32[slot, TODAY]) + 1, _MOST_TODAY)
    store.w32[slot, CALLED_ON] = (as_unsigned(store.w32[slot, CALLED_ON]) & _MASK) | 1


@compiled_inline
def count_end(store: Store, sums: Sums, slot: int, time_ms: int, begin_ms: int, measures: int) -> None:
    """Count how a call ended, on the day on which it did; arguments as `count_setup`."""
    weight = np.float32(1.0)
    if _is_today(store, slot, time_ms, begin_ms):
        store.w32[slot, CALLED_ON] = as_unsigned(store.w32[slot, CALLED_ON]) & _MASK
    else:
        weight = np.float32(_turn_to(store, sums, slot, time_ms))
    sums[slot, ENDED] += weight
    sums[slot, ANSWERED] += weight * np.float32((measures >> window_constants.ANSWERED) & 1)
    sums[slot, SHORT] += weight * np.float32((measures >> window_constants.SHORT) & 1)
    sums[slot, LONG] += weight * np.float32((measures >> window_constants.LONG) & 1)
    if sums[slot, ENDED] > MOST_ENDED:
        for word in range(ENDED, LONG + 1):
            sums[slot, word] *= np.float32(0.5)


@compiled_inline
def has_earlier_days(store: Store, slot: int) -> bool:
    """Tell whether a key called on two of its days."""
    days = as_unsigned(store.w32[slot, CALLED_ON]) & _MASK
    return bool(days & (days - 1) != 0)


@compiled_inline
def _ones(bits: int) -> int:
    """Number of ones among 32 bits."""
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return int(((bits * 0x01010101) >> 24) & 0xFF)


@compiled_inline
def _length(bits: int) -> int:
    """Number of bits up to the highest one of 32."""
    for shift in (1, 2, 4, 8, 16):
        bits |= bits >> shift
    return _ones(bits)


@compiled_inline
def _share(part: float, whole: float) -> float:
    return float(np.float64(part) / np.float64(whole)) if whole >= of_days.FEWEST_CALLS else NOT_ENOUGH_DATA


@compiled_borrowing
def read(store: Store, sums: Sums, slot: int, figures: Floats) -> None:
    """Fill `figures` (N_FIGURES,) with what is known of a key on its today, the calls counted so far included."""
    days = as_unsigned(store.w32[slot, CALLED_ON]) & _MASK
    earlier = days >> 1
    figures[of_days.ASR] = _share(sums[slot, ANSWERED], sums[slot, ENDED])
    figures[of_days.SDR] = _share(sums[slot, SHORT], sums[slot, ANSWERED])
    figures[of_days.LONG_SHARE] = _share(sums[slot, LONG], sums[slot, ANSWERED])
    figures[of_days.EARLIER] = figures[of_days.FIRST] = 0.0
    for figure in range(of_days.LAST, of_days.TODAY + 1):
        figures[figure] = NOT_ENOUGH_DATA
    if earlier == 0:
        return
    called, first = _ones(earlier), _length(earlier)
    figures[of_days.EARLIER], figures[of_days.FIRST] = called, first
    figures[of_days.LAST] = _ones((earlier & -earlier) - 1) + 1
    figures[of_days.REGULARITY] = called / first
    weeks = first // of_days.WEEK_DAYS
    if weeks > 0:
        alike = 0
        for week in range(1, weeks + 1):
            alike += (days >> (of_days.WEEK_DAYS * week)) & 1
        figures[of_days.WEEKDAY] = alike / weeks
    usual = np.float64(sums[slot, PAST_CALLS]) / np.float64(sums[slot, PAST_DAYS])
    today = np.float64(store.w32[slot, TODAY])
    figures[of_days.USUAL], figures[of_days.TODAY] = usual, today / (today + usual)
