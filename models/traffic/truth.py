"""What a call was: the truth that generated traffic tells and that label files carry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

ROBOCALL = "robocall"
LEGITIMATE = "legitimate"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a call was."""

    is_robocall: bool
    campaign: str
    kind: str


def batches(events: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut a stream into lists of at most `size`."""
    batch: list[Any] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
