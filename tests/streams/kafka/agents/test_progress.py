"""Records that are still to be answered."""

from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.kafka.agents.progress import lags, unanswered


@pytest.mark.parametrize(
    ("reached", "end", "left"),
    [(7, 10, 3), (None, 10, 10), (10, 10, 0), (11, 10, 0), (7, None, 0)],
    ids=["some", "unknown start", "none", "beyond", "unknown end"],
)
def test_records_between_what_is_answered_and_the_end_are_left(reached: int | None, end: int | None, left: int) -> None:
    assert unanswered(reached, end) == left


def test_a_partition_whose_end_is_unknown_has_no_lag() -> None:
    progress = {TP("calls", 0): (7, 10), TP("calls", 1): (7, None), TP("calls", 4): (None, 2)}
    assert lags(SimpleNamespace(consumer=SimpleNamespace(progress=lambda: progress))) == {0: 3, 4: 2}
