"""A record batch of format 2 that is to be sent, written in compiled passes over packed records.

The bytes are those of aiokafka's builder, uncompressed and without headers. That one takes an object for each record.

Format: https://kafka.apache.org/documentation/#recordbatch.
"""

import struct
from functools import cache
from typing import Any

import numpy as np

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing, entry_point
from streams.kafka.fetch.layout import ATTRIBUTES_AT, BEFORE_LENGTH, CRC_AT, MAGIC, RECORDS_AT
from streams.kafka.fetch.record_batches import checksum
from streams.kafka.publishing.identity import Identity
from streams.kafka.publishing.records import KEY_START, KEY_STOP, VALUE_START, VALUE_STOP, Packed

_HEAD = struct.Struct(">qiibIhiqqqhii")
_CRC = struct.Struct(">I")
_NO_LEADER_EPOCH = -1
_LAST_7_BITS, _MORE = np.uint64(0x7F), np.uint64(0x80)
_ONE, _SEVEN = np.uint64(1), np.uint64(7)
_FIXED = 3
"""Bytes of a record that are always the same: attributes, time since the first record, number of headers."""


@compiled_borrowing
def _varint_size(number: int) -> int:
    """Bytes of a zigzag number, of one that is not below -1."""
    left, size = np.uint64(2 * number if number >= 0 else 1) >> _SEVEN, 1
    while left:
        left >>= _SEVEN
        size += 1
    return size


@compiled_borrowing
def _put_varint(out: Bytes, at: int, number: int) -> int:
    left = np.uint64(2 * number if number >= 0 else 1)
    while left > _LAST_7_BITS:
        out[at] = (left & _LAST_7_BITS) | _MORE
        left >>= _SEVEN
        at += 1
    out[at] = left
    return at + 1


@compiled_borrowing
def _body_size(spans: Ints, row: int, place: int) -> int:
    """Bytes of a record behind its length."""
    size = _FIXED + _varint_size(place)
    for start, stop in ((KEY_START, KEY_STOP), (VALUE_START, VALUE_STOP)):
        length = spans[row, stop] - spans[row, start]
        size += _varint_size(length if spans[row, start] >= 0 else -1) + length
    return size


@compiled_borrowing
def _fitting(spans: Ints, place: int, size: int, most_bytes: int) -> tuple[int, int]:
    """How many of the records fit behind `place` others of `size` bytes, and the size with them; the first always."""
    row = 0
    while row < len(spans):
        body = _body_size(spans, row, place + row)
        grown = size + _varint_size(body) + body
        if grown > most_bytes and place + row > 0:
            break
        size = grown
        row += 1
    return row, size


@compiled_borrowing
def _put_text(out: Bytes, at: int, data: Bytes, start: int, stop: int) -> int:
    if start < 0:
        return _put_varint(out, at, -1)
    at = _put_varint(out, at, stop - start)
    to = np.uint64(at)
    for position in range(np.uint64(start), np.uint64(stop)):
        out[to] = data[position]
        to += _ONE
    return at + stop - start


@compiled_borrowing
def _put(out: Bytes, at: int, data: Bytes, spans: Ints, place: int) -> int:
    """Write records, the first one as number `place` of its batch; returns the end."""
    for row in range(len(spans)):
        at = _put_varint(out, at, _body_size(spans, row, place + row))
        out[at] = out[at + 1] = 0
        at = _put_varint(out, at + 2, place + row)
        at = _put_text(out, at, data, spans[row, KEY_START], spans[row, KEY_STOP])
        at = _put_text(out, at, data, spans[row, VALUE_START], spans[row, VALUE_STOP])
        out[at] = 0
        at += 1
    return at


_NO_BYTES, _NO_SPANS = np.frombuffer(b"", np.uint8), np.empty((0, 4), np.int64)


@cache
def _entries() -> tuple[Any, Any]:
    """Fit, put."""
    put = entry_point(_put, (np.empty(0, np.uint8), 0, _NO_BYTES, _NO_SPANS, 0))
    return entry_point(_fitting, (_NO_SPANS, 0, 0, 0)), put


def warm() -> None:
    """Compile all, or load it from the cache, so that the first batch does not wait."""
    _entries()


class RecordBatch:
    """Takes records as long as they fit. Used once; nothing of it blocks.

    Args:
        most_bytes: of the whole; a first record is taken whatever its size.
    """

    __slots__ = ("_most_bytes", "_parts", "_size", "records")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._parts: list[Packed] = []
        self._size = RECORDS_AT
        self.records = 0

    def take(self, records: Packed) -> int:
        """Take records, as many as fit; returns how many those are."""
        fitting, _ = _entries()
        taken, self._size = fitting(records.spans, self.records, self._size, self._most_bytes)
        self._parts.append(records if taken == len(records) else records.part(0, taken))
        self.records += taken
        return int(taken)

    def build(self, now_ms: int, identity: Identity, sequence: int) -> bytearray:
        """Write the batch.

        Args:
            now_ms: time of all of its records, epoch milliseconds.
            identity: producer that it is from.
            sequence: number of the first record in its partition.
        """
        _, put = _entries()
        made = bytearray(self._size)
        out, at, place = np.frombuffer(made, np.uint8), RECORDS_AT, 0
        for part in self._parts:
            at = put(out, at, part.data, part.spans, place)
            place += len(part)
        size, last = self._size - BEFORE_LENGTH, max(0, place - 1)
        head = (0, size, _NO_LEADER_EPOCH, MAGIC, 0, 0, last, now_ms, now_ms, *identity, sequence, place)
        _HEAD.pack_into(made, 0, *head)
        _CRC.pack_into(made, CRC_AT, checksum(out, ATTRIBUTES_AT, self._size))
        return made
