"""Sending batches: one request at a time per broker, with a batch in it of every outbox that has one for that broker.

aiokafka's producer wakes three tasks for each batch and packs a request field by field, 0.5 ms of a call's way on an
idle worker. Here one task a broker sends in the very turn of the loop after records came, requests of the version that
brokers have spoken since 2.0 are packed with `struct`, and nothing is tried twice: what to do about an error is the
outbox's affair. Connections, security, brokers and leaders remain those of aiokafka's client.
"""

import asyncio
import struct
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple, Protocol

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7
from aiokafka.structs import TopicPartition

VERSION = 7
_ACKS, _TIMEOUT, _LENGTH, _TEXT_LENGTH = (struct.Struct(form) for form in (">h", ">i", ">i", ">h"))
_BATCH_HEAD = struct.Struct(">ii")
_ANSWERED = struct.Struct(">ih24x")
_NO_LEADER = (None, -1)


class HasBatches(Protocol):
    """What the sender needs of `streams.kafka.publishing.outbox.Outbox`."""

    topic: str
    partition: int

    def fill(self) -> bytearray | None:
        """Make the batch that is to be sent; None where there is none after all.

        Called on the event loop, once for each `Sender.enlist`, right before the request is packed. It must not raise.
        """
        ...

    def settle(self, error: Exception | None) -> None:
        """Learn what became of it: None = it is safe.

        Called on the event loop, once for each batch, as long as the sender is not stopped. What it raises is dropped:
        the other batches of the request must hear of theirs.
        """
        ...


class ProduceAnswer(NamedTuple):
    """A produce response: each topic with partition and error code of each batch, 0 = it is safe."""

    topics: list[tuple[str, list[tuple[int, int]]]]


