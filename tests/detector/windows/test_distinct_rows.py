"""First rows of pairs, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.windows.distinct_rows import first_rows

KEYS = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))


@given(st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=60), st.integers(1, 3))
def test_each_pair_is_found_where_it_stands_first(pairs: list[tuple[int, int]], step: int) -> None:
    """Whatever the keys, also of columns whose values do not stand side by side in memory."""
    one, other = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    one, other = np.repeat(one, step)[::step], np.repeat(other, step)[::step]
    firsts: dict[tuple[int, int], int] = {}
    for row, pair in enumerate(pairs):
        firsts.setdefault(pair, row)

    assert first_rows(one, other).tolist() == list(firsts.values())
