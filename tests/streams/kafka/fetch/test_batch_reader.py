"""Batches read by us against aiokafka's own reader, and what becomes of those that are too large or damaged."""

import struct
from typing import Any

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from hypothesis import example, given
from hypothesis import strategies as st

from streams.kafka.fetch.batch_reader import BITE_BYTES, BatchDamaged, BatchLimits, BatchReader, Stretch
from streams.kafka.fetch.unpacking import TooLarge
from streams.wire.refusals import Code
from tests.streams.kafka.fetch.batches import (
    ABORT,
    APPENDED,
    ATTRIBUTES_AT,
    CODECS,
    COMMIT,
    COUNT_AT,
    LAST_TIME_AT,
    LIMITS,
    MAGIC_AT,
    RECORDS_AT,
    TRANSACTIONAL,
    Read,
    Record,
    batch,
    bite,
    marker,
    ours,
    reader,
    signed,
    theirs,
)

ENCODE = {0: bytes, 1: gzip_encode, 2: snappy_encode, 3: lz4_encode, 4: zstd_encode}
TEXTS = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=9)), max_size=3)
RECORDS = st.lists(st.tuples(st.integers(0, 2**42), TEXTS, TEXTS, HEADERS), min_size=1, max_size=12)
BATCHES = st.lists(st.tuples(RECORDS, st.sampled_from(sorted(CODECS.values()))), min_size=1, max_size=5)
START = 1_000_000
COMPRESSED = [pytest.param(codec, id=name) for name, codec in CODECS.items() if codec]


@given(BATCHES, st.integers(0, 30), st.integers(0, 40), st.booleans())
def test_every_record_is_what_aiokafka_reads(
    batches: list[tuple[list[Record], int]], skipped: int, cut: int, is_appended: bool
) -> None:
    """All codecs, nulls, headers, offsets before the one asked for, a batch that is cut, the broker's own time."""
    data, base = b"", START
    for records, codec in batches:
        made = batch(base, records, codec)
        if is_appended:
            made[ATTRIBUTES_AT + 1] |= APPENDED
            made[LAST_TIME_AT : LAST_TIME_AT + 8] = (1_700_000_000_123).to_bytes(8, "big")
        data += bytes(signed(made))
        base += len(records) + 2  # a hole, as compaction leaves it
    skipped %= len(batches[0][0])  # a broker begins with the batch that holds what was asked for
    data = data[: max(0, len(data) - cut)]

    assert ours(data, START + skipped) == theirs(data, START + skipped)


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["records", "plain", "commit", "abort"]), RECORDS), max_size=14
)


@given(STEPS, st.sampled_from(sorted(CODECS.values())))
def test_what_was_aborted_is_left_out_as_aiokafka_leaves_it_out(
    steps: list[tuple[int, str, list[Record]]], codec: int
) -> None:
    """Transactions of four producers between each other and between records of none, any codec."""
    data, base = b"", START
    began: dict[int, int] = {}
    aborted: list[tuple[int, int]] = []
    for producer, step, records in steps:
        if step == "plain":
            data += bytes(batch(base, records, codec))
        elif step == "records":
            began.setdefault(producer, base)
            data += bytes(batch(base, records, codec, TRANSACTIONAL, producer))
        else:
            first = began.pop(producer, None)
            aborted += [(producer, first)] if step == "abort" and first is not None else []
            data += bytes(marker(base, producer, ABORT if step == "abort" else COMMIT))
        base += len(records) if step in {"records", "plain"} else 1

    assert ours(data, START, aborted) == theirs(data, START, aborted)


def test_a_marker_at_the_end_is_no_record_and_moves_the_offset_on() -> None:
    """Else a quiet partition behind it would look as if it had something unread."""
    data = bytes(batch(5, [(9, None, b"call", [])], 0, TRANSACTIONAL, 1) + marker(6, 1, COMMIT))

    assert ours(data, 5) == ([(5, 9, None, b"call")], 7, [])
    assert ours(bytes(marker(6, 1, COMMIT)), 6) == ([], 7, [])


