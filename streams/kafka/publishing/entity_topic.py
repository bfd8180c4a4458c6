"""Tell the topic `entity-decisions` that nothing stands against an entity any more; for what people do."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.kafka.client import client_settings, why_unreachable
from streams.kafka.publishing.quiet import quiet
from streams.kafka.topics import ENTITY_DECISIONS
from streams.settings import Settings


async def publish_end(settings: Settings, entity: str) -> None:
    """Publish the null that ends a standing decision for whoever caches it, and lets compaction forget it.

    Waits until the brokers have it.

    Raises:
        KafkaUnreachable: no broker answers, or it refuses; one sentence.
    """
    producer = AIOKafkaProducer(**client_settings(settings), acks="all")
    with quiet():
        try:
            await producer.start()
            await producer.send_and_wait(ENTITY_DECISIONS, None, key=entity.encode("utf-8", "surrogatepass"))
        except KafkaError as error:
            raise await why_unreachable(settings) from error
        finally:
            await producer.stop()
