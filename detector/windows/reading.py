"""Reading the windows of one busy key at an instant. Compiled.

Every window is half-open, `(now - length, now]`. While the exact calls are all of a window its counts are exact; else
they come from the panes: the pane that holds `now` whole, the oldest one in the proportion that the window overlaps it.
The error is then at most the content of the oldest pane, and for a late `now` also the later events of its own pane.
"""

from typing import NamedTuple

import numpy as np

from detector.columns.arrays import Floats, Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import as_int
from detector.features import window_constants
from detector.windows import exact_calls, sketches
from detector.windows.key_store import Store
from detector.windows.layout import (
    AT,
    EVICTED_END_AGE,
    EVICTED_SETUP_AGE,
    FIRST_COLUMN,
    HELD,
    IS_PANED,
    LATEST_MS,
    MADE,
    OTHERS_MS,
    R_END,
    R_FACTS,
    R_PEER,
    R_SECOND,
    R_SETUP,
    SINCE,
    START,
    WIDTH,
)

REFRESH_SHARE = 50
"""A remembered estimate is made anew once the key gained 1/50 of the window's calls ..."""
REFRESH_PARTS = 32
"""... or 1/32 of the window has passed: big sketches are not scanned for each call."""
_FIXED_POINT = 1_024.0
_QUARTER = 65_536.0
_FIELD = 6
_FIELD_MASK = (1 << _FIELD) - 1
_FIVE = 5
_FIVE_MASK = (1 << _FIVE) - 1
_SPREAD = np.array([sum(((bits >> bit) & 1) << (_FIELD * bit) for bit in range(_FIVE)) for bits in range(1 << _FIVE)])
"""Five bits to five fields of six bits, so that calls are counted for ten measures in one addition."""


class Scratch(NamedTuple):
    """Room for one reading.

    Attributes:
        nearest: (RING,), shortest window of each exact call.
        items: (RING,), what each shows of an item.
        setups: (5,), counts of set-ups by window in fields of six bits.
        ends: (5,), of ends.
        talk_s: (5,)
        sums: (N_MEASURES + 1,) sums of panes.
    """

    nearest: Ints
    items: Ints
    setups: Ints
    ends: Ints
    talk_s: Ints
    sums: Floats


def make_scratch() -> Scratch:
    """Room for one reading after the other."""
    ring, windows = (
        np.zeros((2, window_constants.RING), dtype=np.int64),
        np.zeros((3, window_constants.N_WINDOWS), dtype=np.int64),
    )
    return Scratch(ring[0], ring[1], windows[0], windows[1], windows[2], np.zeros(window_constants.N_MEASURES + 1))


@compiled_inline
def shortest_window(time_ms: int, now_ms: int) -> int:
    """Shortest window at `now_ms` that has `time_ms` in it, 5 where none has."""
    if time_ms > now_ms:
        return window_constants.N_WINDOWS
    window = 0
    while window < window_constants.N_WINDOWS and time_ms <= now_ms - window_constants.WINDOW_MS[window]:
        window += 1
    return window


@compiled_inline
def spread(flags: int) -> int:
    """Ten bits to ten fields of six bits."""
    return int(_SPREAD[flags & _FIVE_MASK] | (_SPREAD[(flags >> _FIVE) & _FIVE_MASK] << (_FIVE * _FIELD)))


@compiled_inline
def count_of(measure: int, setups: int, ends: int, talk_s: int) -> float:
    """Count of one measure from the fields of set-ups and ends."""
    if measure < window_constants.N_SETUP_MEASURES:
        return float((setups >> (_FIELD * measure)) & _FIELD_MASK)
    if measure < window_constants.TALK_S:
        return float((ends >> (_FIELD * (measure - window_constants.ENDED))) & _FIELD_MASK)
    return float(talk_s)


@compiled_inline
def _exact_windows(evicted_ms: int, now_ms: int) -> int:
    """Number of windows, shortest first, that begin at or after `evicted_ms`."""
    exact = 0
    while exact < window_constants.N_WINDOWS and evicted_ms <= now_ms - window_constants.WINDOW_MS[exact]:
        exact += 1
    return exact


@compiled_borrowing
def _count_calls(store: Store, slot: int, now_ms: int, scratch: Scratch) -> None:
    """Count the exact calls: `scratch` gets counts by window, and each call's shortest window."""
    latest_ms = store.w64[slot, LATEST_MS]
    for window in range(window_constants.N_WINDOWS):
        scratch.setups[window] = scratch.ends[window] = scratch.talk_s[window] = 0
    for place in range(as_int(store.w8[slot, HELD])):
        facts = as_int(store.w32[slot, R_FACTS + place])
        window = shortest_window(exact_calls.time_of(store.w32[slot, R_SETUP + place], latest_ms), now_ms)
        scratch.nearest[place] = window
        if window < window_constants.N_WINDOWS:
            scratch.setups[window] += spread(exact_calls.setup_flags(facts))
        end = store.w32[slot, R_END + place]
        if end == 0:
            continue
        window = shortest_window(exact_calls.time_of(end, latest_ms), now_ms)
        if window < window_constants.N_WINDOWS:
            scratch.ends[window] += spread(exact_calls.end_flags(facts) >> window_constants.ENDED)
            scratch.talk_s[window] += exact_calls.talk_of(facts)
    for window in range(1, window_constants.N_WINDOWS):
        scratch.setups[window] += scratch.setups[window - 1]
        scratch.ends[window] += scratch.ends[window - 1]
        scratch.talk_s[window] += scratch.talk_s[window - 1]


