"""The records of a batch side by side, as they came: where each value stands in one buffer, and when it arrived.

Nothing here looks into a value. A record becomes an object only when somebody objects to it and asks for its bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.columns.arrays import Bytes, Ints

PADDING = bytes(32)
"""Stands behind the last value: the scan may load whole words anywhere before it."""
TERMINATOR = PADDING[:1]
"""Stands behind every value: NUL is no part of JSON, so the scan never runs past the end of one."""
NULL = -1
"""Start and stop of a value that is null."""
UNKNOWN = 0
"""Arrival of a record of which nobody knows when it arrived."""


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """n records in the order of their batch.

    Attributes:
        data: Shape (bytes,) uint8, read-only: the values, `TERMINATOR` behind each and `PADDING` behind the last.
        spans: Shape (n, 2) int64: start and stop of each value in `data`, `NULL` twice where it is null.
        partitions: Shape (n,) int64: the partition that each came from.
        arrivals_ms: Shape (n,) int64: when each arrived, epoch milliseconds; `UNKNOWN` or less where nobody knows.
    """

    data: Bytes
    spans: Ints
    partitions: Ints
    arrivals_ms: Ints

    def __len__(self) -> int:
        """Number of records."""
        return len(self.spans)

    def value(self, position: int) -> bytes | None:
        """Cut out one value, at the price of an object. Never raises for a position below the length."""
        start, stop = self.spans.item(position, 0), self.spans.item(position, 1)
        return None if start == NULL else self.data[start:stop].tobytes()


def records_of(
    values: Sequence[bytes | None],
    partitions: Sequence[int] | Ints | None = None,
    arrivals_ms: Sequence[int] | Ints | None = None,
) -> Records:
    """Put values that are objects already side by side: lines of a file, or what another client has read.

    Args:
        values: One for each record; None is a null, which is refused later.
        partitions: Of each; None = all 0.
        arrivals_ms: Of each, epoch milliseconds; None = nobody knows.

    Raises:
        ValueError: The sequences differ in length.
    """
    count = len(values)
    present = [value or b"" for value in values]
    lengths = np.fromiter(map(len, present), np.int64, count)
    stops = (lengths + 1).cumsum() - 1
    spans = np.stack((stops - lengths, stops), axis=1)
    nulls = [position for position in np.flatnonzero(lengths == 0).tolist() if values[position] is None]
    spans[nulls] = NULL
    data = np.frombuffer(TERMINATOR.join([*present, PADDING]), dtype=np.uint8)
    return Records(data, spans, _column(partitions, count), _column(arrivals_ms, count))


def _column(given: Sequence[int] | Ints | None, count: int) -> Ints:
    column = np.zeros(count, np.int64) if given is None else np.asarray(given, dtype=np.int64)
    if len(column) != count:
        raise ValueError(f"{len(column)} numbers were given for {count} records")
    return column
