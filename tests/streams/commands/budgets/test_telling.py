"""What is said of a measure: in words that say what to do."""

import msgspec
import pytest

from streams.commands.budgets.telling import held_back, whose_is
from tests.models.budgets.measures import measure_of


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


def test_a_threshold_that_the_step_holds_back_is_said_with_what_the_budget_allows() -> None:
    """Not one that must rise: the measure complains of that itself."""
    measure = measure_of("gbt-0123456789ab", label=6.884)
    assert measure.label is not None
    assert held_back(measure) == []
    lower, higher = (msgspec.structs.replace(measure.label, wanted_margin=margin) for margin in (3.8441, 9.0))

    (said,) = held_back(msgspec.structs.replace(measure, label=lower))

    assert said.startswith("labels could begin at margin 3.844, the budget allows it, but")
    assert "measure again until it stays, or with --afresh" in said
    assert held_back(msgspec.structs.replace(measure, label=higher)) == []