@pytest.mark.parametrize("codec", [0, 1])
def test_messages_of_the_oldest_formats_are_read_too(codec: int) -> None:
    """A topic that was upgraded still holds them; compressed they are bounded like all others."""
    builder = LegacyRecordBatchBuilder(1, codec, 1 << 20)
    for offset in range(3):
        builder.append(offset, 1_700_000_000_000 + offset, b"key", b"value" * 9_000, [])
    made = builder.build()
    if codec:  # the broker gives what holds them the offset of the last
        made[:8] = (2).to_bytes(8, "big")
    data = bytes(made)

    assert ours(data, 1) == theirs(data, 1)
    assert len(ours(data, 1)[0]) == 2
    if codec:
        with pytest.raises(TooLarge):
            reader(data, 0).read(100_000)


# What is too large


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_batch_is_unpacked_up_to_the_bound_and_not_a_byte_further(codec: int) -> None:
    """The bound is of all records of the batch together."""
    made = bytes(batch(5, [(0, None, b"\0" * 70_000, []) for _ in range(3)], codec))
    size = len(batch(5, [(0, None, b"\0" * 70_000, []) for _ in range(3)])) - RECORDS_AT

    assert len(reader(made, 5).read(size)) == 3
    with pytest.raises(TooLarge):
        reader(made, 5).read(size - 1)


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_batch_beyond_the_bound_is_stepped_over_and_those_around_it_are_read(codec: int) -> None:
    """The offsets of exactly its records are left out."""
    good, after = batch(5, [(0, None, b"one", [])], codec), batch(9, [(0, None, b"two", [])], codec)
    bomb = batch(6, [(0, None, b"\0" * LIMITS.unpacked_bytes, []), (0, None, None, []), (0, None, None, [])], codec)

    found, following, unreadable = ours(bytes(good + bomb + after), 5)

    assert [record[3] for record in found] == [b"one", b"two"]
    assert [(one.first, one.last, one.code) for one in unreadable] == [(6, 8, Code.BATCH_TOO_LARGE)]
    assert following == 10


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_batch_with_more_records_than_the_bound_is_stepped_over(codec: int) -> None:
    """Plain ones too: each record costs time, however short it is."""
    most = BatchLimits(1 << 20, 3)
    data = bytes(batch(5, [(0, None, b"x", [])] * 4, codec) + batch(9, [(0, None, b"x", [])] * 3, codec))
    one = BatchReader(Stretch(data, 0, len(data), 100), 5, most)

    with pytest.raises(TooLarge):
        one.read(1 << 20)
    rows = one.step_over(Code.BATCH_TOO_LARGE, most.meaning)

    assert rows.unreadable is not None
    assert (rows.unreadable.first, rows.unreadable.last, len(rows)) == (5, 8, 0)
    assert one.read(1 << 20).offsets() == [9, 10, 11]


def test_a_message_of_an_old_format_with_more_records_than_the_bound_is_stepped_over() -> None:
    """1.2 MB of them held 450,000 records, for each of which aiokafka makes objects: 2.3 s and 294 MiB."""
    made = {}
    for count in (LIMITS.records, LIMITS.records + 1):
        builder = LegacyRecordBatchBuilder(1, 1, 1 << 24)
        for offset in range(count):
            builder.append(offset, 1_700_000_000_000, None, b"x", [])
        made[count] = builder.build()
        made[count][:8] = (count - 1).to_bytes(8, "big")
    after = batch(LIMITS.records + 1, [(0, None, b"next", [])])

    assert len(ours(bytes(made[LIMITS.records]), 0)[0]) == LIMITS.records
    found, following, unreadable = ours(bytes(made[LIMITS.records + 1] + after), 0)

    assert [record[3] for record in found] == [b"next"]
    assert [(one.last, one.code) for one in unreadable] == [(LIMITS.records, Code.BATCH_TOO_LARGE)]
    assert following == LIMITS.records + 2


