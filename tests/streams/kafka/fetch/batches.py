"""Batches as producers make and brokers number them, and what is read of them, by us and by aiokafka."""

from collections.abc import Sequence

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streams.kafka.fetch.batch_reader import BITE_BYTES, BatchDamaged, BatchLimits, BatchReader, Stretch
from streams.kafka.fetch.unpacking import TooLarge
from streams.kafka.fetched import Rows, Unreadable
from streams.wire.refusals import Code

MAGIC_AT, CRC_AT, ATTRIBUTES_AT, LAST_TIME_AT, PRODUCER_AT, COUNT_AT, RECORDS_AT = 16, 17, 21, 35, 43, 57, 61
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
LIMITS = BatchLimits(unpacked_bytes=1 << 20, records=10_000)
END = 2**62
COMMIT, ABORT = b"\0\0\0\1", b"\0\0\0\0"
TRANSACTIONAL, CONTROL, APPENDED = 0x10, 0x20, 0x08

Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
Read = tuple[int, int, bytes | None, bytes | None]


def batch(base: int, records: Sequence[Record], codec: int = 0, attributes: int = 0, producer: int = -1) -> bytearray:
    """One batch of format 2 from offset `base` on, as a producer makes and a broker numbers it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, producer, 0 if producer >= 0 else -1, -1, 1 << 30)
    for place, (time, key, value, headers) in enumerate(records):
        assert builder.append(place, time, key, value, headers) is not None
    found = bytearray(builder.build())
    found[:8] = base.to_bytes(8, "big")
    found[ATTRIBUTES_AT + 1] |= attributes
    return signed(found)


def marker(base: int, producer: int, kind: bytes) -> bytearray:
    """What ends a transaction, at an offset of its own."""
    return batch(base, [(0, kind, b"\0\0\0\0\0\0", [])], 0, TRANSACTIONAL | CONTROL, producer)


def signed(found: bytearray) -> bytearray:
    """Put the right checksum on a batch that was changed."""
    found[CRC_AT : CRC_AT + 4] = calc_crc32c(bytes(found[ATTRIBUTES_AT:])).to_bytes(4, "big")
    return found


def reader(data: bytes, first: int, aborted: Sequence[tuple[int, int]] = (), end: int = END) -> BatchReader:
    """A reader of something in the middle of a response."""
    return BatchReader(Stretch(b"head" + data + b"tail", 4, 4 + len(data), end, aborted), first, LIMITS)


def bite(one: BatchReader) -> Rows:
    """The next bite, as the fetcher takes it."""
    try:
        try:
            return one.read(BITE_BYTES)
        except TooLarge:
            return one.read(LIMITS.unpacked_bytes)
    except TooLarge:
        return one.step_over(Code.BATCH_TOO_LARGE, "too large")
    except BatchDamaged as error:
        return one.step_over(Code.BATCH_DAMAGED, str(error))


def ours(
    data: bytes, first: int, aborted: Sequence[tuple[int, int]] = (), end: int = END
) -> tuple[list[Read], int, list[Unreadable]]:
    """Records that we read, the offset to go on with, and what cannot be read."""
    one = reader(data, first, aborted, end)
    found: list[Read] = []
    unreadable: list[Unreadable] = []
    while not one.is_done:
        begin, rows = one.offset, bite(one)
        assert (rows.begin, rows.end) == (begin, one.offset)
        assert all(rows.begin <= offset < rows.end for offset in rows.offsets())
        found += zip(rows.offsets(), rows.arrivals_ms().tolist(), rows.keys(), rows.values(), strict=True)
        unreadable += [rows.unreadable] if rows.unreadable else []
    return found, one.offset, unreadable


def theirs(
    data: bytes, first: int, aborted: Sequence[tuple[int, int]] = ()
) -> tuple[list[Read], int, list[Unreadable]]:
    """What aiokafka reads."""
    tp = TopicPartition("call-events", 3)
    records = PartitionRecords(tp, MemoryRecords(data), list(aborted), first, None, None, True, READ_COMMITTED)
    return [(one.offset, one.timestamp, one.key, one.value) for one in records], records.next_fetch_offset, []
