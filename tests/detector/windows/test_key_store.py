"""The store of a family against a plain dictionary in order of use: probing, gaps, free slots, the bound."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.columns.hashing import HASHED
from detector.features.window_constants import NUMBER
from detector.windows import key_store
from detector.windows.key_store import (
    acquire,
    find,
    find_low,
    forget,
    home_of,
    make_store,
    partition_of,
    release,
    touch,
)
from detector.windows.layout import KEY

SLOTS = 4
LOW_PARTS = (0, 1, 1 << 30, 1 << 31, (1 << 32) - 1)
"""Of keys: they begin the search at the same place, at the next one, and at the last home of the table."""
MANY = 512
NEAR = (1 << 32) // (key_store.TABLE_LOAD * MANY)
"""So far apart, by their low 32 bits, are keys that begin the search next to each other in a store of so many."""

keys = st.builds(lambda high, low: HASHED | high << 33 | low, st.integers(0, 5), st.sampled_from(LOW_PARTS))
steps = st.lists(st.tuples(st.sampled_from(["use", "use", "use", "drop"]), keys), max_size=60)


@settings(max_examples=150)
@given(steps)
@example([("use", HASHED | high << 33 | LOW_PARTS[-1]) for high in range(6)])
def test_a_store_is_a_bounded_map_in_order_of_use(history: list[tuple[str, int]]) -> None:
    """At the bound the key that was used longest ago goes; whatever came and went, every key is found or is not."""
    store, known, evicted = make_store(NUMBER, SLOTS, is_cold=True), dict[int, None](), 0
    for what, key in history:
        slot = find(store, key)
        assert (slot >= 0) == (key in known)
        if what == "drop":
            if slot >= 0:
                release(store, slot)
                del known[key]
            continue
        if slot >= 0:
            touch(store, slot)
            del known[key]
        elif len(known) == SLOTS:
            del known[next(iter(known))]
            evicted += 1
        if slot < 0:
            slot = acquire(store, key, 0, 1_000)
        assert store.w64[slot, KEY] == key
        known[key] = None

    for _, key in history:
        assert (find(store, key) >= 0) == (key in known)
    assert store.scalars[key_store.USED] == len(known)
    assert store.scalars[key_store.EVICTIONS] == evicted


def _check_searches(store: key_store.Store) -> None:
    """Whatever stands in the table is found in as many steps as are allowed; nothing stands there twice."""
    slots = (store.table & ((1 << int(store.scalars[key_store.SLOT_BITS])) - 1)).astype(np.int64) - 1
    places = np.flatnonzero(slots >= 0)
    taken = store.w64[slots[places], KEY]
    assert len(set(taken.tolist())) == len(taken) == store.scalars[key_store.USED]
    for place, key in zip(places.tolist(), taken.tolist(), strict=True):
        home = home_of(store, key)
        assert home <= place < home + key_store.LONGEST_SEARCH
        assert (store.table[home:place] != 0).all()
        assert store.w64[find(store, key), KEY] == key


chosen = st.builds(
    lambda home, high: HASHED | high << 33 | (home * NEAR + 1), st.integers(0, 9) | st.just(1_023), st.integers(0, 80)
)


@settings(max_examples=60)
@given(st.lists(st.tuples(chosen, st.booleans()), min_size=300, max_size=900), st.integers(0, 3))
@example([(HASHED | high << 33 | 1, False) for high in range(300)], 0)
@example([(HASHED | (home * NEAR + 1) | at << 33, False) for at in (0, 1) for home in range(200)], 3)
def test_a_search_ends_whatever_keys_were_chosen(uses: list[tuple[int, bool]], drops: int) -> None:
    """Keys that collide push each other out, the longest idle ones; one goes for one that comes, and it is counted."""
    store, known = make_store(NUMBER, MANY, is_cold=True), set[int]()
    for at_ms, (key, is_dropped) in enumerate(uses):
        slot = find(store, key)
        assert (slot >= 0) == (key in known)
        if slot >= 0 and is_dropped and drops:
            release(store, slot)
            known.discard(key)
        elif slot < 0:
            before = store.scalars[key_store.EVICTIONS]
            acquire(store, key, 0, at_ms)
            gone = (
                {other for other in known if find(store, other) < 0}
                if before < store.scalars[key_store.EVICTIONS]
                else set()
            )
            assert len(gone) == store.scalars[key_store.EVICTIONS] - before
            known = known - gone | {key}
    assert all(find(store, key) >= 0 for key in known)
    _check_searches(store)


def test_keys_that_were_given_up_leave_their_places_to_others() -> None:
    """A gap in the midst of a long run of keys cannot be closed in a few steps: a search passes over what is left."""
    store = make_store(NUMBER, MANY, is_cold=True)
    run = [HASHED | at << 33 | (home * NEAR + 1) for home in range(200) for at in ((0, 1) if home == 0 else (0,))]
    for at_ms, key in enumerate(run):
        acquire(store, key, 0, at_ms)
    release(store, find(store, run[0]))

    assert all(find(store, key) >= 0 for key in run[1:])
    assert np.count_nonzero(store.table == key_store.GONE) == 1
    _check_searches(store)
    for high in range(2, 9):  # they find the place that was left
        acquire(store, HASHED | high << 33 | (100 * NEAR + 1), 0, 1_000)
    assert np.count_nonzero(store.table == key_store.GONE) == 0
    assert all(find(store, key) >= 0 for key in run[1:])
    _check_searches(store)


@pytest.mark.parametrize("partition", [-1, 0, 1, 32_767])
def test_a_key_is_of_its_partition(partition: int) -> None:
    """-1 is what all partitions share. Forgetting a partition leaves the others."""
    store = make_store(NUMBER, SLOTS, is_cold=True)
    mine, other = acquire(store, HASHED | 1, partition, 0), acquire(store, HASHED | 2, 5, 0)

    assert (partition_of(store, mine), partition_of(store, other)) == (partition, 5)
    forget(store, partition, 0, SLOTS)
    assert (find(store, HASHED | 1), find(store, HASHED | 2)) == (-1, other)


def test_a_key_is_found_by_its_low_32_bits() -> None:
    store = make_store(NUMBER, SLOTS, is_cold=True)
    slot = acquire(store, HASHED | 7 << 33 | 99, 0, 0)

    assert find_low(store, 99) == slot
    assert find_low(store, 98) == -1


def test_a_released_row_is_empty_for_the_next_key() -> None:
    store = make_store(NUMBER, 1, is_cold=True)
    slot = acquire(store, HASHED | 1, 3, 1_000)
    store.w64[slot, 6] = 42
    release(store, slot)

    again = acquire(store, HASHED | 2, 0, 2_000)

    assert again == slot
    assert store.w64[again, 6] == 0
    assert np.count_nonzero(store.table) == 1
