"""What the demo's worker has still to decide, on a real broker."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from streams.commands.demo.backlog import backlog
from streams.kafka.temporary_group import temporary_group
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, admin_client
from streams.settings import load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import publish

PARTITIONS = 2


@pytest.mark.kafka
def test_events_after_what_the_group_has_committed(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Of all partitions, and as soon as they are there; what was there before the group is not its own."""
    fresh_topics(PARTITIONS)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)

    def send(*keys: bytes) -> None:
        for key in keys:
            publish(kafka_bootstrap, b"{}", topic=CALL_EVENTS, key=key)

    async def asked(group: str) -> list[int]:
        own = settings.model_copy(update={"consumer_group": group, "partitions": PARTITIONS})
        async with (
            AIOKafkaConsumer(CALL_DECISIONS, bootstrap_servers=kafka_bootstrap) as consumer,
            backlog(own, consumer) as behind,
        ):
            before = await behind()
            await asyncio.to_thread(send, b"one", b"two", b"three")
            return [before, await behind()]

    send(b"before")
    with admin_client(settings) as admin, temporary_group(admin, "demo") as group:
        assert asyncio.run(asked(group)) == [0, 3]
