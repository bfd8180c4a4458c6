"""The group score in hindsight, against a slow twin that walks over all pairs of calls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.windows.group_memory import DOUBT
from models.adapt.group_score import REACH_MS, group_score

CALL = st.tuples(st.floats(-9, 9), st.integers(0, 40), st.integers(0, 3), st.integers(0, 3), st.integers(-2, 2))


def slow(margins: list[float], at_ms: list[int], keys: list[list[int]], reach_ms: int) -> list[float]:
    """As the text says it."""
    found = []
    for i, margin in enumerate(margins):
        means = []
        for key in keys:
            others = [
                margins[j]
                for j in range(len(margins))
                if j != i and key[i] != 0 and key[j] == key[i] and abs(at_ms[j] - at_ms[i]) <= reach_ms
            ]
            n = len(others)
            means.append(sum(others) / n * (n / (n + DOUBT)) if n else 0.0)
        found.append(margin + max(means))
    return found


@given(st.lists(CALL, max_size=30), st.integers(0, 15))
def test_it_is_the_margin_and_the_largest_mean_of_others(
    calls: list[tuple[float, int, int, int, int]], reach_ms: int
) -> None:
    """Times tie and come in any order, keys may be none or negative, windows end at both sides."""
    margins, at_ms = [one[0] for one in calls], [one[1] for one in calls]
    keys = [[one[2] for one in calls], [one[3] for one in calls], [one[4] for one in calls]]

    found = group_score(
        np.array(margins), np.array(at_ms, np.int64), [np.array(key, np.int64) for key in keys], reach_ms
    )

    assert found == pytest.approx(slow(margins, at_ms, keys, reach_ms), abs=1e-9)


def test_a_quiet_call_amid_a_suspect_group_rises_above_one_alone() -> None:
    """Three others at 4 make 4 x 3 / 6 = 2; beyond four hours they make nothing."""
    margins = np.array([4.0, 4.0, 4.0, -1.0, -1.0])
    at_ms = np.array([0, 1, 2, 3, 3 + REACH_MS], np.int64)
    key = np.array([5, 5, 5, 5, 5], np.int64)

    found = group_score(margins, at_ms, [key, np.zeros(5, np.int64)])

    assert found[3] == pytest.approx(-1.0 + (4 * 3 - 1) / (4 + DOUBT))
    assert found[4] == pytest.approx(-1.0 + max(-1.0 / (1 + DOUBT), 0.0))
