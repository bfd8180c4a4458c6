"""Reading the windows of one key at an instant. Compiled.

Every window is half-open, `(now - length, now]`. While the ring has all calls of a window the counts are exact; else
they come from the panes: the pane that holds `now` whole, the oldest one in the proportion that the window overlaps it.
The error is then at most the content of the oldest pane, and for a late `now` also the later events of its own pane.
"""

import math

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.compiled import compiled_borrowing, compiled_inline
from detector.windows import counting, slots
from detector.windows.slots import Ints, Store

Floats = NDArray[np.float64]

REFRESH_SHARE = 50
"""A distinct estimate is made anew once the key gained 1/50 of the window's calls ..."""
REFRESH_PARTS = 32
"""... or 1/32 of the window has passed: big sketches are not scanned for each call."""
FULLEST = 0.8
"""A resolution with more of its registers set says too little (Estan, Varghese, Fisk 2003); coarser ones are used."""


@compiled_inline
def _exact_windows(store: Store, slot: int, now_ms: int, evicted_ms: int) -> int:
    """Number of windows, shortest first, that the ring knows in full."""
    if len(store.panes) == 0:
        return spec.N_WINDOWS
    if len(store.other_panes) > 0 and store.state[slot, slots.OTHERS_MS] > 0:
        return 0
    exact = 0
    while exact < spec.N_WINDOWS and evicted_ms <= now_ms - spec.WINDOW_MS[exact]:
        exact += 1
    return exact


@compiled_inline
def _shortest_window(time_ms: int, now_ms: int) -> int:
    """Shortest window at `now_ms` that has `time_ms` in it, 5 where none has."""
    if time_ms > now_ms:
        return spec.N_WINDOWS
    window = 0
    while window < spec.N_WINDOWS and time_ms <= now_ms - spec.WINDOW_MS[window]:
        window += 1
    return window


@compiled_inline
def _count_ring(ring: Ints, held: int, now_ms: int, limit: int, counts: Floats, nearest: Ints) -> None:
    """Add the ring's calls to the first `limit` windows of `counts`; `nearest` gets each set-up's shortest one."""
    for place in range(held):
        facts = ring[place, slots.FACTS]
        window = _shortest_window(ring[place, slots.SETUP_MS], now_ms)
        nearest[place] = window
        if window < limit:
            for measure in range(spec.N_SETUP_MEASURES):
                counts[window, measure] += (facts >> measure) & 1
        if ring[place, slots.END_MS] == 0:
            continue
        window = _shortest_window(ring[place, slots.END_MS], now_ms)
        if window < limit:
            for measure in range(spec.N_SETUP_MEASURES, spec.TALK_S):
                counts[window, measure] += (facts >> measure) & 1
            counts[window, spec.TALK_S] += counting.talk_of(facts)
    for window in range(1, limit):
        for measure in range(spec.N_MEASURES):
            counts[window, measure] += counts[window - 1, measure]


@compiled_inline
def _sum_panes(panes: NDArray[np.uint32], head: int, index: int, outside: float, sums: Floats) -> None:
    """Add panes `index - 8 .. index` of a ring of panes headed by `head`, the oldest without its share `outside`."""
    for pane in range(max(index - spec.PANES_PER_WINDOW, head - spec.PANES_PER_WINDOW), min(index, head) + 1):
        share = 1.0 - outside if pane == index - spec.PANES_PER_WINDOW else 1.0
        for column in range(len(sums)):
            sums[column] += share * panes[pane % spec.N_PANES, column]


@compiled_inline
def _read_window(store: Store, slot: int, now_ms: int, window: int, sums: Floats) -> None:
    """Fill `sums` (M,) from the panes of one window, others' panes included."""
    length = spec.PANE_MS[window]
    index = now_ms // length
    outside = (now_ms - index * length) / length
    head = store.state[slot, slots.HEADS + window]
    sums[:] = 0.0
    if index == head:
        oldest = store.panes[slot, window, (index - spec.PANES_PER_WINDOW) % spec.N_PANES]
        for column in range(len(sums)):
            sums[column] = store.totals[slot, window, column] - outside * oldest[column]
    else:
        _sum_panes(store.panes[slot, window], head, index, outside, sums)
    if len(store.other_panes) > 0 and store.state[slot, slots.OTHERS_MS] > 0:
        other_head = store.state[slot, slots.OTHERS_MS] // length
        _sum_panes(store.other_panes[slot, window], other_head, index, outside, sums)


@compiled_inline
def _merge_windows(
    store: Store, slot: int, now_ms: int, exact_setups: int, exact_ends: int, counts: Floats, scratch: Floats
) -> None:
    """Replace what the ring does not know in full by what the panes say."""
    sums = scratch[: store.panes.shape[3]]
    for window in range(min(exact_setups, exact_ends), spec.N_WINDOWS):
        _read_window(store, slot, now_ms, window, sums)
        for measure in range(spec.N_MEASURES):
            exact = exact_setups if measure < spec.N_SETUP_MEASURES else exact_ends
            if window >= exact:
                column = store.column[measure]
                counts[window, measure] = sums[column] if column >= 0 else 0.0


