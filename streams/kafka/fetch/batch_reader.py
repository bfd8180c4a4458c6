"""The batches of one partition in a fetch response, read bite by bite into rows; what cannot be read is stepped over.

Plain batches are read where they lie, all in one pass (`streams.kafka.fetch.record_batches`). From the first one on
that is compressed, or part of a transaction where some were aborted, a bite of them is copied into plain ones, without
those that were aborted, and read in the same pass. It knows no client, no loop and no clock.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from detector.contract.errors import RobocallError
from streams.kafka.fetch.layout import ATTRIBUTES_AT, BEFORE_LENGTH, CODEC, CONTROL, MAGIC, MAGIC_AT, TRANSACTIONAL
from streams.kafka.fetch.record_batches import is_whole, read_batches
from streams.kafka.fetch.unpacking import NotUnpackable, TooLarge, unpack
from streams.kafka.fetched import Rows, Unreadable, nothing, rows_of
from streams.wire.refusals import Code

BITE_BYTES = 256 * 1024
"""Of unpacked batches that are read in one go: a millisecond of the event loop, three where gzip wrote them."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">8xi")
_OLD_CODEC_AT, _OLD_FIELDS_AT = 17, 18
_SIZE = struct.Struct(">i")


class BatchDamaged(RobocallError):
    """A checksum is wrong, or what it covers is no batch."""


