"""Fetch requests and responses, packed and unpacked with `struct`: the versions and fields of the wire, no client.

aiokafka encodes a fetch of twelve partitions field by field (0.3 ms), and decodes the answer the same way. Here both
are read and written at once, in the version that brokers have spoken since 2.3; aiokafka speaks all others.
"""

# ruff: noqa: SLF001 - aiokafka has no public way to the fields of a request; `tests/contracts` pins what is used here

import struct
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11
from aiokafka.structs import TopicPartition

from streams.kafka.fetch.batch_reader import Stretch

VERSION = 11
_HEAD = struct.Struct(">iiiibii")
_ASKED = struct.Struct(">iiqqi")
_ANSWER_HEAD_BYTES = 10
_ANSWERED = struct.Struct(">ihqqqi")
_RECORDS_HEAD = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")
_TEXT_LENGTH = struct.Struct(">h")
_ABORTED = struct.Struct(">qq")


class PackedFetchResponse(NamedTuple):
    """A fetch response.

    Attributes:
        topics: what aiokafka's fetcher wants to see of it, records left out.
        records: those.
    """

    topics: list[tuple[str, list[tuple[Any, ...]]]]
    records: dict[TopicPartition, Stretch]
    API_VERSION: int = VERSION


def read_response(data: bytes, at: int) -> PackedFetchResponse:
    """Read a response of version 11 whose header ends at `at`."""
    (topic_count,) = _LENGTH.unpack_from(data, at + _ANSWER_HEAD_BYTES)
    at += _ANSWER_HEAD_BYTES + _LENGTH.size
    response = PackedFetchResponse([], {})
    for _ in range(topic_count):
        (size,) = _TEXT_LENGTH.unpack_from(data, at)
        at += _TEXT_LENGTH.size
        topic = data[at : at + size].decode()
        (partition_count,) = _LENGTH.unpack_from(data, at + size)
        at += size + _LENGTH.size
        partitions: list[tuple[Any, ...]] = []
        for _ in range(partition_count):
            partition, error, end, stable, begin, count = _ANSWERED.unpack_from(data, at)
            at += _ANSWERED.size
            aborted = [_ABORTED.unpack_from(data, at + _ABORTED.size * place) for place in range(count)]
            at += _ABORTED.size * len(aborted)
            replica, size = _RECORDS_HEAD.unpack_from(data, at)
            at += _RECORDS_HEAD.size
            stretch = Stretch(data, at, at + max(0, size), end, aborted)
            at = stretch.stop
            if size > 0:
                response.records[TopicPartition(topic, partition)] = stretch
            partitions.append((partition, error, end, stable, begin, None, replica, b""))
        response.topics.append((topic, partitions))
    return response


class PackedFetchRequest(FetchRequest_v11):  # type: ignore[misc]  # aiokafka has no types
    """A fetch request of version 11, packed; the response goes to `asker`."""

    def __init__(self, request: FetchRequest, asker: "PackedFetch") -> None:
        self._request = request
        self._asker = asker

    @property
    def RESPONSE_TYPE(self) -> "PackedFetchRequest":  # noqa: N802 - aiokafka's name for whatever decodes the response
        """Ourselves: a class could not know who asked."""
        return self

    def __repr__(self) -> str:
        """For aiokafka's log."""
        return f"PackedFetchRequest({len(self._asker.topics)} topics)"

    def encode(self) -> bytes:
        """Same bytes as aiokafka's."""
        asked = self._request
        parts = [
            _HEAD.pack(-1, asked._max_wait_ms, asked._min_bytes, asked._max_bytes, asked._isolation_level, 0, -1),
            _LENGTH.pack(len(asked.topics)),
        ]
        for topic, partitions in asked.topics:
            name = topic.encode()
            parts += (_TEXT_LENGTH.pack(len(name)), name, _LENGTH.pack(len(partitions)))
            parts += [_ASKED.pack(number, -1, offset, -1, limit) for number, offset, limit in partitions]
        rack = asked._rack_id.encode()
        parts += (_LENGTH.pack(0), _TEXT_LENGTH.pack(len(rack)), rack)
        return b"".join(parts)

    def decode(self, frame: BytesIO) -> PackedFetchResponse:
        """Read the response, after its header."""
        self._asker.response = response = read_response(frame.getvalue(), frame.tell())
        return response


class PackedFetch:
    """Stands in for aiokafka's builder of a fetch request.

    Attributes:
        topics: what is asked for, as aiokafka keeps it.
        response: what came back, None before, and where aiokafka read it.
    """

    API_KEY = FetchRequest.API_KEY

    def __init__(self, request: FetchRequest) -> None:
        self._request = request
        self.topics = request.topics
        self.response: PackedFetchResponse | None = None

    def refused(self) -> list[TopicPartition]:
        """Partitions that brought an error, or no answer at all; asked once there can be one."""
        if self.response is None:
            return [TopicPartition(topic, one[0]) for topic, asked in self.topics for one in asked]
        return [TopicPartition(topic, one[0]) for topic, found in self.response.topics for one in found if one[1]]

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """Choose the form for a broker: ours, or aiokafka's for one that does not speak it."""
        lowest, highest = versions.get(self.API_KEY, (0, 0))
        if lowest <= VERSION <= highest:
            return PackedFetchRequest(self._request, self)
        theirs = self._request.prepare(versions)
        theirs.RESPONSE_TYPE = OtherResponse(theirs.RESPONSE_TYPE, self)
        return theirs


class OtherResponse:
    """Has aiokafka read a response of another version, and gives it the form of ours.

    Args:
        theirs: aiokafka's type of the response.
        asker: takes it.
    """

    def __init__(self, theirs: Any, asker: PackedFetch) -> None:
        self._theirs = theirs
        self._asker = asker

    def decode(self, frame: BytesIO) -> PackedFetchResponse:
        """Read the response, after its header."""
        response = PackedFetchResponse([], {})
        for topic, partitions in self._theirs.decode(frame).topics:
            answered: list[tuple[Any, ...]] = []
            for partition, error, end, *more in partitions:
                records = more[-1] or b""
                stable, aborted = (more[0], more[-2] or ()) if len(more) > 1 else (end, ())
                if records:
                    response.records[TopicPartition(topic, partition)] = Stretch(records, 0, len(records), end, aborted)
                answered.append((partition, error, end, stable, 0, None, -1, b""))
            response.topics.append((topic, answered))
        self._asker.response = response
        return response
