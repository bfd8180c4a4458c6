"""A consumer of an application that is never started, and what it fetches."""

from faust.types import TP

from streams.kafka.fetched import Rows, rows_of

CALLS, OTHERS = TP("calls", 3), TP("calls", 4)


def rows(first: int, end: int) -> Rows:
    return rows_of((offset, 1_700_000_000_000, None, b"%d" % offset) for offset in range(first, end))


class Thread:
    """Notes where it is told to read from; the group takes what it commits, or does not."""

    def __init__(self) -> None:
        self.is_member = True
        self.offered: dict[TP, int] = {}
        self.sought: list[tuple[TP, int]] = []
        self.doubts: list[TP] = []

    def seek(self, tp: TP, offset: int) -> None:
        self.sought.append((tp, offset))

    def take_doubts(self) -> list[TP]:
        doubts, self.doubts = self.doubts, []
        return doubts

    def highwater(self, tp: TP) -> int:
        del tp
        return 12

    def epoch_of(self, tp: TP) -> int | None:
        del tp
        return 3

    async def commit(self, offsets: dict[TP, int]) -> bool:
        self.offered = offsets
        return self.is_member

    async def getmany(self, active_partitions: set[TP], timeout_s: float) -> dict[TP, Rows]:
        del active_partitions, timeout_s
        return {}
