"""Kafka's record batches (format 2), read in one compiled pass: where each key and value stands, offsets and times.

aiokafka makes two Python objects for each record, 0.5 us of them, and computes checksums in software. Here a fetched
partition becomes one table of integers; keys and values are cut out of the response when somebody asks for them.

Format: https://kafka.apache.org/documentation/#recordbatch. It reads up to the first batch that is not plain:
compressed, of an older format, damaged, or too long. `streams.kafka.fetch.batch_reader` goes on from there.
"""

from functools import cache
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled, entry_point, intrinsic
from streams.kafka.fetch.layout import (
    ATTRIBUTES_AT,
    BEFORE_LENGTH,
    CODEC,
    CONTROL,
    COUNT_AT,
    CRC_AT,
    FIRST_TIME_AT,
    LAST_DELTA_AT,
    LAST_TIME_AT,
    LENGTH_AT,
    LOG_APPEND_TIME,
    MAGIC,
    MAGIC_AT,
    RECORDS_AT,
    TRANSACTIONAL,
)
from streams.kafka.fetched import COLUMNS, KEY_START, KEY_STOP, OFFSET, TIMESTAMP, VALUE_START, VALUE_STOP, Table

_LEAST_RECORD = 7

Bytes = NDArray[np.uint8]


def _crc_tables() -> NDArray[np.uint32]:
    """Tables of CRC-32C (Castagnoli) for eight bytes at a time."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        tables[0, byte] = value
    for step in range(1, 8):
        below = tables[step - 1]
        tables[step] = (below >> 8) ^ tables[0][below & 0xFF]
    return tables


_TABLES = _crc_tables()
HAS_CRC_INSTRUCTION = bool(llvm.get_host_cpu_features().get("sse4.2", False))


@intrinsic
def _crc_step(typing: Any, crc: Any, value: Any) -> Any:
    """The processor's CRC-32C of eight bytes more (SSE 4.2)."""
    from llvmlite import ir  # noqa: PLC0415 - where it is compiled alone, as numba is
    from numba.core import cgutils, types  # noqa: PLC0415

    del typing

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        signature = ir.FunctionType(word, [word, word])
        insert: Any = cgutils.get_or_insert_function
        step = insert(builder.module, signature, "llvm.x86.sse42.crc32.64.64")
        return builder.call(step, arguments)

    return types.uint64(crc, value), generate


@compiled
def _word(data: Bytes, at: int) -> np.uint64:
    found = np.uint64(0)
    for place in range(8):
        found |= np.uint64(data[np.uint64(at + place)]) << np.uint64(8 * place)
    return found


@compiled
def crc_by_table(data: Bytes, start: int, stop: int) -> np.uint32:
    """CRC-32C of a stretch, on any processor."""
    crc = np.uint32(0xFFFFFFFF)
    at = start
    while at + 8 <= stop:
        word = _word(data, at) ^ np.uint64(crc)
        crc = np.uint32(0)
        for place in range(8):
            crc ^= _TABLES[7 - place, (word >> np.uint64(8 * place)) & np.uint64(0xFF)]
        at += 8
    while at < stop:
        crc = (crc >> np.uint32(8)) ^ _TABLES[0, (crc ^ np.uint32(data[at])) & np.uint32(0xFF)]
        at += 1
    return crc ^ np.uint32(0xFFFFFFFF)


@compiled
def crc_by_instruction(data: Bytes, start: int, stop: int) -> np.uint32:
    """CRC-32C of a stretch, where the processor has the instruction: four times faster than by table.

    The wheel `crc32c` 2.9 takes 0.38 of this time on 1 MB (15.7 to 5.9 GB/s, 15 turns in one run): 30 ns of an event of
    250 bytes. It stays, since compiled code cannot call the wheel, and a call from Python for each batch takes 0.4 us,
    which is more than it saves in batches of less than a dozen events.
    """
    wide = np.uint64(0xFFFFFFFF)
    at = start
    while at + 8 <= stop:
        wide = _crc_step(wide, _word(data, at))
        at += 8
    crc = np.uint32(wide)
    while at < stop:
        crc = (crc >> np.uint32(8)) ^ _TABLES[0, (crc ^ np.uint32(data[at])) & np.uint32(0xFF)]
        at += 1
    return crc ^ np.uint32(0xFFFFFFFF)


