"""What is published on a topic from now on: every partition, without a group, by each reader for itself."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.client import make_consumer
from streams.kafka.fetch.fetcher import Reading, fetch_batches
from streams.settings import Settings

POLL_MS = 500
LOOK_S = 2.0
"""How often it is asked which partitions there are."""
ANSWER_S = 3.0
"""Brokers that do not answer for so long are away."""
AGAIN_S = 0.2

log = structlog.get_logger(__name__)


class LiveReader:
    """Reads from the end on, and goes on where it was after a lost connection; commits nothing.

    New partitions are read from their beginning: nobody waited for anything older. So is a topic that was made again.

    Args:
        settings: how the brokers are spoken to.
        topic: that is read.
        beside: topics that are looked after as well: `partitions` says how many each has.
        take: told key and value of each record, on the event loop; it must neither block nor raise.
    """

    def __init__(
        self, settings: Settings, topic: str, beside: Iterable[str], take: Callable[[bytes | None, bytes], None]
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._topics = (topic, *beside)
        self._take = take
        self._consumer: Any = None
        self._places: list[TopicPartition] = []
        self._looked_s = 0.0
        self.partitions: dict[str, int] = {}
        """How many each topic has, when it was last looked."""

    @property
    def is_up(self) -> bool:
        """Brokers answer, and the topic is read."""
        return bool(self._places) and time.monotonic() - self._looked_s < LOOK_S + 2 * ANSWER_S

    async def start(self) -> None:
        """Connect, and know the end of every partition: what is published from now on is not missed.

        Raises:
            aiokafka.errors.KafkaError: no broker answers, or it refuses us.
        """
        self._consumer = make_consumer(
            self._settings,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=self._settings.kafka_fetch_max_wait_ms,
        )
        await self._consumer.start()
        await fetch_batches(self._consumer, Reading.of(self._settings).limits)
        await self._look()
        for place, offset in (await self._consumer.end_offsets(self._places)).items():
            self._consumer.seek(place, offset)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def read(self) -> None:
        """Read for ever; a background job."""
        while True:
            if not self._places:
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                log.warning("a topic cannot be read, trying again", topic=self._topic, cause=type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                continue
            for rows in batches.values():
                for key, value in zip(rows.keys(), rows.values(), strict=True):
                    if value is not None:
                        self._take(key, value)
                await asyncio.sleep(0)  # after an outage there is much of each partition; others have their turn

    async def look(self) -> None:
        """Look after the topics for ever; a background job."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.wait_for(self._look(), ANSWER_S)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("Kafka does not say which partitions there are", cause=type(error).__name__)

    async def _look(self) -> None:
        """Learn which partitions there are, and read those that are new."""
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way keeps what it knew
        found = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in self._topics}
        places = [TopicPartition(self._topic, number) for number in range(found[self._topic])]
        if places != self._places:
            kept = {place: await self._consumer.position(place) for place in places if place in set(self._places)}
            self._places = places
            self._consumer.assign(places)
            for place in places:
                self._consumer.seek(place, kept.get(place, 0))
            log.info("a topic is read", topic=self._topic, partitions=len(places))
        self.partitions = found
        self._looked_s = time.monotonic()
