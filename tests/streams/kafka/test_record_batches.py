"""Record batches read by us against aiokafka's own reader, and what happens to damaged ones."""

import numpy as np
import pytest
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetching import Stretch, read_rows
from streams.kafka.record_batches import crc32c, crc_by_table

TP = TopicPartition("call-events", 3)
TEXTS = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=9)), max_size=3)
TIMES = st.integers(0, 2**42)
RECORDS = st.lists(st.tuples(TIMES, TEXTS, TEXTS, HEADERS), min_size=1, max_size=12)
Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
CRC_AT, ATTRIBUTES_AT, LAST_TIME_AT = 17, 21, 35


def batch(base: int, records: list[Record], codec: int = 0) -> bytearray:
    """One batch of format 2 from offset `base` on, as a producer makes and a broker numbers it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1_000_000)
    for place, (time, key, value, headers) in enumerate(records):
        assert builder.append(place, time, key, value, headers) is not None
    found = bytearray(builder.build())
    found[:8] = base.to_bytes(8, "big")
    return found


def signed(found: bytearray) -> bytearray:
    """Put the right checksum on a batch that was changed."""
    found[CRC_AT : CRC_AT + 4] = calc_crc32c(bytes(found[ATTRIBUTES_AT:])).to_bytes(4, "big")
    return found


def ours(data: bytes, first: int) -> tuple[list[tuple[int, int, bytes | None, bytes | None]], int]:
    """What we read, from the middle of something longer as in a response."""
    rows, following = read_rows(TP, Stretch(b"head" + data + b"tail", 4, 4 + len(data)), first)
    return list(zip(rows.offsets(), rows.arrivals_ms().tolist(), rows.keys(), rows.values(), strict=True)), following


def theirs(data: bytes, first: int) -> tuple[list[tuple[int, int, bytes | None, bytes | None]], int]:
    """What aiokafka reads."""
    records = PartitionRecords(TP, MemoryRecords(data), None, first, None, None, True, READ_UNCOMMITTED)
    return [(one.offset, one.timestamp, one.key, one.value) for one in records], records.next_fetch_offset


@given(st.lists(RECORDS, min_size=1, max_size=5), st.integers(0, 30), st.integers(0, 40), st.booleans())
def test_every_record_is_what_aiokafka_reads(
    batches: list[list[Record]], skipped: int, cut: int, is_appended: bool
) -> None:
    """Nulls, headers, offsets before the one asked for, a last batch that is cut, and the broker's own time."""
    data, base = b"", 1_000_000
    for records in batches:
        made = batch(base, records)
        if is_appended:
            made[ATTRIBUTES_AT + 1] |= 0x08
            made[LAST_TIME_AT : LAST_TIME_AT + 8] = (1_700_000_000_123).to_bytes(8, "big")
        data += bytes(signed(made))
        base += len(records) + 2  # a hole, as compaction leaves it
    skipped %= len(batches[0])  # a broker begins with the batch that holds what was asked for
    data = data[: max(0, len(data) - cut)]

    assert ours(data, 1_000_000 + skipped) == theirs(data, 1_000_000 + skipped)


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_a_compressed_batch_is_read_too(codec: int) -> None:
    """Alone, and behind one that is not."""
    records: list[Record] = [(1_700_000_000_000 + n, b"key", b"value %d" % n, []) for n in range(20)]
    for data in (batch(5, records, codec), batch(5, records[:3]) + batch(8, records, codec)):
        assert ours(bytes(data), 7) == theirs(bytes(data), 7)


def test_batches_of_the_oldest_formats_are_read_too() -> None:
    """A topic that was upgraded still holds them."""
    builder = LegacyRecordBatchBuilder(1, 0, 10_000)
    for offset in range(3):
        builder.append(offset, 1_700_000_000_000 + offset, b"key", b"value", [])
    data = bytes(builder.build())
    assert ours(data, 1) == theirs(data, 1)
    assert len(ours(data, 1)[0]) == 2


def test_what_controls_a_transaction_is_no_record() -> None:
    """It moves the offset on, and is not handed out."""
    made = batch(7, [(0, b"\0\0\0\1", b"\0\0\0\0\0\0", [])])
    made[ATTRIBUTES_AT + 1] |= 0x30
    data = bytes(signed(made) + batch(8, [(5, None, b"call", [])]))
    assert ours(data, 7) == theirs(data, 7) == ([(8, 5, None, b"call")], 9)


@given(RECORDS, st.data())
def test_a_bit_that_changed_on_its_way_is_noticed(records: list[Record], data: st.DataObject) -> None:
    """Anywhere behind the checksum."""
    made = batch(0, records)
    bit = data.draw(st.integers(8 * ATTRIBUTES_AT + 16, 8 * len(made) - 1))  # a changed codec is aiokafka's to notice
    made[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRecordException):
        ours(bytes(made), 0)


@given(st.binary(max_size=120), st.integers(0, 20))
def test_nonsense_under_a_right_checksum_reads_nothing_outside_of_it(nonsense: bytes, count: int) -> None:
    """Lengths that lie never lead out of the batch: it is refused, or its texts lie within."""
    made = batch(0, [(0, None, None, [])])[:61] + nonsense
    made[8:12] = (len(made) - 12).to_bytes(4, "big")
    made[57:61] = count.to_bytes(4, "big")
    try:
        found, _ = ours(bytes(signed(made)), 0)
    except CorruptRecordException:
        return
    for _, _, key, value in found:
        assert (key or b"") in nonsense
        assert (value or b"") in nonsense


@given(st.binary(max_size=300), st.integers(0, 20))
def test_the_checksum_is_the_same_with_and_without_the_instruction(data: bytes, start: int) -> None:
    """CRC-32C, against aiokafka's."""
    view = np.frombuffer(data, np.uint8)
    start = min(start, len(data))
    assert crc32c(view, start, len(data)) == crc_by_table(view, start, len(data)) == calc_crc32c(data[start:])
