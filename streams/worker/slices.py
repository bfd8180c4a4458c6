"""How much of a poll is screened before the event loop has its turn: bounded by records, bytes and measured CPU.

A plain call takes microseconds, an odd one a hundred of them, and nobody knows which come before they are read. So a
slice is at most twice as large as one that was cheap, and after a dear one as much smaller as that was too dear.
"""

from collections.abc import Iterator, Sequence

from streams.kafka.fetch.turns import take
from streams.kafka.fetched import FetchedBatch, Partition, Rows

MAX_BYTES = 2 * 1024 * 1024
"""Of the values of a slice, unless it is a single record: 140 calls as long as a call may be."""
HOLD_S = 0.04
"""CPU that a slice of plain calls is to take at most: twice that of two thousand on a machine with other work."""
PLAIN_S = 25e-6
"""CPU of a plain call at most, its share of what a slice takes anyhow included."""
DEAR_HOLD_S = 0.002
"""CPU that a slice of dear calls is to take: what comes meanwhile waits for it, and for the next one with it."""
FIRST = 64
"""Records of the first slice, and of one after others as small: 7 ms where each is dear."""
FEWEST = 8
"""Records of a slice after dear ones."""


class Slices:
    """Cuts polls. Used on the event loop alone.

    Args:
        max_records: of a slice.
    """

    __slots__ = ("_max_records", "_most")

    def __init__(self, max_records: int) -> None:
        self._max_records = max_records
        self._most = min(FIRST, max_records)

    @property
    def limit(self) -> int | None:
        """Records of the next slice at most; None while calls are plain, and it is as large as any may be."""
        return self._most if self._most < self._max_records else None

    def of(self, parts: Sequence[tuple[Partition, Rows]]) -> Iterator[FetchedBatch]:
        """Cut a poll, slice after slice; each is as large as what `took` was told allows by then."""
        rest = parts
        while True:
            taken, left = take(rest, self._most, share=self.limit is not None)
            if not taken:
                return
            fetched = FetchedBatch(taken)
            while len(fetched.records.data) > MAX_BYTES and len(fetched) > 1:
                taken, left = take(rest, len(fetched) // 2, share=True)
                fetched = FetchedBatch(taken)
            rest = left
            yield fetched

    def took(self, records: int, cpu_s: float) -> None:
        """Note what a slice took of the thread's CPU, so that the next one fits."""
        hold_s = HOLD_S if cpu_s <= records * PLAIN_S else DEAR_HOLD_S
        if cpu_s > hold_s:
            most = max(FEWEST, int(records * hold_s / cpu_s))
        else:
            most = max(2 * records, self._most // 2, min(FIRST, 2 * self._most))
        self._most = min(most, self._max_records)
