"""Publish records with aiokafka's batch API, and tell when every record of a delivery is safe at the broker.

A broker that is away is waited for, however long: records stay in their outboxes, nothing of their deliveries is
acknowledged, and the transport hands out no more than a few polls, which bounds what is kept. A batch that the broker
refuses for good ends the worker: whoever owns the partition next reads those events again.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import murmur2

from streams.errors import KafkaUnreachable, PublishFailed, TopicMissing
from streams.kafka_client import keep_metadata_coming
from streams.outbox import MAX_BATCH_BYTES, Outbox, Perishable, Record, wall_clock_ms

REQUEST_TIMEOUT_MS = 5_000
"""Of one connection or request. A batch in aiokafka's hands can no longer be changed to its late form: it is sent once,
after at most one request to the same broker, and comes back to its outbox when that fails."""
STOP_TIMEOUT_S = 2.0
"""What waits at the end may take so long to leave; the transport has waited for it before."""
CLOSE_TIMEOUT_S = 1.0

log = structlog.get_logger(__name__)


class Delivery:
    """Counts the records of one poll that are not yet safe; calls back once, when it is sealed and none is left."""

    __slots__ = ("_left", "_on_done", "_sealed")

    def __init__(self, on_done: Callable[[], object]) -> None:
        self._on_done = on_done
        self._left = 0
        self._sealed = False

    def expect(self, records: int) -> None:
        """Wait for this many more."""
        self._left += records

    def arrived(self, records: int) -> None:
        """Note that this many are safe."""
        self._left -= records
        self._finish()

    def seal(self) -> None:
        """Say that no more will be expected."""
        self._sealed = True
        self._finish()

    def _finish(self) -> None:
        if self._sealed and not self._left:
            self._on_done()


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """Partition of a key as Kafka's default partitioner computes it; cached, since few switches send most keys."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Publisher:
    """Publishes to a fixed set of topics.

    Args:
        producer: settings of the aiokafka producer: servers, security, acks.
        topics: what may be published to; must exist.
        on_failure: told once about the first batch that can never be delivered.
        clock_ms: epoch milliseconds, decides what is late.
    """

    def __init__(
        self,
        producer: Mapping[str, Any],
        topics: Iterable[str],
        on_failure: Callable[[PublishFailed], None],
        *,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._settings = dict(producer)
        self._topics = tuple(topics)
        self._clock_ms = clock_ms
        self._watch = _Watch(on_failure)
        self._producer: AIOKafkaProducer | None = None
        self._outboxes: dict[str, list[Outbox]] = {}

    async def start(self) -> None:
        """Connect and learn the partitions of each topic.

        Raises:
            KafkaUnreachable: no broker answers.
            TopicMissing: a topic does not exist.
        """
        self._producer = AIOKafkaProducer(
            **self._settings,
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=4 * MAX_BATCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        self._producer._message_accumulator._batch_ttl = 0.0  # noqa: SLF001 - no retries that we cannot see
        keep_metadata_coming(self._producer.client)
        try:
            await self._producer.start()
        except KafkaConnectionError as error:
            await self._producer.stop()
            raise KafkaUnreachable(str(self._settings.get("bootstrap_servers"))) from error
        missing = []
        for topic in self._topics:
            try:
                partitions = await self._producer.partitions_for(topic)
            except KafkaError:
                partitions = None
            if not partitions:
                missing.append(topic)
                continue
            self._outboxes[topic] = [
                Outbox(self._producer, topic, partition, self._watch, self._clock_ms)
                for partition in range(len(partitions))
            ]
        if missing:
            await self._producer.stop()
            raise TopicMissing(missing)

    async def stop(self) -> None:
        """Send what waits, then close the connection; with the broker away give both up after a few seconds."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        tasks = [box.task for boxes in self._outboxes.values() for box in boxes if box.task is not None]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
            self._watch.is_stopping = True
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if unsafe := self.waiting():
            log.warning("ending with unpublished records, their events will be read again", records=unsafe)
        try:
            await asyncio.wait_for(producer.stop(), CLOSE_TIMEOUT_S)
        except TimeoutError:
            log.warning("the producer did not close, its broker is away")

    def publish(self, topic: str, records: Iterable[Record | Perishable], delivery: Delivery) -> None:
        """Queue records; `delivery` learns when they are safe. Keys decide partitions as Kafka's own clients do."""
        outboxes = self._outboxes[topic]
        count = 0
        for record in records:
            outboxes[partition_of(record[0], len(outboxes))].put(record, delivery)
            count += 1
        self._watch.unsafe += count
        delivery.expect(count)

    def waiting(self) -> int:
        """Records that are not safe yet."""
        return self._watch.unsafe

    def outage_s(self) -> float:
        """Seconds since the first partition could not be written to, 0 while all can."""
        return self._watch.outage_s()


class _Watch:
    """What the outboxes tell. An outage goes on until every partition can be written to; both its ends are logged."""

    def __init__(self, on_failure: Callable[[PublishFailed], None]) -> None:
        self._on_failure = on_failure
        self._has_failed = False
        self._troubled: set[Outbox] = set()
        self._since = 0.0
        self._most_waiting = 0
        self.unsafe = 0
        self.is_stopping = False

    def outage_s(self) -> float:
        return time.monotonic() - self._since if self._troubled else 0.0

    def safe(self, records: int) -> None:
        self.unsafe -= records

    def troubled(self, outbox: Outbox, error: Exception, since: float) -> None:
        if not self._troubled:
            self._since, self._most_waiting = since, 0
            log.warning(
                "records cannot be published, trying until they can",
                topic=outbox.topic,
                partition=outbox.partition,
                cause=f"{type(error).__name__}: {error}",
                waiting=self.unsafe,
            )
        self._troubled.add(outbox)
        self._most_waiting = max(self._most_waiting, self.unsafe)

    def recovered(self, outbox: Outbox) -> None:
        seconds = self.outage_s()
        self._troubled.discard(outbox)
        if not self._troubled:
            log.warning("records are published again", outage_s=round(seconds, 1), waited=self._most_waiting)

    def failed(self, error: PublishFailed) -> None:
        if not self._has_failed and not self.is_stopping:  # what our own end broke is no failure
            self._has_failed = True
            self._on_failure(error)
