"""A key of one call: when it must move to a bigger row, and that it moves with all that is known of it."""

import numpy as np
import pytest

from detector.columns.hashing import HASHED
from detector.features.window_constants import (
    ANSWERED,
    ATTEMPTS,
    DAY_MS,
    ENDED,
    N_ITEMS,
    N_MEASURES,
    N_WINDOWS,
    NUMBER,
    SHORT,
    TALK_S,
    W1H,
    W24H,
)
from detector.windows import cold
from detector.windows.key_store import Store, acquire, find, make_store
from detector.windows.reading import make_scratch, read

NOW_MS = 1_700_000_000_000
KEY, PEER, SECOND, DIALLED = HASHED | 77, 11, 22, 13_105_550_100


def one_call(*, ended_after_ms: int | None = None) -> tuple[Store, int]:
    """A store with one key, whose call was set up at `NOW_MS`."""
    store = make_store(NUMBER, 4, is_cold=True)
    slot = acquire(store, KEY, 0, NOW_MS)
    cold.record_first(store, slot, PEER, SECOND, 1 << ATTEMPTS, DIALLED)
    if ended_after_ms is not None:
        cold.record_end(store, slot, NOW_MS + ended_after_ms, 1 << ENDED | 1 << ANSWERED | 1 << SHORT, 4)
    return store, slot


#  set-up          end                          + 24 h of the end
#  s---------------e---------------------------------|
#  |   one more call must find a bigger row          | or takes the place of the call
@pytest.mark.parametrize(
    ("ended_after_ms", "later_ms", "moves"),
    [
        (None, 0, True),
        (None, DAY_MS - 1, True),
        (None, DAY_MS, False),
        (60_000, DAY_MS, True),
        (60_000, DAY_MS + 59_999, True),
        (60_000, DAY_MS + 60_000, False),
    ],
)
def test_a_key_moves_while_its_call_is_of_the_last_day(
    ended_after_ms: int | None, later_ms: int, *, moves: bool
) -> None:
    """Half-open: exactly a day after its end no window has it any more."""
    store, slot = one_call(ended_after_ms=ended_after_ms)

    assert cold.must_move(store, slot, NOW_MS + later_ms) == moves


@pytest.mark.parametrize(
    ("setup_ms", "end_ms", "peer", "is_its_own"),
    [
        (NOW_MS, NOW_MS + 5_000, PEER, True),
        (NOW_MS + 1, NOW_MS + 5_000, PEER, False),
        (NOW_MS, NOW_MS + 5_000, PEER + 1, False),
        (NOW_MS, NOW_MS + 2**31, PEER, False),
    ],
)
def test_an_end_is_that_of_the_call_by_set_up_and_party(
    setup_ms: int, end_ms: int, peer: int, *, is_its_own: bool
) -> None:
    store, slot = one_call()

    assert cold.has_open_call(store, slot, setup_ms, end_ms, peer) == is_its_own


def test_a_call_ends_once() -> None:
    store, slot = one_call(ended_after_ms=5_000)

    assert not cold.has_open_call(store, slot, NOW_MS, NOW_MS + 5_000, PEER)


@pytest.mark.parametrize("ended_after_ms", [None, 5_000])
def test_a_key_that_moves_reads_as_before(ended_after_ms: int | None) -> None:
    """Counts and distinct counts of all windows, an instant after the end; the cold row is free again."""
    store, slot = one_call(ended_after_ms=ended_after_ms)
    hot = make_store(NUMBER, 2)
    before, after = (np.zeros((N_WINDOWS, N_MEASURES)) for _ in range(2))
    items, more_items = (np.zeros((N_ITEMS, N_WINDOWS)) for _ in range(2))
    cold.read(store, slot, NOW_MS + 6_000, before, items)

    moved = cold.move(store, slot, hot)
    read(hot, moved, NOW_MS + 6_000, after, more_items, make_scratch())

    np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(more_items[:, [W1H, W24H]], items[:, [W1H, W24H]])
    assert before[W24H, ATTEMPTS] == 1
    assert before[W24H, TALK_S] == (0 if ended_after_ms is None else 4)
    assert (find(store, KEY), find(hot, KEY)) == (-1, moved)