@compiled_inline
def _add_pane(store: Store, slot: int, at: int, width: int, share: float, sums: Floats) -> None:
    """Add a share of one pane. Places are unsigned, since only then the loops can take several counts at once."""
    if store.plan[AT.is_wide]:
        wide = store.w32[slot]
        for column in range(np.uint64(width)):
            sums[column] += share * float(np.uint32(wide[np.uint64(at) + column]))
    else:
        narrow = store.w16[slot]
        for column in range(np.uint64(width)):
            sums[column] += share * float(narrow[np.uint64(at) + column])


@compiled_borrowing
def _add_panes(
    store: Store, slot: int, start: int, width: int, head: int, now_ms: int, length: int, sums: Floats
) -> None:
    """Add the panes up to `now_ms` of a ring of panes headed by `head`, the oldest as far as the window has it."""
    index = now_ms // length
    first = index - window_constants.PANES_PER_WINDOW
    oldest = max(first, head - window_constants.PANES_PER_WINDOW)
    place = oldest % window_constants.N_PANES
    for _ in range(oldest, min(index, head) + 1):
        _add_pane(store, slot, start + place * width, width, 1.0, sums)
        place = place + 1 if place < window_constants.PANES_PER_WINDOW else 0
    if head - window_constants.PANES_PER_WINDOW <= first <= head:
        outside = (now_ms - index * length) / length
        _add_pane(store, slot, start + first % window_constants.N_PANES * width, width, -outside, sums)


@compiled_borrowing
def _read_panes(store: Store, slot: int, now_ms: int, window: int, sums: Floats) -> None:
    """Fill `sums` (width,) from the panes of one window, others' panes included."""
    plan, length = store.plan, window_constants.PANE_MS[window]
    start, width = store.columns[window, START], store.columns[window, WIDTH]
    for column in range(width):
        sums[column] = 0.0
    rings = 2 if plan[AT.is_shared] and store.w64[slot, OTHERS_MS] > 0 else 1
    for ring in range(rings):  # one call, since its code is taken in at each
        head = store.w64[slot, LATEST_MS if ring == 0 else OTHERS_MS] // length
        _add_panes(store, slot, start + ring * plan[AT.other_panes], width, head, now_ms, length, sums)
    talk = store.column[window, window_constants.TALK_S]
    if not plan[AT.is_wide] and talk >= 0:
        sums[talk] += _QUARTER * sums[talk + 1]


@compiled_borrowing
def _read_windows(
    store: Store, slot: int, now_ms: int, exact_setups: int, exact_ends: int, counts: Floats, scratch: Scratch
) -> None:
    """Fill the kept measures of all windows: where the exact calls are not all, from the panes."""
    for window in range(window_constants.N_WINDOWS):
        setups, ends, talk_s = scratch.setups[window], scratch.ends[window], scratch.talk_s[window]
        is_paned = window >= min(exact_setups, exact_ends)
        if is_paned:
            _read_panes(store, slot, now_ms, window, scratch.sums)
        for column in range(store.columns[window, WIDTH]):
            measure = store.columns[window, FIRST_COLUMN + column]
            if is_paned and window >= (exact_setups if measure < window_constants.N_SETUP_MEASURES else exact_ends):
                counts[window, measure] = scratch.sums[store.column[window, measure]]
            else:
                counts[window, measure] = count_of(measure, setups, ends, talk_s)


@compiled_borrowing
def _distinct_calls(store: Store, slot: int, item: int, scratch: Scratch, distinct: Floats) -> None:
    """Fill the wanted windows of `distinct` (5,) with exact numbers of different items among the exact calls."""
    plan = store.plan
    held, items, nearest = as_int(store.w8[slot, HELD]), scratch.items, scratch.nearest
    near, far = 0.0, 0.0
    for place in range(held):
        peer, second = store.w32[slot, R_PEER + place], store.w32[slot, R_SECOND + place]
        items[place] = sketches.item_of(plan, item, as_int(peer), as_int(second))
        closest = window_constants.N_WINDOWS
        for rival in range(place):
            if items[rival] == items[place]:
                closest = min(closest, nearest[rival])
        near += nearest[place] <= plan[AT.near] < closest
        far += nearest[place] <= plan[AT.far] < closest
    distinct[plan[AT.near]] = near
    distinct[plan[AT.far]] = far


