"""Publish batches of records with aiokafka's batch API, and tell when every record of a delivery is safe at the broker.

One outbox for each output partition: records that arrive while a batch is on its way leave together in the next one, so
batches grow with load and nothing lingers. A batch that the broker refuses for good ends the worker: nothing of its
delivery is acknowledged, so whoever owns the partition next reads those events again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import murmur2

from streams.errors import KafkaUnreachable, PublishFailed, TopicMissing

MAX_BATCH_BYTES = 512 * 1024
REQUEST_TIMEOUT_MS = 20_000

Record = tuple[bytes, bytes | None]
"""Key and value; a null value deletes the key from a compacted topic."""


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


class _Outbox:
    """Records that wait for one output partition, and the task that sends them while there are any."""

    __slots__ = ("_on_failure", "_partition", "_producer", "_topic", "_waiting", "task")

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, partition: int, on_failure: Callable[[PublishFailed], None]
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._on_failure = on_failure
        self._waiting: deque[tuple[bytes, bytes | None, Delivery]] = deque()
        self.task: asyncio.Task[None] | None = None

    def put(self, key: bytes, value: bytes | None, delivery: Delivery) -> None:
        self._waiting.append((key, value, delivery))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, deliveries = self._fill()
                # Waits until the batch before it has left: meanwhile the next one grows.
                sent = await self._producer.send_batch(batch, self._topic, partition=self._partition)
                sent.add_done_callback(lambda done, deliveries=deliveries: self._answered(done, deliveries))
        except Exception as error:  # noqa: BLE001 - whatever it is, a popped batch is lost: its poll must never be acknowledged
            self._fail(error)
        finally:
            self.task = None

    def _fill(self) -> tuple[Any, dict[Delivery, int]]:
        batch = self._producer.create_batch()
        deliveries: dict[Delivery, int] = {}
        while self._waiting:
            key, value, delivery = self._waiting[0]
            if batch.append(key=key, value=value, timestamp=None) is None:  # full
                break
            self._waiting.popleft()
            deliveries[delivery] = deliveries.get(delivery, 0) + 1
        if not deliveries:
            raise ValueError(f"a record is larger than a batch of {MAX_BATCH_BYTES} bytes")
        batch.close()
        return batch, deliveries

    def _answered(self, sent: "asyncio.Future[Any]", deliveries: Mapping[Delivery, int]) -> None:
        if sent.cancelled():
            self._fail(asyncio.CancelledError("cancelled while on its way"))
            return
        error = sent.exception()
        if error is not None:
            self._fail(error)
            return
        for delivery, records in deliveries.items():
            delivery.arrived(records)

    def _fail(self, error: BaseException) -> None:
        self._on_failure(PublishFailed(topic=self._topic, partition=self._partition, cause=error))


class Publisher:
    """Publishes to a fixed set of topics.

    Args:
        producer: settings of the aiokafka producer: servers, security, acks.
        topics: what may be published to; must exist.
        on_failure: told once about the first batch that could not be delivered.
    """

    def __init__(
        self, producer: Mapping[str, Any], topics: Iterable[str], on_failure: Callable[[PublishFailed], None]
    ) -> None:
        self._settings = dict(producer)
        self._topics = tuple(topics)
        self._on_failure = on_failure
        self._producer: AIOKafkaProducer | None = None
        self._outboxes: dict[str, list[_Outbox]] = {}
        self._has_failed = False

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
                _Outbox(self._producer, topic, partition, self._failed) for partition in range(len(partitions))
            ]
        if missing:
            await self._producer.stop()
            raise TopicMissing(missing)

    async def stop(self) -> None:
        """Send what waits, then close the connection."""
        if self._producer is not None:
            tasks = [box.task for boxes in self._outboxes.values() for box in boxes if box.task is not None]
            await asyncio.gather(*tasks)
            await self._producer.stop()
            self._producer = None

    def publish(self, topic: str, records: Iterable[Record], delivery: Delivery) -> None:
        """Queue records; `delivery` learns when they are safe. Keys decide partitions as Kafka's own clients do."""
        outboxes = self._outboxes[topic]
        count = 0
        for key, value in records:
            outboxes[partition_of(key, len(outboxes))].put(key, value, delivery)
            count += 1
        delivery.expect(count)

    def _failed(self, error: PublishFailed) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._on_failure(error)
