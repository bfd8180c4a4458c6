"""A group for a visit: it begins at the end of what is there, and leaves nothing behind."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient, TopicPartition

from streams.kafka.temporary_group import partitions_of, temporary_group
from streams.kafka.topics import CALL_EVENTS

pytestmark = pytest.mark.kafka


def test_a_group_begins_behind_the_calls_that_are_there_and_is_deleted(
    kafka_bootstrap: str, kafka_admin: KafkaAdminClient, fresh_topics: Callable[..., list[str]]
) -> None:
    """Three calls of before in one partition, none in the other: a worker of the group would decide none of them."""
    fresh_topics(2)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    for number in range(3):
        producer.produce(CALL_EVENTS, value=b"%d" % number, partition=1)
    assert producer.flush(60) == 0

    with temporary_group(kafka_admin, "visit") as group:
        found = kafka_admin.list_group_offsets(group)[group]
        assert {place: at.offset for place, at in found.items()} == {
            TopicPartition(CALL_EVENTS, 0): 0,
            TopicPartition(CALL_EVENTS, 1): 3,
        }
        with temporary_group(kafka_admin, "visit") as other:
            assert other != group
    assert kafka_admin.list_group_offsets(group)[group] == {}


def test_partitions_are_those_that_the_topic_really_has(
    kafka_admin: KafkaAdminClient, fresh_topics: Callable[..., list[str]]
) -> None:
    """Whatever the settings say."""
    fresh_topics(5)
    assert partitions_of(kafka_admin, CALL_EVENTS) == 5
