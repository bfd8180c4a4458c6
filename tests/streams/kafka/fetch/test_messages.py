"""Fetch requests and responses packed by us, byte for byte those of aiokafka."""

from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v3, FetchResponse_v4, FetchResponse_v11
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.fetch.messages import PackedFetch, PackedFetchRequest, PackedFetchResponse

INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64))
TOPICS = st.text(st.characters(max_codepoint=0x24F), min_size=1, max_size=20)
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
    st.sampled_from([None, b"", b"batch", b"batches" * 30]),
)  # fmt: skip
PARTITIONS = st.lists(PARTITION, max_size=4, unique_by=lambda one: one[0])


def received(versions: dict[int, tuple[int, int]], response: Any) -> PackedFetchResponse:
    """What is read of a response to a request that was prepared for these versions."""
    frame = BytesIO(b"head" + response.encode())
    frame.read(4)
    packed = PackedFetch(FetchRequest(100, 1, 2_000_000, 0, []))
    found: PackedFetchResponse = packed.prepare(versions).RESPONSE_TYPE.decode(frame)
    assert packed.response is found
    return found


@given(st.dictionaries(TOPICS, PARTITIONS, max_size=3))
def test_a_response_is_read_as_aiokafka_reads_it(answered: dict[str, Partitions]) -> None:
    """But for the records and what belongs to them, which are kept apart."""
    topics = list(answered.items())

    found = received(SPEAKS, FetchResponse_v11(3, 0, 0, topics))

    assert found.API_VERSION == FetchResponse_v11.API_VERSION
    assert kept(found) == {
        TopicPartition(topic, one[0]): (one[7], one[2], one[5] or [])
        for topic, partitions in topics
        for one in partitions
        if one[7]
    }
    assert found.topics == [
        (topic, [(*one[:5], None, one[6], b"") for one in partitions]) for topic, partitions in topics
    ]


def kept(found: PackedFetchResponse) -> dict[TopicPartition, tuple[Any, ...]]:
    """Records, end of the partition and aborted transactions."""
    return {tp: (one.data[one.start : one.stop], one.end, list(one.aborted)) for tp, one in found.records.items()}


def test_a_response_of_a_broker_that_is_older_gives_the_same() -> None:
    """Version 4 is the first with transactions, in version 3 every record is final."""
    partition, records = TopicPartition("calls", 7), b"batches"
    newer = received({1: (4, 4)}, FetchResponse_v4(3, [("calls", [(7, 0, 90, 80, [(5, 60)], records)])]))
    older = received({1: (0, 3)}, FetchResponse_v3(3, [("calls", [(7, 0, 90, records), (8, 0, 5, b"")])]))

    assert kept(newer) == {partition: (records, 90, [(5, 60)])}
    assert newer.topics == [("calls", [(7, 0, 90, 80, 0, None, -1, b"")])]
    assert kept(older) == {partition: (records, 90, [])}
    assert older.topics == [("calls", [(7, 0, 90, 90, 0, None, -1, b""), (8, 0, 5, 5, 0, None, -1, b"")])]


def test_requests_are_printed_for_a_log() -> None:
    assert (
        repr(PackedFetch(FetchRequest(100, 1, 1, 0, [("calls", [(0, 0, 1)])])).prepare(SPEAKS))
        == "PackedFetchRequest(1 topics)"
    )