@pytest.mark.parametrize("codec", COMPRESSED)
def test_many_batches_that_are_small_come_in_bites(codec: int) -> None:
    """A response of a megabyte may hold hundreds of megabytes: no bite has more than two batches beyond its bound."""
    value = b"\0" * (BITE_BYTES // 4)
    data = b"".join(bytes(batch(offset, [(0, None, value, [])], codec)) for offset in range(40))
    one = reader(data, 0)
    bites: list[int] = []
    while not one.is_done:
        bites += bite(one).offsets()
        assert one.copied_bytes <= BITE_BYTES * 5 // 4 + 500
    assert bites == list(range(40))


# What is damaged


@given(BATCHES, BATCHES, RECORDS, st.sampled_from(sorted(CODECS.values())), st.data())
def test_one_changed_bit_costs_the_batches_around_it_nothing(
    before: list[tuple[list[Record], int]],
    after: list[tuple[list[Record], int]],
    records: list[Record],
    codec: int,
    data: st.DataObject,
) -> None:
    """Wherever in a batch it is: in its records, its length, its offset, its checksum, its attributes.

    The broker is asked again from where reading goes on, and begins with the batch that it believes to be there.
    """
    made: list[bytes] = []
    ends: list[int] = []
    base = 0
    for some, its_codec in [*before, (records, codec), *after]:
        made.append(bytes(batch(base, some, its_codec)))
        base += len(some)
        ends.append(base)
    damaged = bytearray(made[len(before)])
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    sound = [record for place, one in enumerate(made) if place != len(before) for record in theirs(one, 0)[0]]
    made[len(before)] = bytes(damaged)

    offset, left_out = 0, set[int]()
    found: list[Read] = []
    while offset < base:
        first = next(place for place, end in enumerate(ends) if end > offset)
        one = reader(b"".join(made[first:]), offset, end=base)
        while True:
            rows = bite(one)
            found += zip(rows.offsets(), rows.arrivals_ms().tolist(), rows.keys(), rows.values(), strict=True)
            if rows.unreadable is not None:
                left_out.update(range(rows.unreadable.first, rows.unreadable.last + 1))
            if one.is_done:
                break
        assert one.offset >= offset
        offset = one.offset

    bad = set(range(ends[len(before)] - len(records), ends[len(before)]))
    assert left_out <= bad
    assert [record for record in found if record in sound] == sound


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("wrong", [0, 2, 3, 4, 5, 2**32])
def test_a_batch_that_lies_about_its_offset_hides_none_of_the_others(codec: int, wrong: int) -> None:
    """No checksum covers the offset of a batch. A record that has no offset but a false one may be read under that.

    sound    0 | 1 2 | 3 | 4 5       the second batch, of two records, calls itself `wrong`
    """
    sizes = (1, 2, 1, 2)
    made, base = [], 0
    for place, size in enumerate(sizes):
        made.append(batch(base, [(0, None, b"%d" % place, [])] * size, codec))
        base += size
    made[1][:8] = wrong.to_bytes(8, "big")
    one = reader(b"".join(map(bytes, made)), 0, end=base)
    found: list[tuple[int, bytes | None]] = []
    while not one.is_done:
        rows = bite(one)
        found += zip(rows.offsets(), rows.values(), strict=True)
        assert one.offset <= base, "nothing is behind that has not come yet"

    offsets = [offset for offset, _ in found]
    assert sorted(set(offsets)) == offsets
    assert [record for record in found if record[1] != b"1"] == [(0, b"0"), (3, b"2"), (4, b"3"), (5, b"3")]


CHANGES = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=5)


@given(st.lists(RECORDS, min_size=1, max_size=3), st.sampled_from(sorted(CODECS.values())), st.integers(0, 3), CHANGES)
@example([[(0, b"", b"", [])]], 0, 0, [(26, 255)])
@example([[(0, b"", b"", [])]], 0, 1, [(34, 255)])
def test_whatever_bytes_are_changed_nothing_but_its_signals_leaves_the_reader(
    batches: list[list[Record]], codec: int, magic: int, changes: list[tuple[int, int]]
) -> None:
    """Several bytes at once, in a batch that calls itself one of another format; aiokafka reads the old ones."""
    made, base = b"", 0
    for records in batches:
        made += bytes(batch(base, records, codec))
        base += len(records)
    damaged = bytearray(made)
    damaged[MAGIC_AT] = magic
    for place, value in changes:
        damaged[place % len(damaged)] = value

    _, following, _ = ours(bytes(damaged), 0, end=base)

    assert following <= base


