"""Narrow integers in 64-bit arithmetic, as compiled code uses them, against Python's own integers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.compiled import compiled_borrowing
from detector.columns.integers import as_int, as_unsigned, difference

ANY = st.integers(-(2**31), 2**31 - 1)


@compiled_borrowing
def _widened(narrow: np.ndarray, found: np.ndarray) -> None:
    for row in range(len(narrow)):
        found[row, 0] = as_int(narrow[row])
        found[row, 1] = as_unsigned(narrow[row])


@given(st.lists(ANY))
def test_32_bits_are_read_with_and_without_their_sign(numbers: list[int]) -> None:
    found = np.zeros((len(numbers), 2), np.int64)

    _widened(np.array(numbers, np.int32), found)

    assert found.tolist() == [[number, number % 2**32] for number in numbers]


@given(st.integers(0, 2**60), ANY)
def test_a_difference_of_which_32_bits_are_known_is_the_nearest_one(one: int, step: int) -> None:
    """From the low 32 bits of a time the whole time is found again."""
    assert difference((one + step) % 2**32, one) == step
