"""How many events the demo's worker has still to decide, as the brokers know: they alone know the end of a partition.

What a worker says of itself may be a fetch old, and it fetches no more of a partition as long as it has some of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka.client import client_settings
from streams.kafka.topics import CALL_EVENTS
from streams.settings import Settings


@asynccontextmanager
async def backlog(settings: Settings, consumer: AIOKafkaConsumer) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Give what asks the brokers, as long as the block runs. Events that were decided since the last commit count.

    Args:
        settings: Name the worker's group, which has committed offsets of all partitions, and how many these are.
        consumer: Started, of any topic.
    """
    places = [TopicPartition(CALL_EVENTS, partition) for partition in range(settings.partitions)]
    admin = AIOKafkaAdminClient(**client_settings(settings))

    async def events() -> int:
        ends, committed = await asyncio.gather(
            consumer.end_offsets(places), admin.list_consumer_group_offsets(settings.consumer_group, partitions=places)
        )
        return sum(max(0, ends[place] - committed[place].offset) for place in places)

    try:
        await admin.start()
        yield events
    finally:
        await admin.close()