def test_what_stands_at_an_offset_that_the_broker_does_not_have_is_damaged() -> None:
    """The offset is under no checksum. What is out of range there would be read from the beginning again."""
    data = bytes(batch(5, [(0, None, b"one", [])]) + batch(2**40, [(0, None, b"lost", [])]))

    found, following, unreadable = ours(data, 5, end=7)

    assert [record[3] for record in found] == [b"one"]
    assert [(one.first, one.last, one.code) for one in unreadable] == [(6, 6, Code.BATCH_DAMAGED)]
    assert following == 7


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("count", [0, 1, 3, 5, 100, 10_000, 2**31 - 1, -1])
def test_a_record_count_that_lies_costs_its_batch_alone(count: int, codec: int) -> None:
    """More records than there are make it unreadable; nothing is reserved for them."""
    lying = batch(5, [(0, b"key", b"value", [])] * 4, codec)
    lying[COUNT_AT : COUNT_AT + 4] = struct.pack(">i", count)
    data = bytes(signed(lying) + batch(9, [(0, None, b"next", [])], codec))

    found, following, unreadable = ours(data, 5)

    assert found[-1][3] == b"next"
    assert following == 10
    assert [(one.first, one.last) for one in unreadable] == ([] if 0 <= count <= 4 else [(5, 8)])


def varint(number: int) -> bytes:
    """As the format writes integers: zigzag, seven bits a byte."""
    rest, found = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("lie", [-(2**63), -(2**31), -2, 6, 7, 100, 2**31 - 1, 2**31, 2**62, 2**63 - 1])
@pytest.mark.parametrize("place", ["length", "delta", "key", "value"])
def test_a_length_that_lies_costs_its_batch_alone(place: str, lie: int, codec: int) -> None:
    """Of a record, key or value, or the number of a record: 5, 1, 3 and 5 would be the truth."""
    told = {"length": 17, "delta": 1, "key": 3, "value": 5} | {place: lie}
    body = b"\0" + varint(0) + varint(told["delta"]) + varint(told["key"]) + b"key" + varint(told["value"]) + b"value"
    told["length"] = lie if place == "length" else len(body) + 1
    lying = batch(5, [(0, b"key", b"first", []), (0, None, None, [])])
    records = bytes(lying[RECORDS_AT:-7]) + varint(told["length"]) + body + b"\0"
    packed = ENCODE[codec](records)
    lying[RECORDS_AT:] = packed
    lying[8:12] = (len(lying) - 12).to_bytes(4, "big")
    lying[ATTRIBUTES_AT + 1] |= codec
    data = bytes(signed(lying) + batch(7, [(0, None, b"next", [])], codec))

    found, following, unreadable = ours(data, 5)

    assert found[-1] == (7, 0, None, b"next")
    assert following == 8
    assert [(one.first, one.last) for one in unreadable] in ([], [(5, 6)])
    assert all((key or b"") in records and (value or b"") in records + b"next" for _, _, key, value in found)
    if unreadable:
        assert len(found) == 1


@given(st.binary(max_size=120), st.integers(0, 20), st.sampled_from(sorted(CODECS.values())))
def test_nonsense_under_a_right_checksum_reads_nothing_outside_of_it(nonsense: bytes, count: int, codec: int) -> None:
    """Lengths that lie never lead out of the batch: it is refused, or its texts lie within."""
    made: Any = batch(0, [(0, None, None, [])])[:RECORDS_AT] + nonsense
    made[ATTRIBUTES_AT + 1] |= codec
    made[8:12] = (len(made) - 12).to_bytes(4, "big")
    made[COUNT_AT:RECORDS_AT] = count.to_bytes(4, "big")
    made[23:27] = max(0, count - 1).to_bytes(4, "big")
    found, _, _ = ours(bytes(signed(made)), 0)
    for _, _, key, value in found if not codec else ():
        assert (key or b"") in nonsense
        assert (value or b"") in nonsense


@pytest.mark.parametrize("length", [0, -1, -12, -(2**31), 5, 2**31 - 1])
def test_a_length_that_none_can_have_is_damage(length: int) -> None:
    """Else nothing would be read, and the same be fetched for ever."""
    data = batch(4, [(0, b"key", b"value", [])])
    data[8:12] = struct.pack(">i", length)
    one = reader(bytes(data), 4)

    with pytest.raises(BatchDamaged):
        one.read(BITE_BYTES)
    assert one.step_over(Code.BATCH_DAMAGED, "").end == 5