@compiled_inline
def _estimate(store: Store, slot: int, place: int, now_ms: int, window: int) -> float:
    """Estimate one distinct count of one window from the sketches."""
    plan = store.plan
    starts = (plan[AT.sketch_0], plan[AT.sketch_1], plan[AT.sketch_2])
    registers = (
        plan[AT.rows_0] * plan[AT.levels_0],
        plan[AT.rows_1] * plan[AT.levels_1],
        plan[AT.rows_2] * plan[AT.levels_2],
    )
    table = 0
    for before in range(place):
        table += registers[before] + 1
    unit = now_ms // plan[AT.unit_ms]
    outside = (now_ms - unit * plan[AT.unit_ms]) / plan[AT.unit_ms]
    oldest = unit - window_constants.WINDOW_MS[window] // plan[AT.unit_ms]
    others, other_base = 0, 0
    if plan[AT.is_shared] and store.w64[slot, OTHERS_MS] > 0:
        others, other_base = plan[AT.other_sketches], sketches.base_of(store.w64[slot, OTHERS_MS] // plan[AT.unit_ms])
    return sketches.estimate(
        store.w64[slot],
        starts[place],
        registers[place],
        store.inverse[table:],
        oldest - sketches.base_of(store.w64[slot, LATEST_MS] // plan[AT.unit_ms]),
        outside,
        others,
        oldest - other_base,
    )


@compiled_inline
def _is_stale(store: Store, slot: int, at: int, now_ms: int, window: int, attempts: float) -> bool:
    """Tell whether the remembered estimates of one window are too old."""
    age_ms = abs(now_ms - store.w64[slot, at + MADE])
    gained = store.w64[slot, at + SINCE]
    return bool(gained * REFRESH_SHARE >= attempts or age_ms * REFRESH_PARTS >= window_constants.WINDOW_MS[window])


@compiled_borrowing
def _read_distinct(
    store: Store, slot: int, now_ms: int, window: int, remembered: int, counts: Floats, distinct: Floats
) -> None:
    """Fill all distinct counts of one window from the sketches, never above the attempts."""
    plan, attempts = store.plan, counts[window, window_constants.ATTEMPTS]
    items = (plan[AT.item_0], plan[AT.item_1], plan[AT.item_2])
    is_stale = True
    if plan[AT.is_wide]:
        is_stale = _is_stale(store, slot, remembered, now_ms, window, attempts)
        if is_stale:
            store.w64[slot, remembered + MADE] = now_ms
            store.w64[slot, remembered + SINCE] = 0
    for place in range(plan[AT.items]):
        if is_stale:
            value = _estimate(store, slot, place, now_ms, window)
            if plan[AT.is_wide]:
                store.w64[slot, remembered + 2 + place] = int(value * _FIXED_POINT)
        if plan[AT.is_wide]:
            value = store.w64[slot, remembered + 2 + place] / _FIXED_POINT
        distinct[items[place], window] = max(1.0, min(attempts, value))


@compiled_borrowing
def read(store: Store, slot: int, now_ms: int, counts: Floats, distinct: Floats, scratch: Scratch) -> None:
    """Read all windows of `slot` at `now_ms`.

    Args:
        store: The family.
        slot: The key's slot.
        now_ms: Time of the call that asks.
        counts: (5, N_MEASURES), filled where the family keeps the measure in the window.
        distinct: (N_ITEMS, 5), filled likewise; never above the attempts.
        scratch: Overwritten.
    """
    plan, latest_ms = store.plan, store.w64[slot, LATEST_MS]
    exact_setups = exact_ends = window_constants.N_WINDOWS
    if plan[AT.is_shared] and store.w64[slot, OTHERS_MS] > 0:
        exact_setups = exact_ends = 0
    elif store.w8[slot, IS_PANED]:
        exact_setups = _exact_windows(latest_ms - exact_calls.age_of(store, slot, EVICTED_SETUP_AGE), now_ms)
        exact_ends = _exact_windows(latest_ms - exact_calls.age_of(store, slot, EVICTED_END_AGE), now_ms)
    if max(exact_setups, exact_ends) > 0:
        _count_calls(store, slot, now_ms, scratch)
    _read_windows(store, slot, now_ms, exact_setups, exact_ends, counts, scratch)
    if exact_setups > plan[AT.near]:
        items = (plan[AT.item_0], plan[AT.item_1], plan[AT.item_2])
        for place in range(plan[AT.items]):
            _distinct_calls(store, slot, items[place], scratch, distinct[items[place]])
    remembered = plan[AT.estimates]
    for window in (plan[AT.near], plan[AT.far]):
        if exact_setups <= window:
            _read_distinct(store, slot, now_ms, window, remembered, counts, distinct)
        remembered += 2 + plan[AT.items]
