"""What is said of a measure: in words that say what to do."""

import pytest

from streams.commands.budgets.telling import whose_is


@pytest.mark.parametrize(
    ("partitions", "of_workers", "said"),
    [
        (1, 12, "for replays; workers of 12 partition(s) need --partitions 12"),
        (2, 1, "for replays with --partitions 2; workers of 1 partition(s) need --partitions 1"),
        (12, 12, "for workers, and for replays with --partitions 12"),
        (1, 1, "for workers, and for replays"),
    ],
)
def test_it_is_said_who_goes_by_a_measure(partitions: int, of_workers: int, said: str) -> None:
    assert whose_is(partitions, of_workers) == said