class Stretch(NamedTuple):
    """Where the batches of a partition stand in a response, and what the broker said beside them.

    Attributes:
        data: the response.
        start: where the first batch begins.
        stop: where the last, which may be cut, ends.
        end: offset after the last record that the broker has.
        aborted: producer and first offset of each aborted transaction that has records here.
    """

    data: bytes
    start: int
    stop: int
    end: int
    aborted: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Bounds of one batch.

    Attributes:
        unpacked_bytes: a compressed one unpacks to at most so many.
        records: that it has at most.
    """

    unpacked_bytes: int
    records: int

    @property
    def meaning(self) -> str:
        """What is said of a batch that is larger, in a sentence."""
        return f"The batch unpacks to more than {self.unpacked_bytes} bytes, or has more than {self.records} records."


class _Header(NamedTuple):
    """Fields of a batch of format 2."""

    base: int
    length: int
    epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_ms: int
    last_ms: int
    producer: int
    producer_epoch: int
    sequence: int
    records: int

    @property
    def following(self) -> int:
        return self.base + self.last_delta + 1


class BatchReader:
    """Reads one stretch from a certain offset on.

    Args:
        stretch: what is read.
        first: records before this offset are left out.
        limits: of each batch.

    Attributes:
        offset: where the next bite begins.
        copied_bytes: size of the plain batches that were made for the latest bite; 0 where it lies in the response.
    """

    __slots__ = ("_at", "_data", "_end", "_left_out", "_limits", "_stop", "copied_bytes", "offset")

    def __init__(self, stretch: Stretch, first: int, limits: BatchLimits) -> None:
        self._data, self._at, self._stop, self._end, aborted = stretch
        self._limits = limits
        self.offset = first
        self.copied_bytes = 0
        self._left_out = frozenset(_aborted(self._data, self._at, self._stop, aborted)) if aborted else frozenset()

    @property
    def is_done(self) -> bool:
        """Nothing is left to read but a batch that is cut."""
        return self._at == self._stop or not _end_of(self._data, self._at, self._stop)

    def read(self, most: int) -> Rows:
        """Read the next bite: records, or none where it only moves on.

        Blocks for some milliseconds while `most` is about `BITE_BYTES`.

        Args:
            most: bytes that a single batch may unpack to.

        Raises:
            TooLarge: the next batch has more bytes than that, or more records than any may have.
            BatchDamaged: the next batch cannot be read.
        """
        data, start, begin, self.copied_bytes = self._data, self._at, self.offset, 0
        if self._stop - start < _HEADER.size or not data[start + ATTRIBUTES_AT + 1] & CODEC:
            bounds = start, self._stop, begin, self._end
            table, following, at = read_batches(data, bounds, self._limits.records, strict=bool(self._left_out))
            if at > start:
                self.offset, self._at = following, at
                return Rows(data, table, begin, following)
        if not _end_of(data, start, self._stop):
            raise BatchDamaged("a batch is not there as a whole")
        return self._read_old(most) if data[start + MAGIC_AT] < MAGIC else self._read_unpacked(most)

    def step_over(self, code: Code, message: str) -> Rows:
        """Leave out the next batch, which `read` could not read: no record, and `Rows.unreadable` says why.

        Where its header may lie it goes on with the next batch that is sound; `offset` may stay where it is.
        """
        begin = self.offset
        behind = self._next_sound()
        if behind:
            self._at, self.offset = behind, max(begin, self._header(behind).base)
        else:
            self.offset = max(begin, min(max(begin + 1, self._guess()), self._end))
            self._at = self._stop
        left_out = self.offset > begin
        return nothing(begin, self.offset, Unreadable(begin, self.offset - 1, code, message) if left_out else None)

    def _next_sound(self) -> int:
        """Place of the next batch, after the one that cannot be read, that is what it should be; 0 without one."""
        at = _end_of(self._data, self._at, self._stop)
        while at and (end := _end_of(self._data, at, self._stop)):
            if _is_sound(self._data, at, end) and self.offset < self._header(at).following <= self._end:
                return at
            at = end
        return 0

    def _guess(self) -> int:
        """Offset after a batch that cannot be read; going on too early does no harm."""
        end = _end_of(self._data, self._at, self._stop)
        if end - self._at < _HEADER.size:
            return 0
        header = self._header(self._at)
        if _is_sound(self._data, self._at, end):
            return header.following
        return header.base + (1 if header.magic < MAGIC else min(header.last_delta + 1, header.records))

    def _leads_past_next(self, end: int, header: _Header) -> bool:
        """Whether the batch after this one begins before this one ends: no checksum covers a batch's own offset."""
        return end + 8 <= self._stop and header.following > int.from_bytes(self._data[end : end + 8], signed=True)

    def _header(self, at: int) -> _Header:
        return _Header(*_HEADER.unpack_from(self._data, at))

    def _read_unpacked(self, most: int) -> Rows:
        """Read a bite of batches that are not plain, or stand between such."""
        begin, size = self.offset, 0
        pieces: list[Any] = []
        sources: dict[int, tuple[int, int]] = {}  # where each plain batch came from, and the offset before it
        at, offset = self._at, begin
        while size < BITE_BYTES and (end := _end_of(self._data, at, self._stop)):
            try:
                following, piece = self._as_plain(at, end, offset, most)
            except (TooLarge, BatchDamaged):
                if at == self._at:
                    raise
                break
            if piece:
                sources[size] = at, offset
                pieces += piece
                size += len(piece[0]) + len(piece[1])
            at, offset = end, following
        data = b"".join(pieces)
        table, _, reached = read_batches(data, (0, size, begin, self._end), self._limits.records, is_checked=True)
        if reached < size:  # a batch that is none, whatever its checksum says; those before it are
            at, offset = sources[reached]
            if at == self._at:
                raise BatchDamaged("a record leads out of its batch")
        self._at, self.offset, self.copied_bytes = at, offset, size
        return Rows(data, table, begin, offset)

    def _as_plain(self, at: int, end: int, offset: int, most: int) -> tuple[int, tuple[Any, ...]]:
        """Give the offset after a batch, and header and records of a plain one; neither where it is not to be read."""
        if not _is_sound(self._data, at, end):
            raise BatchDamaged("a checksum is wrong")
        header = self._header(at)
        if not offset < header.following <= self._end or (header.base > offset and self._leads_past_next(end, header)):
            raise BatchDamaged("a batch does not stand at its offset")
        if at in self._left_out or header.attributes & CONTROL:
            return header.following, ()
        if header.records > self._limits.records:
            raise TooLarge
        codec = header.attributes & CODEC
        records: Any = self._data[at + _HEADER.size : end]
        if codec:
            try:
                records = unpack(codec, records, most)
            except NotUnpackable as error:
                raise BatchDamaged("it cannot be unpacked") from error
        length, attributes = _HEADER.size - BEFORE_LENGTH + len(records), header.attributes & ~CODEC
        plain = _HEADER.pack(header.base, length, *header[2:5], attributes, *header[6:])
        return header.following, (plain, records)

    def _read_old(self, most: int) -> Rows:
        """Read one message of the formats before 0.11, of which aiokafka makes objects; compressed ones hold many."""
        begin, end = self.offset, _end_of(self._data, self._at, self._stop)
        message = self._data[self._at : end]
        found = PartitionRecords(
            TopicPartition("", 0), MemoryRecords(message), None, begin, None, None, True, READ_UNCOMMITTED
        )
        try:
            _require_small(message, BatchLimits(most, self._limits.records))
            records = [(one.offset, one.timestamp, one.key, one.value) for one in found]
        except TooLarge:
            raise
        except Exception as error:  # aiokafka's own reader raises what it likes: SystemError at a negative length
            raise BatchDamaged("a message of an old format cannot be read") from error
        self._at, self.offset = end, max(begin, found.next_fetch_offset)
        return rows_of(records, begin, self.offset)


