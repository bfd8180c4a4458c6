"""Records as they were fetched, side by side: columns of one partition, and a batch over several partitions.

No record becomes an object here. The room of the wire says how a batch has to stand (`streams.wire.record_columns`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Ints
from detector.columns.membership import hash_spans
from detector.columns.packing import pack
from streams.wire.record_columns import NULL, PADDING, TERMINATOR, Records
from streams.wire.refusals import Code

OFFSET, TIMESTAMP, KEY_START, KEY_STOP, VALUE_START, VALUE_STOP = range(6)
"""Rows of a table; starts and stops are positions in its data, -1 for null, timestamps are epoch milliseconds."""
COLUMNS = 6

Table = NDArray[np.int64]
"""One column for each record."""
Partition = Any  # faust.types.TP: a named tuple (topic, partition)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Offsets that were stepped over, since their batch cannot be read.

    Attributes:
        first: offset of the first record that is left out.
        last: offset of the last one.
        code: why, for a program.
        message: why, for a person.
    """

    first: int
    last: int
    code: Code
    message: str


class Rows:
    """What there is to read between two offsets of a partition: records in order, or none.

    A slice of it is `Rows` again and copies nothing. Slices that follow each other cover all offsets between them,
    those too that have no record: markers of transactions, what was aborted, and what compaction left out.

    Args:
        data: holds keys and values.
        table: says where each of them stands.
        begin: first offset that it covers.
        end: offset after the last one that it covers.
        unreadable: why there is no record, where that is no good sign.
    """

    __slots__ = ("_data", "_table", "begin", "end", "unreadable")

    def __init__(self, data: bytes, table: Table, begin: int, end: int, unreadable: Unreadable | None = None) -> None:
        self._data = data
        self._table = table
        self.begin = begin
        self.end = end
        self.unreadable = unreadable

    def __len__(self) -> int:
        """Number of records."""
        return int(self._table.shape[1])

    def __getitem__(self, part: slice) -> "Rows":
        """Some of the records, one after the other."""
        start, stop, _ = part.indices(len(self))
        begin = int(self._table[OFFSET, start]) if 0 < start < len(self) else self.end if start else self.begin
        end = self.end if stop == len(self) else int(self._table[OFFSET, stop]) if stop > start else begin
        return Rows(self._data, self._table[:, start:stop], begin, end)

    @property
    def first_offset(self) -> int:
        """Offset of the first record; there must be one."""
        return int(self._table[OFFSET, 0])

    @property
    def first_timestamp(self) -> int:
        """Epoch milliseconds of the first record; there must be one."""
        return int(self._table[TIMESTAMP, 0])

    @property
    def last_timestamp(self) -> int:
        """Epoch milliseconds of the last record; there must be one."""
        return int(self._table[TIMESTAMP, -1])

    @property
    def size_bytes(self) -> int:
        """Bytes of all keys and values."""
        spans = self._table[[KEY_STOP, VALUE_STOP]] - self._table[[KEY_START, VALUE_START]]
        return int(spans.sum())

    def since(self, offset: int) -> "Rows":
        """The records from an offset on."""
        return self[int(np.searchsorted(self._table[OFFSET], offset)) :]

    def before(self, offset: int) -> "Rows":
        """The records before an offset."""
        return self[: int(np.searchsorted(self._table[OFFSET], offset))]

    def offsets(self) -> list[int]:
        """Offset of each record."""
        found: list[int] = self._table[OFFSET].tolist()
        return found

    def keys(self) -> list[bytes | None]:
        """Key of each record."""
        return self._cut(KEY_START, KEY_STOP)

    def key_hashes(self) -> Ints:
        """Hash of each record's key (`membership.hash_spans`), of an empty one where there is none; shape (n,)."""
        return hash_spans(self.buffer(), self._table[[KEY_START, KEY_STOP]].T)

    def buffer(self) -> Bytes:
        """What holds keys and values, shape (bytes,), read-only."""
        return np.frombuffer(self._data, np.uint8)

    def value_spans(self) -> Ints:
        """Start and stop of each value in `buffer`, shape (n, 2), contiguous, a copy; -1 twice where it is null."""
        return np.stack((self._table[VALUE_START], self._table[VALUE_STOP]), axis=1)

    def arrivals_ms(self) -> Ints:
        """When each record arrived, shape (n,), epoch milliseconds."""
        arrivals_ms: Ints = self._table[TIMESTAMP]
        return arrivals_ms

    def values(self) -> list[bytes | None]:
        """Value of each record."""
        return self._cut(VALUE_START, VALUE_STOP)

    def _cut(self, start: int, stop: int) -> list[bytes | None]:
        data = self._data
        return [
            data[first:end] if first >= 0 else None
            for first, end in zip(self._table[start].tolist(), self._table[stop].tolist(), strict=True)
        ]


