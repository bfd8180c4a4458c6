"""Listening to a topic with what its batches say of their producer, which no consumer hands on. It only reads."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.conformance.line import LineRefused
from streams.kafka.client import client_settings, require_topics, why_unreachable
from streams.kafka.log_requests import describe_logs
from streams.settings import Settings

WAIT_MS, MOST_BYTES = 250, 4 * 1024 * 1024
AGAIN_S = 0.2
READ_COMMITTED = 1
NO_PRODUCER = -1
LOG_APPEND_TIME = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A record, and what its batch says.

    Attributes:
        partition: where it stands.
        offset: there.
        key: its key, None where there is none.
        value: its value, None where there is none.
        arrived_ms: when the broker got it, epoch milliseconds; None where the topic keeps the producer's time.
        is_idempotent: whether its producer numbers what it sends.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived_ms: int | None
    is_idempotent: bool


class Listener:
    """Reads a topic from its end on, without a group. Use it as an async context manager.

    Args:
        settings: how the brokers are spoken to.
        topic: which must exist.

    Raises:
        RobocallError: no broker answers, or it refuses us, or the topic is missing; one line, with what to do.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._client: Any = None
        self._next: dict[int, int] = {}

    @property
    def partitions(self) -> int:
        """How many partitions the topic has."""
        return len(self._next)

    async def __aenter__(self) -> Self:
        """Connect, and find the end of every partition."""
        await require_topics(self._settings, [self._topic])
        self._client = AIOKafkaClient(**client_settings(self._settings))
        try:
            await self._client.bootstrap()
            await self._client.set_topics([self._topic])
            await self._find_ends()
        except KafkaError as error:
            await self._client.close()
            raise await why_unreachable(self._settings) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._client.close()

    async def _find_ends(self) -> None:
        everything = self._client.cluster.partitions_for_topic(self._topic) or set()
        while self._next.keys() != everything:
            for node, places in self._by_leader(everything - self._next.keys()).items():
                logs = await describe_logs(self._client, node, self._topic, dict.fromkeys(places))
                self._next |= {partition: log.end for partition, log in logs.items()}
            if self._next.keys() != everything:
                await asyncio.sleep(AGAIN_S)

    def _by_leader(self, partitions: Any) -> dict[int, list[int]]:
        found = defaultdict(list)
        for partition in partitions:
            leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
            if leader is not None and leader >= 0:
                found[leader].append(partition)
        return found

    async def listen(self, seconds: float) -> AsyncIterator[list[Heard]]:
        """Yield what comes, as it comes, for so long; an empty list now and then where nothing does.

        Raises:
            LineRefused: the brokers give us no records.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        while loop.time() < until_s:
            asked = self._by_leader(self._next).items()
            try:
                answers = await asyncio.gather(*(self._fetch(node, places) for node, places in asked))
            except KafkaError as error:
                if not error.retriable:
                    text = f"{self._topic} cannot be read ({type(error).__name__}): check Read on it"
                    raise LineRefused(text) from error
                answers = []
                await asyncio.sleep(AGAIN_S)
                await self._client.force_metadata_update()
            yield [heard for answer in answers for heard in answer]

    async def _fetch(self, node: int, partitions: list[int]) -> list[Heard]:
        asked = [(self._topic, [(partition, self._next[partition], MOST_BYTES) for partition in partitions])]
        answer = await self._client.send(node, FetchRequest(WAIT_MS, 1, MOST_BYTES, READ_COMMITTED, asked))
        heard: list[Heard] = []
        for _, found in answer.topics:
            for partition, error, *_, data in found:
                if not error and data:
                    heard += self._unpack(partition, data)
        return heard

    def _unpack(self, partition: int, data: bytes) -> list[Heard]:
        records, heard = MemoryRecords(data), []
        while records.has_next():
            batch = records.next_batch()
            is_idempotent = batch.producer_id != NO_PRODUCER
            is_stamped = batch.timestamp_type == LOG_APPEND_TIME
            if not batch.is_control_batch:
                heard += [
                    Heard(
                        partition,
                        record.offset,
                        record.key,
                        record.value,
                        record.timestamp if is_stamped else None,
                        is_idempotent,
                    )
                    for record in batch
                    if record.offset >= self._next[partition]
                ]
            self._next[partition] = max(self._next[partition], batch.next_offset)
        return heard
