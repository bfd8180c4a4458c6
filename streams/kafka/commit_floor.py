"""Offsets that were offered to the group: in one generation none is followed by a lower one. Pure, knows no Kafka.

Several tasks commit: the one that does so every half second, the last one before a rebalance, and the one that asks
after a standstill whether partitions are still ours, which says what it knows. Each may know less than was said since.
"""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class CommitFloor(Generic[P]):
    """The highest offset of each partition that was offered in one generation. Used on the event loop alone."""

    __slots__ = ("_generation", "_highest")

    def __init__(self) -> None:
        self._generation = -1
        self._highest: dict[P, int] = {}

    def raised(self, generation: int, offsets: Mapping[P, int]) -> dict[P, int]:
        """Offsets to be offered now: the given ones, or what was offered before in this generation where that is more.

        What was offered was answered, whether or not the group has taken it.
        """
        if generation != self._generation:
            self._generation = generation
            self._highest.clear()
        found = {tp: max(offset, self._highest.get(tp, offset)) for tp, offset in offsets.items()}
        self._highest |= found
        return found

    def lower(self, tp: P, offset: int) -> None:
        """Note that a log goes on at `offset`, whatever stood behind it before: it was cut, or made again."""
        if tp in self._highest:
            self._highest[tp] = min(offset, self._highest[tp])
