"""Sending finished batches: one request at a time per broker, with every batch in it that was ready for that broker.

aiokafka's producer wakes three tasks for each batch and packs a request field by field, 0.5 ms of a call's way on an
idle worker. Here a batch is one future, requests of the version that brokers have spoken since 2.0 are packed with
`struct`, and nothing is tried twice: what to do about an error is the outbox's affair. Connections, security, brokers
and leaders remain those of aiokafka's client.
"""

import asyncio
import struct
from collections import defaultdict
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import LeaderNotAvailableError
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7
from aiokafka.structs import TopicPartition

VERSION = 7
_ACKS, _TIMEOUT, _LENGTH, _TEXT_LENGTH = (struct.Struct(form) for form in (">h", ">i", ">i", ">h"))
_BATCH_HEAD = struct.Struct(">ii")
_ANSWERED = struct.Struct(">ih24x")
_NO_LEADER = (None, -1)

Batches = dict[TopicPartition, tuple[bytes | bytearray, "asyncio.Future[None]"]]


class Answers(NamedTuple):
    """A produce response: each topic with partition and error code of each batch, 0 = it is safe."""

    topics: list[tuple[str, list[tuple[int, int]]]]


def read_answers(data: bytes, at: int) -> Answers:
    """Read a produce response of version 7 whose header ends at `at`."""
    (topic_count,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    answers = Answers([])
    for _ in range(topic_count):
        (size,) = _TEXT_LENGTH.unpack_from(data, at)
        at += _TEXT_LENGTH.size
        topic = data[at : at + size].decode()
        (count,) = _LENGTH.unpack_from(data, at + size)
        at += size + _LENGTH.size
        end = at + count * _ANSWERED.size
        answers.topics.append((topic, list(_ANSWERED.iter_unpack(data[at:end]))))
        at = end
    return answers


class QuickProduce(ProduceRequest_v7):  # type: ignore[misc]  # aiokafka has no types
    """A produce request of version 7, packed."""

    def __init__(
        self, acks: int, timeout_ms: int, topics: list[tuple[str, list[tuple[int, bytes | bytearray]]]]
    ) -> None:
        self._acks = acks
        self._timeout_ms = timeout_ms
        self._topics = topics

    @property
    def RESPONSE_TYPE(self) -> "QuickProduce":  # noqa: N802 - aiokafka's name for whatever decodes the response
        """Ourselves."""
        return self

    def __repr__(self) -> str:
        """For aiokafka's log: no batch, whose bytes hold phone numbers."""
        return f"QuickProduce({sum(len(partitions) for _, partitions in self._topics)} partitions)"

    def encode(self) -> bytes:
        """Same bytes as aiokafka's, without a transaction."""
        parts: list[bytes | bytearray] = [
            _TEXT_LENGTH.pack(-1),
            _ACKS.pack(self._acks),
            _TIMEOUT.pack(self._timeout_ms),
            _LENGTH.pack(len(self._topics)),
        ]
        for topic, partitions in self._topics:
            name = topic.encode()
            parts += (_TEXT_LENGTH.pack(len(name)), name, _LENGTH.pack(len(partitions)))
            for partition, batch in partitions:
                parts += (_BATCH_HEAD.pack(partition, len(batch)), batch)
        return b"".join(parts)

    def decode(self, frame: BytesIO) -> Answers:
        """Read the response, after its header."""
        return read_answers(frame.getvalue(), frame.tell())


class Produce(ProduceRequest):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's builder of a produce request, with our form where the broker speaks it."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """Choose the form for a broker."""
        lowest, highest = versions.get(self.API_KEY, (0, 0))
        if lowest <= VERSION <= highest:
            return QuickProduce(self._required_acks, self._timeout, self._topics)
        return super().prepare(versions)


class Sender:
    """Sends batches to the leaders of their partitions.

    Args:
        client: started.
        acks: brokers that must have a batch, -1 = all in sync.
        timeout_ms: for so long the leader may wait for them.
    """

    def __init__(self, client: AIOKafkaClient, *, acks: int, timeout_ms: int) -> None:
        self._client = client
        self._acks = acks
        self._timeout_ms = timeout_ms
        self._ready: dict[int, Batches] = defaultdict(dict)
        self._requests: dict[int, asyncio.Task[None]] = {}

    async def send(self, topic: str, partition: int, batch: bytes | bytearray) -> None:
        """Return once a batch is safe. A partition's next batch may be given only then.

        Raises:
            aiokafka.errors.KafkaError: it is not, or nobody knows; what the error says of leaders is looked into.
        """
        tp = TopicPartition(topic, partition)
        leader = self._client.cluster.leader_for_partition(tp)
        if leader in _NO_LEADER:
            self._client.force_metadata_update()
            raise LeaderNotAvailableError(tp)
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ready = self._ready[leader]
        if not ready and leader not in self._requests:  # whatever else is ready at the end of this turn comes along
            asyncio.get_running_loop().call_soon(self._request, leader)
        ready[tp] = batch, safe
        try:
            await safe
        except errors.KafkaError as error:
            if getattr(error, "invalid_metadata", False):  # the leader may be elsewhere by now
                self._client.force_metadata_update()
            raise

    def _request(self, leader: int) -> None:
        batches = self._ready.pop(leader, None)
        if batches and leader not in self._requests:
            self._requests[leader] = asyncio.get_running_loop().create_task(self._deliver(leader, batches))

    async def _deliver(self, leader: int, batches: Batches) -> None:
        topics: dict[str, list[tuple[int, bytes | bytearray]]] = defaultdict(list)
        for tp, (batch, _) in batches.items():
            topics[tp.topic].append((tp.partition, batch))
        request = Produce(None, self._acks, self._timeout_ms, list(topics.items()))
        try:
            response = await self._client.send(leader, request)
            for topic, partitions in response.topics:
                for partition, code, *_ in partitions:
                    _, safe = batches[TopicPartition(topic, partition)]
                    if not safe.done():
                        _settle(safe, code)
        except Exception as error:  # noqa: BLE001 - whatever it is, each batch's outbox must hear of it
            _fail(batches, error)
        finally:
            _fail(batches, errors.KafkaConnectionError("the broker did not answer for this batch"))
            del self._requests[leader]
            if leader in self._ready:
                asyncio.get_running_loop().call_soon(self._request, leader)

    async def stop(self) -> None:
        """Give up what is on its way; nothing may be sent any more."""
        requests = list(self._requests.values())
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


def _settle(safe: "asyncio.Future[None]", code: int) -> None:
    if code:
        safe.set_exception(errors.for_code(code)())
    else:
        safe.set_result(None)


def _fail(batches: Batches, error: Exception) -> None:
    for _, safe in batches.values():
        if not safe.done():
            safe.set_exception(error)
