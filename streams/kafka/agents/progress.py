"""How many records a consumer of polls has still to answer."""

from collections.abc import Mapping
from typing import Any

Progress = Mapping[Any, tuple[int | None, int | None]]
"""By partition: the offset up to which everything is answered, and the end of the partition; None while unknown."""


def unanswered(reached: int | None, end: int | None) -> int:
    """Records of a partition; an unknown start counts as the first offset, an unknown end as none."""
    return 0 if end is None else max(0, end - (reached or 0))


def lags(app: Any) -> dict[int, int]:
    """Records to answer by number of each partition that is assigned to an application and whose end is known."""
    progress: Progress = app.consumer.progress()
    return {tp.partition: unanswered(reached, end) for tp, (reached, end) in progress.items() if end is not None}
