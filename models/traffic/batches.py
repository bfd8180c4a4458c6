"""Cut a stream of anything into lists."""

from collections.abc import Iterable, Iterator
from typing import Any


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut a stream into lists of `size`, the last one of what is left; no list is empty.

    Args:
        items: the stream; of it at most `size` items are held.
        size: at least 1.
    """
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
