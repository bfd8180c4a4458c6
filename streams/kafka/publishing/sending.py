"""Send records to a topic, one after the other, and count what the brokers took; for people, not for workers."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.kafka.client import client_settings, require_topics, why_unreachable
from streams.settings import Settings

LINGER_MS = 20
RECORDS_BETWEEN_YIELDS = 256
Record = tuple[bytes | None, bytes]
"""Key and value."""


@dataclass(slots=True)
class Sent:
    """How far it is.

    Attributes:
        taken: Records that were handed over.
        failed: Records that the broker did not take.
    """

    taken: int = 0
    failed: int = 0

    def note(self, delivery: "asyncio.Future[Any]") -> None:
        """Count a delivery that the broker answered or that was given up."""
        self.failed += delivery.cancelled() or delivery.exception() is not None


async def publish(
    settings: Settings, topic: str, records: Iterable[Record], sent: Sent, on_some: Callable[[], None] = lambda: None
) -> None:
    """Send records to a topic, as they come; returns when the brokers have all of them.

    Args:
        settings: Where Kafka is.
        topic: That they belong to.
        records: Keys and values; making the next one may block for a moment.
        sent: Kept up to date.
        on_some: Called now and then.

    Raises:
        TopicMissing: there is no such topic.
        KafkaUnreachable: no broker answers, or it refuses.
    """
    await require_topics(settings, [topic])
    producer = AIOKafkaProducer(**client_settings(settings), enable_idempotence=True, linger_ms=LINGER_MS)
    try:
        await producer.start()
        for key, value in records:
            delivery = await producer.send(topic, value, key=key)
            delivery.add_done_callback(sent.note)
            sent.taken += 1
            if not sent.taken % RECORDS_BETWEEN_YIELDS:
                await asyncio.sleep(0)
                on_some()
        await producer.flush()
    except KafkaError as error:
        raise await why_unreachable(settings) from error
    finally:
        await producer.stop()
