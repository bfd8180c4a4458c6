"""A sequence whose elements are made on demand: it behaves as a list of the same elements would."""

import pytest

from detector.columns.lazy_sequence import LazySequence


class Squares(LazySequence[int]):
    """Squares from 0; keeps which ones were asked for."""

    __slots__ = ("_count", "asked")

    def __init__(self, count: int) -> None:
        self._count = count
        self.asked: list[int] = []

    def __len__(self) -> int:  # noqa: D105
        return self._count

    def _make(self, index: int) -> int:
        self.asked.append(index)
        return index * index


def test_only_what_is_asked_for_is_made() -> None:
    squares = Squares(1_000)

    assert (squares[3], squares[-1], squares[5:7]) == (9, 998_001, [25, 36])
    assert squares.asked == [3, 999, 5, 6]


def test_it_is_equal_to_any_sequence_of_equal_elements() -> None:
    assert Squares(3) == [0, 1, 4] == list(Squares(3))
    assert Squares(3) == Squares(3)
    assert Squares(3) != [0, 1]
    assert Squares(3) != 3
    assert Squares(0) == []


def test_beyond_its_end_there_is_nothing() -> None:
    with pytest.raises(IndexError):
        Squares(3)[3]


def test_it_cannot_be_a_key() -> None:
    """What it is equal to may be a list."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Squares(3))