def _end_of(data: bytes, at: int, stop: int) -> int:
    """End of the batch that begins here; 0 when it is not there as a whole."""
    if at + BEFORE_LENGTH > stop:
        return 0
    end: int = at + BEFORE_LENGTH + _LENGTH.unpack_from(data, at)[0]
    return end if at + _OLD_FIELDS_AT <= end <= stop else 0


def _is_sound(data: bytes, at: int, end: int) -> bool:
    """Whether a batch of format 2 stands here whose checksum is right."""
    return end - at >= _HEADER.size and data[at + MAGIC_AT] == MAGIC and is_whole(data, at, end)


def _aborted(data: bytes, at: int, stop: int, transactions: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Places of the batches whose transactions were aborted: from its first offset up to its marker."""
    waiting = sorted(transactions, key=lambda one: one[1])
    aborting: set[int] = set()
    while end := _end_of(data, at, stop):
        if end - at >= _HEADER.size and data[at + MAGIC_AT] == MAGIC:
            header = _Header(*_HEADER.unpack_from(data, at))
            while waiting and waiting[0][1] <= header.base:
                aborting.add(waiting.pop(0)[0])
            if header.attributes & CONTROL:
                if _is_abort(data[at:end]):
                    aborting.discard(header.producer)
            elif header.attributes & TRANSACTIONAL and header.producer in aborting:
                yield at
        at = end


def _is_abort(marker: bytes) -> bool:
    """Whether a batch that controls a transaction says that it was aborted."""
    try:
        return bool(ControlRecord.parse(next(MemoryRecords(marker).next_batch()).key) == ABORT_MARKER)
    except (CorruptRecordException, IndexError, StopIteration, ValueError, struct.error):
        return False


def _require_small(message: bytes, limits: BatchLimits) -> None:
    """Raise what `unpack` raises at a message of format 0 or 1, where it is compressed; `TooLarge` also for records."""
    codec = message[_OLD_CODEC_AT] & CODEC
    if codec:
        key_at = _OLD_FIELDS_AT + (8 if message[MAGIC_AT] else 0)
        (key_size,) = _SIZE.unpack_from(message, key_at)
        value_at = key_at + _SIZE.size + max(0, key_size)
        (value_size,) = _SIZE.unpack_from(message, value_at)
        held = bytes(unpack(codec, message[value_at + _SIZE.size :][:value_size], limits.unpacked_bytes))
        at, records, length = 0, 0, 0
        while at + BEFORE_LENGTH <= len(held) and length >= 0:  # not `_end_of`: aiokafka passes over what is short
            (length,) = _LENGTH.unpack_from(held, at)
            at += BEFORE_LENGTH + length
            records += 1
            if records > limits.records:
                raise TooLarge
