"""Publish records, batch by batch, and tell when every record of a delivery is safe at the broker.

A broker that is away is waited for, however long: records stay in their outboxes, and nothing of their deliveries is
acknowledged. After `PATIENCE_S` these are set aside, so that what other partitions take goes on meanwhile; the
transport bounds what is kept. A batch that the broker
refuses for good is told to whoever made the publisher. Of decisions it ends the worker: whoever owns the partition next
reads those events again. What may be lost (`streams.kafka.publishing.side_topics`) is dropped, and the rest goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from streams.errors import KafkaUnreachable, PublishFailed, TopicMissing
from streams.kafka.client import keep_metadata_coming
from streams.kafka.partitioner import partitions_of
from streams.kafka.publishing.identity import LOST, Identities
from streams.kafka.publishing.outbox import Fate, Outbox, Waits
from streams.kafka.publishing.records import Perishable, Record, packed
from streams.kafka.publishing.sender import Sender
from streams.running.clock import wall_clock_ms

REQUEST_TIMEOUT_MS = 5_000
"""Of one connection or request. A batch that was made can no longer be changed to its late form: it is made when it is
sent, at most a connection has to be made first, and it comes back to its outbox when that fails."""
STOP_TIMEOUT_S = 2.0
"""What waits at the end may take so long to leave; the transport has waited for it before."""
CLOSE_TIMEOUT_S = 1.0
PATIENCE_S = 1.0
"""A partition that took nothing for so long keeps nobody waiting who can be answered without it."""
TELL_AGAIN_S = 60.0
"""Of what may be lost the log hears so seldom: a slow broker is in and out of trouble all day."""

log = structlog.get_logger(__name__)


class Expects(Waits, Protocol):
    """Whoever is told how many records to wait for, and then what becomes of them: a `Delivery`, or one before it."""

    def expect(self, records: int) -> None:
        """Wait for this many more; called from within `publish`. It must neither block nor raise."""
        ...


class Delivery:
    """Counts the records of one poll that are not yet safe at the broker. Used on the event loop alone.

    Args:
        on_done: called once, from within `arrived` or `seal`, when it is sealed and no record is left. It must neither
            block nor raise.
        on_aside: called once at most, before that, when all that is left waits for partitions that cannot be written
            to; from within `set_aside` too. The same holds.
    """

    __slots__ = ("_aside", "_left", "_on_aside", "_on_done", "_sealed")

    def __init__(self, on_done: Callable[[], object], on_aside: Callable[[], object] | None = None) -> None:
        self._on_done = on_done
        self._on_aside = on_aside
        self._left = 0
        self._aside = 0
        self._sealed = False

    def expect(self, records: int) -> None:
        """Wait for this many more; before `seal`."""
        self._left += records

    def arrived(self, records: int) -> None:
        """Note that this many are safe, or dropped."""
        self._left -= records
        self._finish()

    def set_aside(self, records: int) -> None:
        """Note that this many wait for a partition that cannot be written to. Once is enough for each."""
        self._aside += records
        self._finish()

    def seal(self) -> None:
        """Say that no more will be expected; once."""
        self._sealed = True
        self._finish()

    def _finish(self) -> None:
        if self._sealed and not self._left:
            self._on_done()
        elif self._sealed and self._left <= self._aside and self._on_aside is not None:
            on_aside, self._on_aside = self._on_aside, None
            on_aside()


def may_pass(error: BaseException) -> bool:
    """Whether a repeat can help: a broker, leader or replica is away. False of a refusal for good."""
    if isinstance(error, KafkaError):
        return error.retriable or isinstance(error, (KafkaTimeoutError, *LOST))
    return isinstance(error, OSError)  # TimeoutError and ConnectionError among them


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """Partition of a key as Kafka's default partitioner computes it; cached, since the same numbers are asked for."""
    return partitions_of([key], partitions)[0]


