"""The store of a family against a plain dictionary in order of use: probing, gaps, free slots, the bound."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.columns.hashing import HASHED
from detector.features.window_constants import NUMBER
from detector.windows import key_store
from detector.windows.key_store import acquire, find, find_low, forget, make_store, partition_of, release, touch
from detector.windows.layout import KEY

SLOTS = 4
LOW_PARTS = (0, 1, 1 << 30, 1 << 31, (1 << 32) - 1)
"""Of keys: they begin the search at the same place, at the next one, and at the last one of the table."""

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