def rows_of(
    records: Iterable[tuple[int, int, bytes | None, bytes | None]], begin: int | None = None, end: int | None = None
) -> Rows:
    """Make rows of records that were read otherwise: offset, timestamp, key and value of each, in order of offset.

    They cover the offsets from the first to the last record, where nothing else is said.
    """
    texts: list[bytes] = []
    numbers: list[int] = []
    size = 0
    for offset, timestamp, key, value in records:
        numbers += (offset, timestamp)
        for text in (key, value):
            if text is None:
                numbers += (-1, -1)
                continue
            texts.append(text)
            numbers += (size, size + len(text))
            size += len(text)
    if begin is None:
        begin = numbers[0] if numbers else 0
    if end is None:
        end = numbers[-COLUMNS] + 1 if numbers else begin
    return Rows(b"".join(texts), np.array(numbers, np.int64).reshape(-1, COLUMNS).T, begin, end)


def nothing(begin: int, end: int, unreadable: Unreadable | None = None) -> Rows:
    """Make rows without a record."""
    return Rows(b"", np.empty((COLUMNS, 0), np.int64), begin, end, unreadable)


@dataclass(frozen=True, slots=True, eq=False)
class Poll:
    """Value of one Faust event: what one poll brought.

    Attributes:
        ticket: of the watermarks.
        parts: each partition once, with its records in order of offset; at most `MAX_RECORDS_PER_POLL` in all.
        screened: called once all records are screened, answered or not, with how many such records may be screened
            before others have their turn; None where they are plain.
    """

    ticket: int
    parts: list[tuple[Partition, Rows]]
    screened: Callable[[int | None], object] = lambda _: None

    def message(self, generation: int) -> Any:
        """Wrap it for Faust, as if it were one record of its first partition.

        Args:
            generation: of the group when it was handed out; what is left of an earlier one is dropped.
        """
        from faust.types import ConsumerMessage  # noqa: PLC0415 - of workers alone; commands read logs without Faust

        tp, rows = self.parts[0]
        value: Any = self
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=rows.first_offset,
            timestamp=rows.first_timestamp / 1_000.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=generation,
        )


class FetchedBatch:
    """Records of several partitions, partition after partition, and where each of them came from.

    Made once for each batch, which copies the values out of what was fetched, all at once. Keys and places are looked
    up when somebody asks for them.

    Args:
        parts: Each partition with its records; not empty.

    Attributes:
        records: The records side by side, in the order of `parts`.
        ends: Each partition with the offset after its last record.
    """

    __slots__ = ("_parts", "ends", "records")

    def __init__(self, parts: Sequence[tuple[Partition, Rows]]) -> None:
        self._parts = parts
        self.records: Records = gather([(tp.partition, rows) for tp, rows in parts])
        self.ends: list[tuple[int, int]] = [(tp.partition, rows.end) for tp, rows in parts]

    def __len__(self) -> int:
        """Number of records."""
        return sum(len(rows) for _, rows in self._parts)

    def place(self, position: int) -> tuple[str, int, int]:
        """Topic, partition and offset of one record.

        Raises:
            IndexError: There is no record at this position.
        """
        tp, rows = self._one(position)
        return tp.topic, tp.partition, rows.first_offset

    def key(self, position: int) -> bytes | None:
        """Key of one record.

        Raises:
            IndexError: There is no record at this position.
        """
        return self._one(position)[1].keys()[0]

    def _one(self, position: int) -> tuple[Partition, Rows]:
        for tp, rows in self._parts:
            if position < len(rows):
                return tp, rows[position : position + 1]
            position -= len(rows)
        raise IndexError(position)

    def keys(self) -> list[bytes | None]:
        """Cut out the keys of all records."""
        return list(chain.from_iterable(rows.keys() for _, rows in self._parts))

    def key_hashes(self) -> Ints:
        """Hashes of all keys (`Rows.key_hashes`), shape (n,)."""
        return np.concatenate([rows.key_hashes() for _, rows in self._parts])


def gather(parts: Sequence[tuple[int, Rows]]) -> Records:
    """Put the records of several partitions side by side: one copy of each value, and no object for any of them.

    Args:
        parts: Number of each partition, and its records; not empty.
    """
    spans = np.concatenate([rows.value_spans() for _, rows in parts])
    nulls = np.flatnonzero(spans[:, 0] < 0)
    size = int((spans[:, 1] - spans[:, 0]).sum()) + len(spans) * len(TERMINATOR)
    data = np.zeros(size + len(PADDING), np.uint8)
    at = first = 0
    for _, rows in parts:
        at = pack(rows.buffer(), spans[first : first + len(rows)], data, at, len(TERMINATOR))
        first += len(rows)
    spans[nulls] = NULL
    data.setflags(write=False)
    partitions = np.repeat([partition for partition, _ in parts], [len(rows) for _, rows in parts])
    return Records(data, spans, partitions, np.concatenate([rows.arrivals_ms() for _, rows in parts]))
