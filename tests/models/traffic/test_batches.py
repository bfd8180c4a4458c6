"""A stream is cut into lists that hold every item once, in order."""

import pytest

from models.traffic.batches import batches


@pytest.mark.parametrize(
    ("count", "lists"),
    [(0, []), (2, [[0, 1]]), (3, [[0, 1, 2]]), (7, [[0, 1, 2], [3, 4, 5], [6]])],
)
def test_every_item_is_in_one_list(count: int, lists: list[list[int]]) -> None:
    """None of them is empty."""
    assert list(batches(range(count), 3)) == lists


def test_no_more_than_one_list_is_read_ahead() -> None:
    """A day of traffic does not fit into memory."""
    read: list[int] = []

    def items() -> object:
        for item in range(100):
            read.append(item)
            yield item

    next(batches(items(), 4))  # type: ignore[arg-type]
    assert read == [0, 1, 2, 3]