class Publisher:
    """Publishes to a fixed set of topics. Used on the event loop alone.

    Args:
        client: settings of the aiokafka client: servers, security; and `acks`, by default of all brokers in sync.
        topics: what may be published to; must exist.
        on_failure: told once, on the event loop, about the first batch that can never be delivered. Its poll is never
            acknowledged; nothing of its partition leaves any more.
        may_lose: such a batch is dropped and the rest goes on: `on_failure` is told of each. A topic that does not
            exist any more refuses for good then, where decisions would wait for it.
        linger_s: see `streams.kafka.publishing.sender.Sender`.
        clock_ms: epoch milliseconds, decides what is late.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topics: Iterable[str],
        on_failure: Callable[[PublishFailed], None],
        *,
        may_lose: bool = False,
        linger_s: float = 0.0,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._settings = dict(client)
        acks = self._settings.pop("acks", "all")
        self._acks = -1 if acks == "all" else int(acks)
        self._topics = tuple(topics)
        self._clock_ms = clock_ms
        self._may_lose = may_lose
        self._linger_s = linger_s
        self._watch = _Watch(on_failure, may_lose=may_lose)
        self._identities = Identities(is_wanted=self._acks == -1)
        self._client: AIOKafkaClient | None = None
        self._sender: Sender | None = None
        self._outboxes: dict[str, list[Outbox]] = {}

    async def start(self) -> None:
        """Connect and learn the partitions of each topic; once, before anything is published.

        Raises:
            KafkaUnreachable: no broker answers.
            TopicMissing: a topic does not exist.
        """
        client = AIOKafkaClient(**self._settings, request_timeout_ms=REQUEST_TIMEOUT_MS)
        keep_metadata_coming(client)
        try:
            await client.bootstrap()
            await self._make_outboxes(client)
        except KafkaConnectionError as error:
            await client.close()
            raise KafkaUnreachable(str(self._settings.get("bootstrap_servers"))) from error
        except BaseException:
            await client.close()
            raise
        self._client = client

    async def _make_outboxes(self, client: AIOKafkaClient) -> None:
        self._sender = Sender(client, acks=self._acks, timeout_ms=REQUEST_TIMEOUT_MS, linger_s=self._linger_s)
        missing = []
        for topic in self._topics:
            try:
                partitions = await client._wait_on_metadata(topic)  # noqa: SLF001 - as aiokafka's producer does
            except KafkaError:
                partitions = None
            if not partitions:
                missing.append(topic)
                continue
            self._outboxes[topic] = [
                Outbox(self._sender, topic, partition, self._watch, self._identities, self._clock_ms)
                for partition in range(len(partitions))
            ]
        if missing:
            raise TopicMissing(missing)
        await self._identities.start(client)

    async def stop(self) -> None:
        """Send what waits, then close the connection; never raises.

        With the broker away both are given up, after `STOP_TIMEOUT_S` and `CLOSE_TIMEOUT_S`.
        """
        client, self._client = self._client, None
        if client is None or self._sender is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watch.idle.wait(), STOP_TIMEOUT_S)
        self._watch.is_stopping = True
        if unsafe := self.waiting():
            fate = "lost" if self._may_lose else "their events will be read again"
            log.warning("ending with unpublished records", topics=self._topics, records=unsafe, fate=fate)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._identities.stop()
                await self._sender.stop()
                await client.close()
        except TimeoutError:
            log.warning("the connections of the publisher did not close, their brokers are away")

    def publish(self, topic: str, records: Sequence[Record | Perishable], delivery: Expects) -> None:
        """Queue records; returns at once, whatever the broker does, and refuses none that is bytes.

        Args:
            topic: one of the topics that this publisher was made for.
            records: in the order in which those of one key are to be read. Keys decide partitions as Kafka's own
                clients do it.
            delivery: told when the records are safe at the broker.

        Raises:
            KeyError: the topic is none of them.
            TypeError: a key or value is neither bytes nor null; nothing is queued.
        """
        for partition, lot in packed(records).by_partition(len(self._outboxes[topic])):
            self.publish_to(topic, partition, lot, delivery)

    def publish_to(self, topic: str, partition: int, records: Sequence[Record | Perishable], delivery: Expects) -> None:
        """Queue records of one partition, whatever their keys are; else as `publish`. A list is ours from now on.

        Raises:
            KeyError: the publisher was not made for the topic.
            IndexError: the topic had no such partition at the start.
        """
        self._outboxes[topic][partition].put(records, delivery)
        self._watch.expect(len(records))
        delivery.expect(len(records))

    def partitions(self, topic: str) -> int:
        """How many a topic had at the start.

        Raises:
            KeyError: the publisher was not made for the topic.
        """
        return len(self._outboxes[topic])

    def waiting(self) -> int:
        """Records that are not safe yet. Cheap: it is asked at every scrape."""
        return self._watch.unsafe

    def outage_s(self) -> float:
        """Seconds since the first partition could not be written to, 0 while all can. Cheap."""
        return self._watch.outage_s()

    def stuck(self) -> list[str]:
        """Partitions, `topic/3`, that took nothing for `PATIENCE_S` although something waits for them."""
        return [f"{outbox.topic}/{outbox.partition}" for outbox in self._stuck()]

    def set_aside(self) -> None:
        """Have the deliveries of such partitions told (`Delivery`); returns at once. Asked for while others wait."""
        for outbox in self._stuck():
            outbox.set_aside()

    def _stuck(self) -> list[Outbox]:
        now_s = time.monotonic()
        return [box for boxes in self._outboxes.values() for box in boxes if box.stuck_s(now_s) >= PATIENCE_S]

    def trouble(self) -> str | None:
        """Class of the latest error in an outage, None while every partition can be written to."""
        return self._watch.trouble


class _Watch:
    """What the outboxes tell. An outage goes on until every partition can be written to; both its ends are logged.

    Where records may be lost only the first outage in `TELL_AGAIN_S` is.
    """

    def __init__(self, on_failure: Callable[[PublishFailed], None], *, may_lose: bool) -> None:
        self._on_failure = on_failure
        self._may_lose = may_lose
        self._has_failed = False
        self._troubled: set[Outbox] = set()
        self.trouble: str | None = None
        self._since = 0.0
        self._told_s = -TELL_AGAIN_S
        self._is_told = False
        self._most_waiting = 0
        self.unsafe = 0
        self.is_stopping = False
        self.idle = asyncio.Event()
        """Nothing is on its way."""
        self.idle.set()

    def outage_s(self) -> float:
        return time.monotonic() - self._since if self._troubled else 0.0

    def expect(self, records: int) -> None:
        if records:
            self.unsafe += records
            self.idle.clear()

    def settled(self, records: int) -> None:
        self.unsafe -= records
        if not self.unsafe:
            self.idle.set()

    def undelivered(self, outbox: Outbox, records: int, error: Exception, since: float) -> Fate:
        is_gone = self._may_lose and isinstance(error, UnknownTopicOrPartitionError)
        if may_pass(error) and not is_gone:
            self._note_trouble(outbox, error, since)
            return Fate.AGAIN
        if self._may_lose or not (self._has_failed or self.is_stopping):  # what our own end broke is no failure
            self._has_failed = True
            self._on_failure(
                PublishFailed(topic=outbox.topic, partition=outbox.partition, cause=error, records=records)
            )
        return Fate.DROPPED if self._may_lose else Fate.STUCK

    def _note_trouble(self, outbox: Outbox, error: Exception, since: float) -> None:
        self.trouble = type(error).__name__
        if not self._troubled:
            self._since, self._most_waiting = since, 0
            self._is_told = not self._may_lose or since - self._told_s >= TELL_AGAIN_S
            if self._is_told:
                self._told_s = since
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
        if outbox not in self._troubled:  # what was not delivered was dropped
            return
        seconds = self.outage_s()
        self._troubled.discard(outbox)
        if not self._troubled:
            self.trouble = None
            if self._is_told:
                log.warning(
                    "records are published again",
                    topic=outbox.topic,
                    outage_s=round(seconds, 1),
                    waited=self._most_waiting,
                )
