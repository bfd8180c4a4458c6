"""Records as they were fetched, side by side: columns of one partition, and a batch over several partitions."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.membership import hash_spans
from streams.kafka.record_batches import COLUMNS, KEY_START, KEY_STOP, OFFSET, TIMESTAMP, VALUE_START, VALUE_STOP, Table

Partition = Any  # faust.types.TP: a named tuple (topic, partition)


class Rows:
    """Records of one partition in order of offset. A slice of it is `Rows` again and copies nothing.

    Args:
        data: holds keys and values.
        table: as `streams.kafka.record_batches.read_batches` returns it.
    """

    __slots__ = ("_data", "_table")

    def __init__(self, data: bytes, table: Table) -> None:
        self._data = data
        self._table = table

    def __len__(self) -> int:
        """Number of records."""
        return int(self._table.shape[1])

    def __getitem__(self, part: slice) -> "Rows":
        """Some of the records."""
        return Rows(self._data, self._table[:, part])

    @property
    def first_offset(self) -> int:
        """Offset of the first record; there must be one."""
        return int(self._table[OFFSET, 0])

    @property
    def end_offset(self) -> int:
        """Offset after the last record; there must be one."""
        return int(self._table[OFFSET, -1]) + 1

    @property
    def first_timestamp(self) -> int:
        """Epoch milliseconds of the first record; there must be one."""
        return int(self._table[TIMESTAMP, 0])

    def since(self, offset: int) -> "Rows":
        """The records from an offset on."""
        return self[int(np.searchsorted(self._table[OFFSET], offset)) :]

    def offsets(self) -> list[int]:
        """Offset of each record."""
        found: list[int] = self._table[OFFSET].tolist()
        return found

    def timestamps(self) -> list[int]:
        """Epoch milliseconds of each record."""
        found: list[int] = self._table[TIMESTAMP].tolist()
        return found

    def keys(self) -> list[bytes | None]:
        """Key of each record."""
        return self._cut(KEY_START, KEY_STOP)

    def key_hashes(self) -> NDArray[np.int64]:
        """Hash of each record's key (`membership.hash_spans`), of an empty one where there is none; shape (n,)."""
        return hash_spans(np.frombuffer(self._data, np.uint8), self._table[[KEY_START, KEY_STOP]].T)

    def values(self) -> list[bytes | None]:
        """Value of each record."""
        return self._cut(VALUE_START, VALUE_STOP)

    def _cut(self, start: int, stop: int) -> list[bytes | None]:
        data = self._data
        return [
            data[first:end] if first >= 0 else None
            for first, end in zip(self._table[start].tolist(), self._table[stop].tolist(), strict=True)
        ]


def rows_of(records: Iterable[tuple[int, int, bytes | None, bytes | None]]) -> Rows:
    """Make rows of records that were read otherwise: offset, timestamp, key and value of each, in order of offset."""
    texts: list[bytes] = []
    numbers: list[int] = []
    end = 0
    for offset, timestamp, key, value in records:
        numbers += (offset, timestamp)
        for text in (key, value):
            if text is None:
                numbers += (-1, -1)
                continue
            texts.append(text)
            numbers += (end, end + len(text))
            end += len(text)
    return Rows(b"".join(texts), np.array(numbers, np.int64).reshape(-1, COLUMNS).T)


def split(parts: Iterable[tuple[Partition, Rows]], limit: int) -> Iterator[list[tuple[Partition, Rows]]]:
    """Cut a poll into pieces of at most `limit` records, in order; partitions without records are left out."""
    piece: list[tuple[Partition, Rows]] = []
    size = 0
    for tp, rows in parts:
        start = 0
        while start < len(rows):
            taken = rows[start : start + limit - size]
            piece.append((tp, taken))
            size += len(taken)
            start += len(taken)
            if size == limit:
                yield piece
                piece, size = [], 0
    if piece:
        yield piece


class Batch:
    """Records of several partitions, partition after partition, as lists that run side by side.

    Args:
        parts: each partition with its records; not empty.
    """

    def __init__(self, parts: Sequence[tuple[Partition, Rows]]) -> None:
        self._parts = parts
        self.values: list[bytes | None] = _joined([rows.values() for _, rows in parts])
        self.arrivals_ms: list[int] = _joined([rows.timestamps() for _, rows in parts])
        self.partitions: list[int] = _joined([[tp.partition] * len(rows) for tp, rows in parts])

    def __len__(self) -> int:
        """Number of records."""
        return len(self.values)

    @cached_property
    def keys(self) -> list[bytes | None]:
        """Key of each record."""
        return _joined([rows.keys() for _, rows in self._parts])

    def key_hashes(self) -> NDArray[np.int64]:
        """`Rows.key_hashes` of all records, shape (n,)."""
        return np.concatenate([rows.key_hashes() for _, rows in self._parts])

    def place(self, position: int) -> tuple[str, int, int]:
        """Topic, partition and offset of one record."""
        for tp, rows in self._parts:
            if position < len(rows):
                return tp.topic, tp.partition, rows[position : position + 1].first_offset
            position -= len(rows)
        raise IndexError(position)

    def ends(self) -> list[tuple[int, int]]:
        """Each partition with the offset after its last record."""
        return [(tp.partition, rows.end_offset) for tp, rows in self._parts]


def _joined(lists: list[list[Any]]) -> list[Any]:
    return lists[0] if len(lists) == 1 else [one for some in lists for one in some]