crc32c = crc_by_instruction if HAS_CRC_INSTRUCTION else crc_by_table


@compiled
def _integer(data: Bytes, at: int, size: int) -> int:
    """Big-endian, signed."""
    found = np.uint64(0)
    for place in range(size):
        found = (found << np.uint64(8)) | np.uint64(data[np.uint64(at + place)])
    shift = np.uint64(64 - 8 * size)
    return int(np.int64(found << shift) >> np.int64(64 - 8 * size))


@compiled
def _varint(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Zigzag number and where it ends; the end is past `stop` when it does not end before."""
    found, shift = np.uint64(0), np.uint64(0)
    while at < stop and shift < np.uint64(64):
        byte = np.uint64(data[np.uint64(at)])
        at += 1
        found |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            return int(np.int64(found >> np.uint64(1)) ^ -np.int64(found & np.uint64(1))), at
        shift += np.uint64(7)
    return 0, stop + 1


@compiled
def _whole_batch_end(data: Bytes, at: int, stop: int) -> int:
    """End of the batch that begins here; 0 when it is not there as a whole: responses are cut anywhere."""
    if at + BEFORE_LENGTH > stop:
        return 0
    end = at + BEFORE_LENGTH + _integer(data, at + LENGTH_AT, 4)
    return end if at < end <= stop else 0


@compiled
def _is_plain(data: Bytes, at: int, end: int, most: int, strange: int) -> bool:
    """Whether the header of a batch says that it can be read here; `strange` are the attributes that forbid it."""
    if end - at < RECORDS_AT or data[at + MAGIC_AT] != MAGIC or data[at + ATTRIBUTES_AT + 1] & strange:
        return False
    records = _integer(data, at + COUNT_AT, 4)
    return 0 <= records <= most and records * _LEAST_RECORD <= end - at - RECORDS_AT


@compiled
def _count(data: Bytes, start: int, stop: int, most: int, strange: int) -> tuple[int, int]:
    """Room that the records of the plain batches at the beginning of a stretch need, and where these end."""
    room, at = 0, start
    end = _whole_batch_end(data, at, stop)
    while end and _is_plain(data, at, end, most, strange):
        room += _integer(data, at + COUNT_AT, 4)
        at = end
        end = _whole_batch_end(data, at, stop)
    return room, at


@compiled
def _span(data: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Start and stop of a text after its length, and where to go on; (-1, -1) is null."""
    length, at = _varint(data, at, stop)
    if at > stop or length > stop - at:
        return -1, -1, stop + 1
    if length < 0:
        return -1, -1, at
    return at, at + length, at + length


@compiled
def _read_batch(data: Bytes, bounds: tuple[int, int], first: int, table: Table, row: int) -> int:
    """Read the records from offset `first` on into the table, from `row`; return the next row, -1 when malformed."""
    start, stop = bounds
    base, first_time = _integer(data, start, 8), _integer(data, start + FIRST_TIME_AT, 8)
    last_time = _integer(data, start + LAST_TIME_AT, 8)
    is_appended = (data[start + ATTRIBUTES_AT + 1] & LOG_APPEND_TIME) != 0
    at, least, last_delta = start + RECORDS_AT, 0, _integer(data, start + LAST_DELTA_AT, 4)
    for _ in range(_integer(data, start + COUNT_AT, 4)):
        length, at = _varint(data, at, stop)
        if at > stop or length < _LEAST_RECORD - 1 or length > stop - at:
            return -1
        end = at + length
        later, at = _varint(data, at + 1, end)  # after the attributes, which are unused
        delta, at = _varint(data, min(at, end), end)
        table[KEY_START, row], table[KEY_STOP, row], at = _span(data, min(at, end), end)
        table[VALUE_START, row], table[VALUE_STOP, row], at = _span(data, min(at, end), end)
        if at > end or not least <= delta <= last_delta:
            return -1
        least = delta + 1
        table[OFFSET, row] = base + delta
        table[TIMESTAMP, row] = last_time if is_appended else first_time + later
        row += base + delta >= first
        at = end  # over the headers, of which we make no use
    return row


@compiled
def _is_whole(data: Bytes, at: int, end: int) -> bool:
    """Whether the checksum of a batch is right."""
    expected = np.uint32(_integer(data, at + CRC_AT, 4) & 0xFFFFFFFF)
    return bool(crc32c(data, at + ATTRIBUTES_AT, end) == expected)


@compiled
def _leads_past_next(data: Bytes, end: int, limit: int, after: int) -> bool:
    """Whether what comes next in the response begins before offset `after`: no checksum covers a batch's own offset."""
    return end + LENGTH_AT <= limit and _integer(data, end, LENGTH_AT) < after


@compiled
def _read(
    data: Bytes, stretch: tuple[int, int, int], first: int, last: int, is_checked: bool, table: Table
) -> tuple[int, int, int]:
    """Read a stretch that `_count` has seen. Returns rows, the offset to go on with, and where the first bad one is."""
    start, stop, limit = stretch
    row, following, at = 0, first, start
    while at < stop:
        end = _whole_batch_end(data, at, stop)
        base = _integer(data, at, 8)
        after = base + _integer(data, at + LAST_DELTA_AT, 4) + 1
        if not following < after <= last or (base > following and _leads_past_next(data, end, limit, after)):
            break
        if not (is_checked or _is_whole(data, at, end)):
            break
        if not data[at + ATTRIBUTES_AT + 1] & CONTROL:
            next_row = _read_batch(data, (at, end), following, table, row)
            if next_row < 0:
                break
            row = next_row
        following, at = after, end
    return row, following, at


@compiled
def _checksum(data: Bytes, start: int, stop: int) -> np.uint32:
    return crc32c(data, start, stop)


_NOTHING = np.frombuffer(b"", np.uint8)


@cache
def _entries() -> tuple[Any, Any, Any]:
    """Count, read, checksum."""
    read = entry_point(_read, (_NOTHING, (0, 0, 0), 0, 0, True, np.empty((COLUMNS, 0), np.int64)))
    return entry_point(_count, (_NOTHING, 0, 0, 0, 0)), read, entry_point(_checksum, (_NOTHING, 0, 0))


def warm() -> None:
    """Compile all, or load it from the cache, so that the first fetch does not wait."""
    _entries()


def checksum(data: Bytes, start: int, stop: int) -> int:
    """CRC-32C of a stretch of the data, shape (bytes,). Blocks for 0.1 us a kilobyte."""
    return int(_entries()[2](data, start, stop))


def is_whole(data: bytes, start: int, stop: int) -> bool:
    """Whether the checksum of the batch (format 2) that stands there is right."""
    expected = int.from_bytes(data[start + CRC_AT : start + ATTRIBUTES_AT])
    return checksum(np.frombuffer(data, np.uint8), start + ATTRIBUTES_AT, stop) == expected


def read_batches(
    data: bytes,
    bounds: tuple[int, int, int, int],
    most: int,
    *,
    is_checked: bool = False,
    strict: bool = False,
) -> tuple[Table, int, int]:
    """Read the plain batches at the beginning of a stretch of a fetch response.

    Args:
        data: the response.
        bounds: where the batches of a partition begin in it, and where they end, the last may be cut; then the first
            offset that is wanted, and the end of the partition: a batch whose records are not between these lies.
        most: records that a plain batch has at most.
        is_checked: the checksums need not be looked at.
        strict: batches of transactions are not taken for plain.

    Returns:
        One column of the table for each record, its rows `OFFSET` to `VALUE_STOP` (starts and stops are positions in
        `data`, -1 for null; timestamps are epoch milliseconds); the offset to go on with; where the first batch stands
        that was not read, at the end of the stretch or before a cut one when there is none.
    """
    view = np.frombuffer(data, np.uint8)
    start, stop, first, last = bounds
    count, read, _ = _entries()
    room, end = count(view, start, stop, most, CODEC | TRANSACTIONAL if strict else CODEC)
    table = np.empty((COLUMNS, room + 1), np.int64)  # a record that is left out is overwritten, at the end beyond it
    rows, following, at = read(view, (start, end, stop), first, last, is_checked, table)
    return table[:, :rows], following, at