def read_answer(data: bytes, at: int) -> ProduceAnswer:
    """Read a produce response of version 7 whose header ends at `at`."""
    (topic_count,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    answer = ProduceAnswer([])
    for _ in range(topic_count):
        (size,) = _TEXT_LENGTH.unpack_from(data, at)
        at += _TEXT_LENGTH.size
        topic = data[at : at + size].decode()
        (count,) = _LENGTH.unpack_from(data, at + size)
        at += size + _LENGTH.size
        end = at + count * _ANSWERED.size
        answer.topics.append((topic, list(_ANSWERED.iter_unpack(data[at:end]))))
        at = end
    return answer


class PackedProduceRequest(ProduceRequest_v7):  # type: ignore[misc]  # aiokafka has no types
    """A produce request of version 7, packed."""

    def __init__(
        self, acks: int, timeout_ms: int, topics: list[tuple[str, list[tuple[int, bytes | bytearray]]]]
    ) -> None:
        self._acks = acks
        self._timeout_ms = timeout_ms
        self._topics = topics

    @property
    def RESPONSE_TYPE(self) -> "PackedProduceRequest":  # noqa: N802 - aiokafka's name for whatever decodes the response
        """Ourselves."""
        return self

    def __repr__(self) -> str:
        """For aiokafka's log: no batch, whose bytes hold phone numbers."""
        return f"PackedProduceRequest({sum(len(partitions) for _, partitions in self._topics)} partitions)"

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

    def decode(self, frame: BytesIO) -> ProduceAnswer:
        """Read the response, after its header."""
        return read_answer(frame.getvalue(), frame.tell())


class PackedProduce(ProduceRequest):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's builder of a produce request, with our form where the broker speaks it."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """Choose the form for a broker."""
        lowest, highest = versions.get(self.API_KEY, (0, 0))
        if lowest <= VERSION <= highest:
            return PackedProduceRequest(self._required_acks, self._timeout, self._topics)
        return super().prepare(versions)


@dataclass(slots=True)
class _Link:
    """What waits for one broker: outboxes, and the task that serves them while there are none."""

    ready: list[HasBatches] = field(default_factory=list)
    waiter: "asyncio.Future[None] | None" = None
    task: "asyncio.Task[None] | None" = None


class Sender:
    """Sends batches to the leaders of their partitions.

    Args:
        client: started.
        acks: brokers that must have a batch, -1 = all in sync.
        timeout_ms: for so long the leader may wait for them.
        linger_s: a request waits so long for what else may come, and so does the next one.
    """

    def __init__(self, client: AIOKafkaClient, *, acks: int, timeout_ms: int, linger_s: float = 0.0) -> None:
        self._client = client
        self._linger_s = linger_s
        self._acks = acks
        self._timeout_ms = timeout_ms
        self._links: dict[int, _Link] = {}
        self._is_stopped = False

    def enlist(self, outbox: HasBatches) -> None:
        """Take a batch from the outbox in the next turn of the loop, or once the request before it is answered.

        The outbox is told what became of it: a `KafkaError` where it is not safe or nobody knows. It may be enlisted
        again only then. What an error says of leaders is looked into.
        """
        if self._is_stopped:
            return
        leader = self._leader(outbox)
        if leader is None:
            asyncio.get_running_loop().call_soon(self._settle, outbox, self._why_no_leader(outbox.topic))
            return
        link = self._links.setdefault(leader, _Link())
        link.ready.append(outbox)
        if link.task is None:
            link.task = asyncio.get_running_loop().create_task(self._serve(leader, link))
        elif link.waiter is not None and not link.waiter.done():
            link.waiter.set_result(None)

    def _leader(self, outbox: HasBatches) -> int | None:
        leader = self._client.cluster.leader_for_partition(TopicPartition(outbox.topic, outbox.partition))
        return None if leader in _NO_LEADER else int(leader)

    def _why_no_leader(self, topic: str) -> errors.KafkaError:
        cluster = self._client.cluster
        if topic in cluster.unauthorized_topics:
            return errors.TopicAuthorizationFailedError(topic)
        is_known = cluster.partitions_for_topic(topic) is not None
        return errors.LeaderNotAvailableError(topic) if is_known else errors.UnknownTopicOrPartitionError(topic)

    async def _serve(self, leader: int, link: _Link) -> None:
        try:
            while True:
                if not link.ready:
                    link.waiter = asyncio.get_running_loop().create_future()
                    await link.waiter
                if self._linger_s:
                    await asyncio.sleep(self._linger_s)
                outboxes, link.ready = link.ready, []
                await self._deliver(leader, outboxes)
        finally:  # whatever ended it: the next one to come starts it again
            link.task = None
            if not self._is_stopped:
                waiting, link.ready = link.ready, []
                for outbox in waiting:
                    self.enlist(outbox)

    async def _deliver(self, leader: int, outboxes: list[HasBatches]) -> None:
        topics: dict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        unsettled: dict[tuple[str, int], HasBatches] = {}
        for outbox in outboxes:
            if self._leader(outbox) != leader:  # it has moved while the request before was on its way
                self.enlist(outbox)
                continue
            batch = outbox.fill()
            if batch is not None:
                topics[outbox.topic].append((outbox.partition, batch))
                unsettled[outbox.topic, outbox.partition] = outbox
        if not unsettled:
            return
        error: Exception = errors.KafkaConnectionError("the broker did not answer for this batch")
        try:
            request = PackedProduce(None, self._acks, self._timeout_ms, list(topics.items()))
            response = await self._client.send(leader, request)
            for topic, partitions in response.topics:
                for partition, code, *_ in partitions:
                    outbox = unsettled.pop((topic, partition))
                    self._settle(outbox, errors.for_code(code)() if code else None)
        except Exception as broken:  # noqa: BLE001 - whatever it is, each batch's outbox must hear of it
            error = broken
        finally:  # also where the task is ended: nobody may wait for ever
            if not self._is_stopped:
                for outbox in unsettled.values():
                    self._settle(outbox, error)

    def _settle(self, outbox: HasBatches, error: Exception | None) -> None:
        if getattr(error, "invalid_metadata", False):  # the leader may be elsewhere by now
            self._client.force_metadata_update()
        with suppress(Exception):  # it has said what it could; the others must hear of theirs
            outbox.settle(error)

    async def stop(self) -> None:
        """Give up what is on its way; nothing is sent any more."""
        self._is_stopped = True
        tasks = [link.task for link in self._links.values() if link.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
