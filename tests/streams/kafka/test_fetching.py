"""Fetch requests and responses packed by us, byte for byte those of aiokafka."""

import struct
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetching import BatchFetcher, Fetched, PackedFetch, PackedFetchRequest, PackedFetchResponse, Stretch
from tests.streams.kafka.test_record_batches import batch

INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64))
TOPICS = st.text(st.characters(max_codepoint=0x24F), min_size=1, max_size=20)
WHOLE = bytes(batch(4, [(0, b"key", b"value", [])]))
SPEAKS = {1: (4, 17)}
Partitions = list[tuple[Any, ...]]


@given(
    st.lists(st.tuples(TOPICS, st.lists(st.tuples(INT32, INT64, INT32), max_size=4)), max_size=3),
    st.sampled_from([0, 1]),
    TOPICS,
)
def test_a_request_is_the_bytes_that_aiokafka_sends(
    topics: list[tuple[str, list[tuple[int, int, int]]]], isolation: int, rack: str
) -> None:
    """With its header: the connection makes that."""
    request = FetchRequest(100, 1, 2_000_000, isolation, topics, rack)

    packed, slow = PackedFetch(request).prepare(SPEAKS), request.prepare({1: (4, 11)})

    assert isinstance(packed, PackedFetchRequest)
    assert packed.encode() == slow.encode()
    assert packed.build_request_header(7, "us").encode() == slow.build_request_header(7, "us").encode()


@pytest.mark.parametrize("versions", [{1: (4, 10)}, {1: (12, 17)}])
def test_a_broker_that_does_not_speak_our_version_is_left_to_aiokafka(versions: dict[int, tuple[int, int]]) -> None:
    """It chooses another version, or says that there is none."""
    request = FetchRequest(100, 1, 2_000_000, 0, [("calls", [(0, 0, 1)])])
    try:
        expected = request.prepare(versions).encode()
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            PackedFetch(request).prepare(versions)
        return
    assert PackedFetch(request).prepare(versions).encode() == expected


PARTITION = st.tuples(
    st.integers(0, 50), INT16, INT64, INT64, INT64, st.none() | st.lists(st.tuples(INT64, INT64), max_size=2), INT32,
    st.sampled_from([None, b"", WHOLE, WHOLE + WHOLE[:30], WHOLE[:-1], WHOLE[:5]]),
)  # fmt: skip


PARTITIONS = st.lists(PARTITION, max_size=4, unique_by=lambda one: one[0])


@given(st.dictionaries(TOPICS, PARTITIONS, max_size=3))
def test_a_response_is_read_as_aiokafka_reads_it(answered: dict[str, Partitions]) -> None:
    """But for the records, which are kept apart where there is a whole batch of them."""
    topics = list(answered.items())
    body = b"head" + FetchResponse_v11(3, 0, 0, topics).encode()
    frame = BytesIO(body)
    frame.read(4)
    packed = PackedFetch(FetchRequest(100, 1, 2_000_000, 0, []))

    found: PackedFetchResponse = packed.prepare(SPEAKS).RESPONSE_TYPE.decode(frame)

    assert packed.response is found
    assert found.API_VERSION == FetchResponse_v11.API_VERSION
    kept = {tp: one.data[one.start : one.stop] for tp, one in found.records.items()}
    assert kept == {
        TopicPartition(topic, one[0]): one[-1]
        for topic, partitions in topics
        for one in partitions
        if one[-1] is not None and one[-1].startswith(WHOLE)
    }
    expected = [
        (topic, [(*one[:5], None, one[6], left_of(one[-1] or b"")) for one in partitions])
        for topic, partitions in topics
    ]
    assert found.topics == expected


def left_of(records: bytes) -> bytes:
    """What is left for aiokafka."""
    return b"" if records.startswith(WHOLE) else records


class Position:
    """Where a partition stands, as aiokafka keeps it."""

    paused = False
    position = 0

    def consumed_to(self, position: int) -> None:
        self.position = position


def test_a_damaged_batch_costs_the_partitions_before_it_nothing() -> None:
    """What was taken of them is given; the next call raises, and the damaged one has not moved on."""
    good, bad = TopicPartition("calls", 0), TopicPartition("calls", 1)
    states = {place: Position() for place in (good, bad)}
    assignment = SimpleNamespace(active=True, state_value=states.__getitem__)
    damaged = WHOLE[:-2] + bytes([WHOLE[-2] ^ 1]) + WHOLE[-1:]
    fetcher: Any = BatchFetcher.__new__(BatchFetcher)
    fetcher._wait_consume_future = None
    fetcher._records = {
        place: Fetched(Stretch(data, 0, len(data)), 0, assignment, 1.0)
        for place, data in ((good, WHOLE), (bad, damaged))
    }

    assert [len(rows) for rows in fetcher._take(list(states)).values()] == [1]
    with pytest.raises(CorruptRecordException):
        fetcher._take(list(states))
    assert (states[good].position > 0, states[bad].position) == (True, 0)


@pytest.mark.parametrize("length", [0, -1, -12, -(2**31)])
def test_a_length_that_none_can_have_is_left_to_aiokafka(length: int) -> None:
    """Else nothing would be read, and the same be fetched for ever."""
    data = WHOLE[:8] + struct.pack(">i", length) + WHOLE[12:]

    assert not Stretch(data, 0, len(data)).has_a_batch()


def test_requests_are_printed_for_a_log() -> None:
    assert (
        repr(PackedFetch(FetchRequest(100, 1, 1, 0, [("calls", [(0, 0, 1)])])).prepare(SPEAKS))
        == "PackedFetchRequest(1 topics)"
    )
