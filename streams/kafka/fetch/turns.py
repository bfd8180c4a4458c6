"""Whose records are handed out next: partitions take turns, and what one of them has too much of waits.

A plain call takes microseconds, a dear one a hundred of them, and one fetch may bring thousands of them. So a poll is
as large as those that were screened last allow. What is left of a fetch waits here, and goes on together with what was
fetched of other partitions meanwhile: no call waits for all that another partition has. Nothing here blocks or raises.
"""

from collections.abc import Callable, Iterable, KeysView, Sequence
from collections.abc import Set as AbstractSet

from streams.kafka.fetched import Partition, Rows


class Turns:
    """What was fetched and not handed out. Used on the event loop alone.

    Args:
        most: records of a poll at most, while they are plain.
        on_screened: called whenever a poll was screened.
    """

    __slots__ = ("_bound", "_dropped", "_fetched_in", "_handed_out", "_most", "_on_screened", "_screened", "_waiting")

    def __init__(self, most: int, on_screened: Callable[[], object]) -> None:
        self._bound = most
        self._most: int | None = None
        self._on_screened = on_screened
        self._waiting: dict[Partition, Rows] = {}
        self._dropped: set[Partition] = set()
        self._fetched_in: object = None
        self._handed_out = self._screened = 0

    @property
    def waiting(self) -> KeysView[Partition]:
        """Partitions of which something waits; nothing more is to be fetched of them."""
        return self._waiting.keys()

    @property
    def is_behind(self) -> bool:
        """Whether something waits, and the latest poll was not screened yet: the next one may still grow."""
        return bool(self._waiting) and self._screened < self._handed_out

    def keep(self, fetched_in: object, may_read: Callable[[Partition], bool]) -> None:
        """Drop what waits of partitions that may not be read any more, and all of it when another time has begun.

        Args:
            fetched_in: says which time it is: whatever is fetched in another one has to be fetched again.
            may_read: whether a partition may be read.
        """
        if fetched_in != self._fetched_in:
            self._fetched_in = fetched_in
            self.drop()
        for tp in [tp for tp in self._waiting if not may_read(tp)]:
            del self._waiting[tp]
            self._dropped.add(tp)

    def miss(self, tps: Iterable[Partition]) -> None:
        """Note that fetched records of these partitions were dropped."""
        self._dropped.update(tps)

    def drop(self) -> None:
        """Drop all that waits."""
        self.miss(self._waiting)
        self._waiting.clear()
        self._screened = self._handed_out

    def take_dropped(self, ready: AbstractSet[Partition]) -> AbstractSet[Partition]:
        """Those of some partitions of which something was dropped: it has to be fetched again. Each is told once."""
        again = ready & self._dropped
        self._dropped -= again
        return again

    def add(self, tp: Partition, rows: Rows) -> None:
        """Have records wait. Of the partition nothing waits, and there is at least one record."""
        self._waiting[tp] = rows

    def take(self) -> list[tuple[Partition, Rows]]:
        """Take what the next poll is made of (`take`); nothing when nothing waits. While calls are dear, all share."""
        taken, left = take(list(self._waiting.items()), self._most or self._bound, share=self._most is not None)
        self._waiting = dict(left)
        return taken

    def hand_out(self) -> Callable[[int | None], object]:
        """Note that a poll is handed out.

        Returns:
            What is called when it was screened, with how many such records the next one may have: None where they are
            plain.
        """
        self._handed_out += 1
        number = self._handed_out

        def screened(most: int | None) -> None:
            self._most = None if most is None else min(most, self._bound)
            self._screened = max(self._screened, number)
            self._on_screened()

        return screened


def take(
    parts: Sequence[tuple[Partition, Rows]], limit: int, *, share: bool
) -> tuple[list[tuple[Partition, Rows]], list[tuple[Partition, Rows]]]:
    """Take at most `limit` records, at least 1. Partitions without records are left out.

    Args:
        parts: each partition with its records.
        limit: records.
        share: take of each partition its share, and what others leave of theirs, so that the records of one, however
            many they are, do not stand before those of the others. Else one partition after the other: windows are
            counted faster when they are those of one.

    Returns:
        What is taken, and what is left; each partition in the order of `parts`, its records in order of offset.
    """
    waiting = [(tp, rows) for tp, rows in parts if len(rows)]
    if sum(len(rows) for _, rows in waiting) <= limit:
        return waiting, []
    shares, room = [0] * len(waiting), limit
    order = sorted(range(len(waiting)), key=lambda place: len(waiting[place][1])) if share else range(len(waiting))
    for served, place in enumerate(order):
        most = -(-room // (len(waiting) - served)) if share else room
        shares[place] = min(len(waiting[place][1]), most)
        room -= shares[place]
    both = list(zip(waiting, shares, strict=True))
    taken = [(tp, rows[:share]) for (tp, rows), share in both if share]
    return taken, [(tp, rows[share:]) for (tp, rows), share in both if share < len(rows)]
