"""Listening to a topic with what its batches say of their producer, which no consumer hands on. It only reads."""

import asyncio
import struct
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest

from streams.conformance.line import LineRefused
from streams.kafka.client import client_settings, require_topics, why_unreachable
from streams.kafka.fetch.batch_reader import BatchDamaged, BatchLimits, BatchReader, Stretch
from streams.kafka.fetch.layout import BEFORE_LENGTH, LOG_APPEND_TIME
from streams.kafka.fetch.unpacking import TooLarge
from streams.kafka.fetched import Rows
from streams.kafka.log_requests import describe_logs
from streams.settings import Settings
from streams.wire.refusals import Code

WAIT_MS, MOST_BYTES = 250, 4 * 1024 * 1024
AGAIN_S = 0.2
READ_COMMITTED = 1
NO_PRODUCER = -1
_HEAD = struct.Struct(">8xi4xx4xh4x8x8xq")
"""Length, attributes and producer id of a batch of format 2."""


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

    Attributes:
        left_out: batches that are damaged, or larger than a worker reads.

    Raises:
        RobocallError: no broker answers, or it refuses us, or the topic is missing; one line, with what to do.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._client: Any = None
        self._next: dict[int, int] = {}
        self._limits = BatchLimits(settings.kafka_max_batch_bytes, settings.kafka_max_batch_records)
        self.left_out = 0

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
        """Read one batch after the other, within the bounds of a worker; one that is cut comes again."""
        heard: list[Heard] = []
        at = 0
        while at + _HEAD.size <= len(data):
            length, attributes, producer = _HEAD.unpack_from(data, at)
            end = at + BEFORE_LENGTH + length
            if length <= 0 or end > len(data):
                break
            rows = self._rows(partition, Stretch(data, at, end, sys.maxsize))
            is_stamped, is_idempotent = bool(attributes & LOG_APPEND_TIME), producer != NO_PRODUCER
            heard += [
                Heard(partition, offset, key, value, stamp if is_stamped else None, is_idempotent)
                for offset, stamp, key, value in zip(
                    rows.offsets(), rows.arrivals_ms().tolist(), rows.keys(), rows.values(), strict=True
                )
            ]
            self._next[partition] = max(self._next[partition], rows.end)
            at = end
        return heard

    def _rows(self, partition: int, batch: Stretch) -> Rows:
        reader = BatchReader(batch, self._next[partition], self._limits)
        try:
            return reader.read(self._limits.unpacked_bytes)
        except (TooLarge, BatchDamaged):
            self.left_out += 1
            return reader.step_over(Code.BATCH_TOO_LARGE, self._limits.meaning)