@compiled_inline
def _list_items(ring: Ints, held: int, item: int, items: Ints) -> None:
    """Fill `items` with what the ring's calls show of `item`."""
    for place in range(held):
        if item == spec.PREFIX:
            items[place] = counting.prefix_of(ring[place, slots.FACTS])
        elif item == spec.PEER:
            items[place] = counting.peer_of(ring[place, slots.PARTIES])
        else:
            items[place] = counting.other_of(ring[place, slots.PARTIES])


@compiled_inline
def _distinct_ring(items: Ints, held: int, nearest: Ints, distinct: Floats) -> None:
    """Fill `distinct` (5,) with exact numbers of different items among the ring's calls."""
    distinct[:] = 0.0
    for place in range(held):
        if nearest[place] == spec.N_WINDOWS:
            continue
        is_first = True
        for rival in range(held):
            is_closer = nearest[rival] < nearest[place] or (nearest[rival] == nearest[place] and rival < place)
            if is_closer and items[rival] == items[place]:
                is_first = False
                break
        if is_first:
            distinct[nearest[place]] += 1.0
    for window in range(1, spec.N_WINDOWS):
        distinct[window] += distinct[window - 1]


@compiled_inline
def _filled(registers: NDArray[np.uint32], others: NDArray[np.uint32], since_s: np.uint32) -> int:
    """Number of registers later than `since_s`, those of `others` merged in where it is not empty."""
    filled = 0
    if len(others) == 0:
        for register in range(len(registers)):
            filled += registers[register] > since_s
    else:
        for register in range(len(registers)):
            filled += max(registers[register], others[register]) > since_s
    return filled


@compiled_inline
def _estimate(registers: NDArray[np.uint32], others: NDArray[np.uint32], linear: Floats, since_s: int) -> float:
    """Distinct items later than `since_s` from a multiresolution bitmap; `others` is merged where it is not empty."""
    width = len(linear) - 1
    levels = len(registers) // width
    estimate = 0.0
    for level in range(levels - 1, -1, -1):
        start, stop = level * width, (level + 1) * width
        filled = _filled(registers[start:stop], others[start:stop], np.uint32(since_s))
        if filled > FULLEST * width and level < levels - 1:
            # This and every finer resolution is saturated: the coarser ones saw 1 item in 2**(level + 1).
            return estimate * math.ldexp(1.0, level + 1)
        estimate += float(linear[filled])
    return estimate


@compiled_inline
def _is_stale(made: Ints, now_ms: int, window: int, attempts: float) -> bool:
    """Tell whether the distinct estimates of one window are too old."""
    age_ms = abs(now_ms - made[0])
    return bool(made[1] * REFRESH_SHARE >= attempts or age_ms * REFRESH_PARTS >= spec.WINDOW_MS[window])


@compiled_inline
def _refresh(store: Store, slot: int, now_ms: int, window: int) -> None:
    """Make the distinct estimates of one window anew."""
    made = store.refreshed[slot, window]
    since_s = (now_ms - spec.WINDOW_MS[window]) // spec.SECOND_MS
    for place in range(store.sketches.shape[1]):
        registers = store.sketches[slot, place]
        others = store.other_sketches[slot, place] if len(store.other_sketches) > 0 else registers[:0]
        store.estimates[slot, place, window] = _estimate(registers, others, store.linear, since_s)
    made[0] = now_ms
    made[1] = 0


@compiled_borrowing
def read(
    store: Store,
    slot: int,
    now_ms: int,
    wanted: NDArray[np.bool_],
    counts: Floats,
    distinct: Floats,
    ring_scratch: Ints,
    pane_scratch: Floats,
) -> None:
    """Read all windows of `slot` at `now_ms`.

    Args:
        store: The family.
        slot: The key's slot.
        now_ms: Time of the call that asks.
        wanted: (5,), windows whose distinct counts are asked for.
        counts: (5, N_MEASURES), filled.
        distinct: (N_ITEMS, 5), filled for the wanted windows; never above the attempts.
        ring_scratch: (2, RING), overwritten.
        pane_scratch: (N_MEASURES,), overwritten.
    """
    counts[:] = 0.0
    state = store.state[slot]
    nearest, items_held = ring_scratch[0], ring_scratch[1]
    held = state[slots.RING_COUNT]
    exact_setups = _exact_windows(store, slot, now_ms, state[slots.EVICTED_SETUP_MS])
    exact_ends = _exact_windows(store, slot, now_ms, state[slots.EVICTED_END_MS])
    limit = max(exact_setups, exact_ends)
    if limit > 0:
        _count_ring(store.ring[slot], held, now_ms, limit, counts, nearest)
    if min(exact_setups, exact_ends) < spec.N_WINDOWS:
        _merge_windows(store, slot, now_ms, exact_setups, exact_ends, counts, pane_scratch)
    items = store.sketches.shape[1]
    if exact_setups > 0:
        for place in range(items):
            item = spec.KEPT_ITEMS[place]
            _list_items(store.ring[slot], held, item, items_held)
            _distinct_ring(items_held, held, nearest, distinct[item])
    for window in range(exact_setups, spec.N_WINDOWS):
        if wanted[window]:
            attempts = counts[window, spec.ATTEMPTS]
            if _is_stale(store.refreshed[slot, window], now_ms, window, attempts):
                _refresh(store, slot, now_ms, window)
            for place in range(items):
                estimate = np.float64(store.estimates[slot, place, window])
                distinct[spec.KEPT_ITEMS[place], window] = max(1.0, min(attempts, estimate))
