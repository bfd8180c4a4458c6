"""Writing one event into the row of a busy key: exact calls, panes, sketches. Compiled.

Panes and sketches are used from the first call on that the exact ones have no room for: then all of these are written
to them too, and from then on each event, until a day without any has passed. So most rows never touch them.
What is not held exactly is remembered by the latest such time: a window that starts at or after it is exact.
"""

from detector.columns import numbering
from detector.columns.arrays import Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.integers import LOW_16, LOW_32, as_int, as_unsigned, difference
from detector.features import window_constants
from detector.windows import exact_calls, key_store, sketches
from detector.windows.key_store import Store
from detector.windows.layout import (
    ASTRAY,
    AT,
    EVICTED_END_AGE,
    EVICTED_SETUP_AGE,
    FIRST_AGE,
    HELD,
    IS_PANED,
    LAST_CALLED,
    LAST_SETUP_AGE,
    LATEST_MS,
    R_END,
    R_FACTS,
    R_PEER,
    R_SECOND,
    R_SETUP,
    SINCE,
    START,
    WIDTH,
    WORD,
)

ASTRAY_LIMIT = 16
_QUARTER = 16
_SETUPS = (1 << window_constants.N_SETUP_MEASURES) - 1


@compiled_borrowing
def _clear(store: Store, slot: int) -> None:
    """Clear panes, sketches and remembered estimates."""
    plan = store.plan
    size = 4 if plan[AT.is_wide] else 2
    for word in range(plan[AT.panes] * size // WORD, plan[AT.sketches_end] // WORD):
        store.w64[slot, word] = 0
    if plan[AT.is_wide]:
        for word in range(plan[AT.estimates], plan[AT.estimates] + 2 * (2 + plan[AT.items])):
            store.w64[slot, word] = 0


@compiled_borrowing
def _watch_clock(store: Store, slot: int, time_ms: int) -> None:
    """Start the windows of `slot` again at `time_ms` after `ASTRAY_LIMIT` events in a row that are a day late.

    One event with a clock far ahead would otherwise hide all that follow until they catch up with it.
    """
    pane_ms = window_constants.PANE_MS[window_constants.W24H]
    if store.w64[slot, LATEST_MS] // pane_ms - time_ms // pane_ms < window_constants.N_PANES:
        store.w16[slot, ASTRAY] = 0
        return
    store.w16[slot, ASTRAY] += 1
    if store.w16[slot, ASTRAY] < ASTRAY_LIMIT:
        return
    _clear(store, slot)
    store.w16[slot, ASTRAY] = 0
    store.w8[slot, HELD] = 0
    store.w64[slot, LATEST_MS] = time_ms
    # What came before this instant is no longer known: the exact calls must not claim to be all.
    store.w8[slot, IS_PANED] = 1
    for column in (FIRST_AGE, LAST_SETUP_AGE, EVICTED_SETUP_AGE, EVICTED_END_AGE):
        store.w32[slot, column] = 0


@compiled_borrowing
def _advance_panes(store: Store, slot: int, time_ms: int, indexes: Ints) -> None:
    """Clear the panes that come into use between the row's latest event and `time_ms`, shortest windows first."""
    plan, latest_ms = store.plan, store.w64[slot, LATEST_MS]
    for window in range(window_constants.N_WINDOWS):
        head, target = latest_ms // window_constants.PANE_MS[window], indexes[window]
        if head == target:
            break  # each pane of a longer window is made of whole panes of the shorter one
        start, width = store.columns[window, START], store.columns[window, WIDTH]
        for index in range(max(head + 1, target - window_constants.N_PANES + 1), target + 1):
            first = start + index % window_constants.N_PANES * width
            for column in range(first, first + width):
                if plan[AT.is_wide]:
                    store.w32[slot, column] = 0
                else:
                    store.w16[slot, column] = 0
    unit = plan[AT.unit_ms]
    sketches.move_on(store.w8[slot], plan[AT.sketch_0], plan[AT.sketches_end], latest_ms // unit, time_ms // unit)


@compiled_inline
def advance(store: Store, slot: int, time_ms: int, indexes: Ints) -> None:
    """Move the clock of `slot` on to `time_ms` where that is later than all before."""
    passed_ms = time_ms - store.w64[slot, LATEST_MS]
    if passed_ms <= 0:
        if passed_ms < 0:
            _watch_clock(store, slot, time_ms)
        return
    if passed_ms > window_constants.DAY_MS:
        exact_calls.drop_stale(store, slot, time_ms)
    if store.w8[slot, IS_PANED]:
        pane_ms = window_constants.PANE_MS[window_constants.W24H]
        if indexes[window_constants.W24H] - store.w64[slot, LATEST_MS] // pane_ms >= window_constants.N_PANES:
            _clear(store, slot)
            store.w8[slot, IS_PANED] = store.plan[AT.is_wide]
        else:
            _advance_panes(store, slot, time_ms, indexes)
    store.w64[slot, LATEST_MS] = time_ms
    store.w16[slot, ASTRAY] = 0
    exact_calls.make_older(store, slot, FIRST_AGE, passed_ms)
    exact_calls.make_older(store, slot, LAST_SETUP_AGE, passed_ms)
    exact_calls.make_older(store, slot, EVICTED_SETUP_AGE, passed_ms)
    exact_calls.make_older(store, slot, EVICTED_END_AGE, passed_ms)


@compiled_inline
def _add(store: Store, slot: int, at: int, amount: int) -> None:
    """Add to one pane's count, which stays at the most that it can hold."""
    if store.plan[AT.is_wide]:
        count = as_unsigned(store.w32[slot, at]) + amount
        store.w32[slot, at] = min(count, LOW_32)
    else:
        store.w16[slot, at] = min(as_int(store.w16[slot, at]) + amount, LOW_16)


@compiled_inline
def _add_talk(store: Store, slot: int, at: int, talk_s: int) -> None:
    if store.plan[AT.is_wide]:
        _add(store, slot, at, talk_s)
        return
    total = as_int(store.w16[slot, at]) + (as_int(store.w16[slot, at + 1]) << _QUARTER) + talk_s
    total = min(total, LOW_32)
    store.w16[slot, at] = total & LOW_16
    store.w16[slot, at + 1] = total >> _QUARTER


@compiled_borrowing
def add_to_panes(store: Store, slot: int, time_ms: int, flags: int, talk_s: int) -> None:
    """Count `flags` (and talk time) in the panes of `time_ms`, as far as they are still held."""
    for window in range(window_constants.N_WINDOWS):
        length = window_constants.PANE_MS[window]
        index = time_ms // length
        if store.w64[slot, LATEST_MS] // length - index >= window_constants.N_PANES:
            continue
        start = store.columns[window, START] + index % window_constants.N_PANES * store.columns[window, WIDTH]
        rest, measure = flags, 0
        while rest != 0:
            column = store.column[window, measure]
            if rest & 1 and column >= 0:
                _add(store, slot, start + column, 1)
            rest >>= 1
            measure += 1
        column = store.column[window, window_constants.TALK_S]
        if talk_s > 0 and column >= 0:
            _add_talk(store, slot, start + column, talk_s)


@compiled_borrowing
def add_to_sketches(store: Store, slot: int, time_ms: int, peer: int, second: int) -> None:
    """Note the parties of a call for the distinct counts."""
    plan = store.plan
    stamp = time_ms // plan[AT.unit_ms] - sketches.base_of(store.w64[slot, LATEST_MS] // plan[AT.unit_ms])
    sketches.note_parties(plan, store.w8[slot], stamp, peer, second)
    if plan[AT.is_wide]:
        store.w64[slot, plan[AT.estimates] + SINCE] += 1
        store.w64[slot, plan[AT.estimates] + 2 + plan[AT.items] + SINCE] += 1


@compiled_borrowing
def use_panes(store: Store, slot: int) -> None:
    """Write the exact calls to panes and sketches too, unless it is done."""
    if store.w8[slot, IS_PANED]:
        return
    store.w8[slot, IS_PANED] = 1
    latest_ms = store.w64[slot, LATEST_MS]
    for place in range(as_int(store.w8[slot, HELD])):
        facts = as_int(store.w32[slot, R_FACTS + place])
        setup_ms = exact_calls.time_of(store.w32[slot, R_SETUP + place], latest_ms)
        peer, second = store.w32[slot, R_PEER + place], store.w32[slot, R_SECOND + place]
        add_to_panes(store, slot, setup_ms, exact_calls.setup_flags(facts), 0)
        add_to_sketches(store, slot, setup_ms, as_int(peer), as_int(second))
        end = store.w32[slot, R_END + place]
        if end != 0:
            end_ms = exact_calls.time_of(end, latest_ms)
            add_to_panes(store, slot, end_ms, exact_calls.end_flags(facts), exact_calls.talk_of(facts))


@compiled_inline
def is_sequential(last: int, called: int) -> bool:
    """Tell whether `called` (11 digits, 0 = not NANP) is up to 10 from the number with the low 32 bits `last`.

    Another number 4,294,967,296 further would look the same, which no NANP number of the same block is.
    """
    step = difference(called, last)
    same_block = called // numbering.SUBSCRIBER_RANGE == (called - step) // numbering.SUBSCRIBER_RANGE
    return called != 0 and last != 0 and 0 < abs(step) <= window_constants.SEQUENTIAL_REACH and same_block


@compiled_inline
def begin(store: Store, slot: int) -> None:
    """Make a new slot one of a key that was never called; keys of very many calls use panes at once."""
    store.w8[slot, IS_PANED] = store.plan[AT.is_wide]
    for column in (LAST_SETUP_AGE, EVICTED_SETUP_AGE, EVICTED_END_AGE):
        store.w32[slot, column] = -1  # NEVER


@compiled_borrowing
def record_setup(
    store: Store, slot: int, time_ms: int, indexes: Ints, peer: int, second: int, flags: int, dialled: int
) -> int:
    """Count one call set-up; returns how long before it the key's previous call was in ms, `NEVER` for the first one.

    `dialled` is the called number's digits (0 = not NANP), for sequential dialling.
    """
    key_store.touch(store, slot)
    advance(store, slot, time_ms, indexes)
    latest_ms, previous = store.w64[slot, LATEST_MS], exact_calls.age_of(store, slot, LAST_SETUP_AGE)
    if is_sequential(store.w32[slot, LAST_CALLED], dialled):
        flags |= 1 << window_constants.SEQUENTIAL
    store.w32[slot, LAST_CALLED] = dialled
    first = exact_calls.age_of(store, slot, FIRST_AGE)
    store.w32[slot, FIRST_AGE] = max(first, min(latest_ms - time_ms, exact_calls.NEVER - 1))
    exact_calls.remember_later(store, slot, LAST_SETUP_AGE, time_ms)
    if store.w8[slot, HELD] == window_constants.RING:
        use_panes(store, slot)
    exact_calls.keep_call(store, slot, time_ms, 0, peer, second, exact_calls.pack_facts(flags, 0))
    if store.w8[slot, IS_PANED]:
        add_to_panes(store, slot, time_ms, flags & _SETUPS, 0)
        add_to_sketches(store, slot, time_ms, peer, second)
    if previous == exact_calls.NEVER:
        return previous
    return int(max(0, previous - (latest_ms - time_ms)))


@compiled_borrowing
def record_end(
    store: Store, slot: int, setup_ms: int, end_ms: int, indexes: Ints, peer: int, flags: int, talk_s: int
) -> None:
    """Count the end of a call, matched to its set-up where that is held exactly."""
    key_store.touch(store, slot)
    advance(store, slot, end_ms, indexes)
    talk_s = min(talk_s, exact_calls.TALK_LIMIT_S)
    place = exact_calls.open_call(store, slot, setup_ms, peer)
    if place >= 0:
        facts = as_int(store.w32[slot, R_FACTS + place])
        store.w32[slot, R_END + place] = exact_calls.end_bits(end_ms)
        store.w32[slot, R_FACTS + place] = exact_calls.pack_facts(exact_calls.setup_flags(facts) | flags, talk_s)
    else:
        # What is not held exactly needs panes.
        use_panes(store, slot)
        exact_calls.remember_later(store, slot, EVICTED_END_AGE, end_ms)
    if store.w8[slot, IS_PANED]:
        add_to_panes(store, slot, end_ms, flags, talk_s)
