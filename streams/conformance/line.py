"""The line to the brokers: publishes as a good switch or detector does, and keeps what topics get from now on.

It joins no group and commits nothing, so it takes nothing from workers and switches that run.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from detector.contract.errors import RobocallError
from streams.kafka.client import client_settings, make_consumer, require_topics, why_unreachable
from streams.settings import Settings

LOOK_S = 0.02


class LineRefused(RobocallError):
    """The brokers refuse to take or to give a record."""


@dataclass(frozen=True, slots=True)
class Got:
    """A record that came."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    arrived_s: float
    """Monotonic clock."""


class Line:
    """A producer and a consumer without a group, at the end of its topics. Use it as an async context manager.

    Args:
        settings: how the brokers are spoken to.
        topics: what is read; they must exist.
        writes: what is published to; it must exist. None: one of those that are read, or nothing.
        keep: which records are kept; the others are nobody's business here.

    Raises:
        RobocallError: no broker answers, or it refuses us, or a topic is missing; one line, with what to do.
    """

    def __init__(
        self, settings: Settings, *topics: str, keep: Callable[[Got], bool], writes: str | None = None
    ) -> None:
        self._settings = settings
        self._writes = [] if writes is None else [writes]
        self._keep = keep
        self._topics = topics
        self._consumer: Any = None
        self._producer: Any = None
        self._reading: asyncio.Task[None] | None = None
        self.got: list[Got] = []
        """What has come since the start, in order of arrival."""

    async def __aenter__(self) -> Self:
        """Connect, and stand at the end of every topic."""
        await require_topics(self._settings, [*self._topics, *self._writes])
        self._consumer = make_consumer(self._settings, group_id=None, auto_offset_reset="latest")
        self._producer = AIOKafkaProducer(**client_settings(self._settings), acks="all", enable_idempotence=True)
        try:
            await self._consumer.start()
            await self._producer.start()
            await self._stand_at_the_end()
        except KafkaError as error:
            await self._close()
            raise await why_unreachable(self._settings) from error
        except BaseException:
            await self._close()
            raise
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._close()

    async def _close(self) -> None:
        await asyncio.gather(self._consumer.stop(), self._producer.stop(), return_exceptions=True)

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producer.partitions_for(topic))

    async def _stand_at_the_end(self) -> None:
        """Every offset is known before anything is published: nothing that answers it is missed."""
        places = [TopicPartition(topic, p) for topic in self._topics for p in range(await self.partitions(topic))]
        self._consumer.assign(places)
        for place, offset in (await self._consumer.end_offsets(places)).items():
            self._consumer.seek(place, offset)

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """Publish one record; it is on every replica when this returns.

        Raises:
            LineRefused: the brokers do not take it.
        """
        try:
            await self._producer.send_and_wait(topic, value=value, key=key.encode())
        except KafkaError as error:
            raise LineRefused(f"{topic} takes no record ({type(error).__name__}): check Write on it") from error

    async def until(self, is_there: Callable[[], object], timeout_s: float) -> bool:
        """Wait until a claim about `got` holds; whether it did within the time.

        Raises:
            LineRefused: the brokers give us no records.
        """
        deadline_s = time.monotonic() + timeout_s
        while not is_there():
            if self._reading is not None and self._reading.done():
                self._reading.result()
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def _read(self) -> None:
        try:
            async for record in self._consumer:
                place = record.topic, record.partition
                got = Got(*place, record.key or b"", record.value or b"", time.monotonic())
                if self._keep(got):
                    self.got.append(got)
        except KafkaError as error:
            topics = ", ".join(self._topics)
            raise LineRefused(f"{topics} cannot be read ({type(error).__name__}): check Read on them") from error
