"""What a broker is asked about logs of a topic: which topic it is, where they begin and end, where an epoch ended.

aiokafka has no request for topic ids (KIP-516) and none for the ends of epochs (KIP-320). Both are described here in
aiokafka's own terms. Each partition has an answer of its own: what one is refused does not concern the others.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

EARLIEST, LATEST = -2, -1
ANY_REPLICA, READ_UNCOMMITTED, ANY_EPOCH = -1, 0, -1


class TopicId(AbstractType[uuid.UUID]):  # type: ignore[misc]  # aiokafka has no types
    """16 bytes; all zeros where there is none."""

    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        """Its bytes."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        """Read them."""
        return uuid.UUID(bytes=data.read(16))


NO_TOPIC_ID = uuid.UUID(int=0)
_TAGS = ("tags", TaggedFields)
_NODES = CompactArray(Int32)


class MetadataResponse_v10(Response):  # type: ignore[misc]  # noqa: N801 - aiokafka has no types, and names them so
    """Answer to `MetadataRequest_v10`."""

    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("id", Int32), ("host", CompactString()), ("port", Int32), ("rack", CompactString()), _TAGS),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString()),
                ("topic_id", TopicId),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", _NODES),
                        ("in_sync", _NODES),
                        ("offline", _NODES),
                        _TAGS,
                    ),
                ),
                ("operations", Int32),
                _TAGS,
            ),
        ),
        ("operations", Int32),
        _TAGS,
    )


class MetadataRequest_v10(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """The first version whose answer has topic ids: Kafka 2.8."""

    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = MetadataResponse_v10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", TopicId), ("topic", CompactString()), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
        _TAGS,
    )


class TopicIdRequest(Request[MetadataRequest_v10]):  # type: ignore[misc]
    """Asks for the id of a topic."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[MetadataRequest_v10]) -> MetadataRequest_v10:
        """Make what is sent."""
        return request_struct_class([(NO_TOPIC_ID, self._topic, {})], False, False, False, {})


class EpochEndResponse_v2(Response):  # type: ignore[misc]  # noqa: N801
    """Answer to `EpochEndRequest_v2`."""

    API_KEY = 23
    API_VERSION = 2
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String()),
                (
                    "partitions",
                    Array(("error_code", Int16), ("partition", Int32), ("leader_epoch", Int32), ("end_offset", Int64)),
                ),
            ),
        ),
    )


class EpochEndRequest_v2(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """OffsetForLeaderEpoch: where what was written up to an epoch ends in the leader's log."""

    API_KEY = 23
    API_VERSION = 2
    RESPONSE_TYPE = EpochEndResponse_v2
    SCHEMA = Schema(
        (
            "topics",
            Array(
                ("topic", String()),
                ("partitions", Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32))),
            ),
        ),
    )


class EpochEndRequest(Request[EpochEndRequest_v2]):  # type: ignore[misc]
    """Asks for the ends of epochs of partitions of one topic."""

    API_KEY = 23

    def __init__(self, topic: str, epochs: Mapping[int, int]) -> None:
        self._topic = topic
        self._epochs = epochs

    def build(self, request_struct_class: type[EpochEndRequest_v2]) -> EpochEndRequest_v2:
        """Make what is sent."""
        asked = [(partition, ANY_EPOCH, epoch) for partition, epoch in self._epochs.items()]
        return request_struct_class([(self._topic, asked)])


@dataclass(frozen=True, slots=True)
class Log:
    """A partition's log, as its leader has it.

    Attributes:
        topic_id: tells the topic from one of the same name that was deleted; None before Kafka 2.8.
        start: offset of the oldest record that is kept, or would be.
        end: offset after the last record that everybody may read.
        epoch_end: offset after the last record of the epoch that was asked about, None where nobody can tell.
    """

    topic_id: str | None
    start: int
    end: int
    epoch_end: int | None


async def describe_logs(client: Any, node: int, topic: str, epochs: Mapping[int, int | None]) -> dict[int, Log]:
    """Ask a broker about the partitions of a topic that it leads.

    Args:
        client: an `aiokafka.client.AIOKafkaClient`.
        node: the broker.
        topic: of the partitions.
        epochs: leader epoch of the last record that was read of each partition, None where it is not known.

    Returns:
        The logs of those partitions that it could answer for; none of them when the topic was made again meanwhile.

    Raises:
        aiokafka.errors.KafkaError: it does not answer.
    """
    topic_id = await _topic_id(client, node, topic)
    starts = await _offsets(client, node, topic, epochs, EARLIEST)
    ends = await _offsets(client, node, topic, epochs, LATEST)
    epoch_ends = await _epoch_ends(client, node, topic, {p: epoch for p, epoch in epochs.items() if epoch is not None})
    if topic_id != await _topic_id(client, node, topic):
        return {}
    return {p: Log(topic_id, starts[p], ends[p], epoch_ends.get(p)) for p in starts.keys() & ends.keys()}


async def _topic_id(client: Any, node: int, topic: str) -> str | None:
    try:
        answer = await client.send(node, TopicIdRequest(topic))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return None
    found = [topic_id for error, name, topic_id, *_ in answer.topics if not error and name == topic]
    return str(found[0]) if found and found[0] != NO_TOPIC_ID else None


async def _offsets(client: Any, node: int, topic: str, partitions: Collection[int], at: int) -> dict[int, int]:
    asked = [(topic, [(partition, at) for partition in partitions])]
    answer = await client.send(node, OffsetRequest(ANY_REPLICA, READ_UNCOMMITTED, asked))
    return {p: offset for _, found in answer.topics for p, error, _, offset in found if not error}


async def _epoch_ends(client: Any, node: int, topic: str, epochs: Mapping[int, int]) -> dict[int, int]:
    if not epochs:
        return {}
    try:
        answer = await client.send(node, EpochEndRequest(topic, epochs))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    return {p: end for _, found in answer.topics for error, p, _, end in found if not error and end >= 0}
