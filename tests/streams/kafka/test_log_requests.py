"""What a real broker says of logs: the topic's id, beginnings and ends, ends of epochs."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient
from kafka import KafkaAdminClient, TopicPartition

from streams.kafka.log_requests import Log, describe_logs
from streams.kafka.topics import CALL_EVENTS
from tests.conftest import FreshTopics
from tests.integration.calls_case import names, place

pytestmark = pytest.mark.kafka


def test_a_leader_describes_its_logs(
    kafka_bootstrap: str, kafka_admin: KafkaAdminClient, fresh_topics: FreshTopics
) -> None:
    """Ten records, three of them deleted; an empty partition; one that does not exist; epochs that nobody knows."""
    fresh_topics(3)
    place(kafka_bootstrap, names("call", 10), [0])
    kafka_admin.delete_records({TopicPartition(CALL_EVENTS, 0): 3})
    (described,) = kafka_admin.describe_topics([CALL_EVENTS])
    topic_id = str(described["topic_id"])

    async def ask() -> dict[int, Log]:
        client = AIOKafkaClient(bootstrap_servers=kafka_bootstrap)
        await client.bootstrap()
        try:
            return await describe_logs(client, 1, CALL_EVENTS, {0: 0, 1: None, 2: 77, 3: 0})
        finally:
            await client.close()

    assert asyncio.run(ask()) == {
        0: Log(topic_id, 3, 10, 10),
        1: Log(topic_id, 0, 0, None),
        2: Log(topic_id, 0, 0, None),
    }
