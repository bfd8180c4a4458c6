"""The secret of a fleet on a real broker: made once, the same for everybody, and said when it cannot be had."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.kafka import fleet_secret, topics
from streams.kafka.fleet_secret import SECRET_BYTES, SecretUnknown, seed_of
from streams.settings import Settings, load_settings
from tests.integration.odd_batches_case import MIB, produce

pytestmark = pytest.mark.kafka


@pytest.fixture
def fleet(kafka_bootstrap: str, delete_topic: Callable[[str], None]) -> Settings:
    """Settings of a fleet that has no secret yet."""
    delete_topic(fleet_secret.TOPIC)
    return load_settings(kafka_bootstrap_servers=kafka_bootstrap)


def test_a_secret_is_made_once(fleet: Settings, kafka_admin: KafkaAdminClient) -> None:
    """Whoever comes later reads it; creating again changes nothing."""
    assert topics.create_secret(kafka_admin, fleet, replication_factor=1) == [fleet_secret.TOPIC]
    first = asyncio.run(fleet_secret.read(fleet))

    assert topics.create_secret(kafka_admin, fleet) == []
    assert asyncio.run(fleet_secret.read(fleet)) == first
    assert len(first) == SECRET_BYTES
    assert 0 <= seed_of(first) < 2**62
    assert seed_of(first) != seed_of(first[::-1])


def test_of_two_the_first_counts(fleet: Settings, kafka_admin: KafkaAdminClient) -> None:
    """Two people created the topics at once; junk is no secret."""
    topics.create_secret(kafka_admin, fleet, replication_factor=1)
    first = asyncio.run(fleet_secret.read(fleet))
    producer = Producer({"bootstrap.servers": fleet.kafka_bootstrap_servers})
    for key, value in ((b"other", b"x" * SECRET_BYTES), (b"junk", b"short")):
        producer.produce(fleet_secret.TOPIC, value, key)
    producer.flush(30)

    assert asyncio.run(fleet_secret.read(fleet)) == first


def test_a_bomb_is_stepped_over_and_never_unpacked_whole(fleet: Settings, kafka_admin: KafkaAdminClient) -> None:
    """4 KB of zstd are 120 MiB: every start, `doctor` and `topics create` unpacked them, and no timeout ended that."""
    bound = str(topics.FLEET_SECRET.max_message_bytes)
    kafka_admin.create_topics([NewTopic(fleet_secret.TOPIC, 1, 1, topic_configs={"max.message.bytes": bound})])
    secret = b"s" * SECRET_BYTES
    produce(fleet.kafka_bootstrap_servers, [bytes(120 * MIB)], topic=fleet_secret.TOPIC, codec="zstd")
    produce(fleet.kafka_bootstrap_servers, [secret], topic=fleet_secret.TOPIC)

    tracemalloc.start()
    try:
        assert asyncio.run(fleet_secret.read(fleet)) == secret
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 60 * MIB


def test_that_there_is_none_is_said(fleet: Settings, kafka_admin: KafkaAdminClient) -> None:
    """And asking for it makes no topic."""
    with pytest.raises(SecretUnknown, match="missing or empty: run `robocall topics create`"):
        asyncio.run(fleet_secret.read(fleet))
    assert fleet_secret.TOPIC not in kafka_admin.list_topics()


def test_brokers_that_are_away_are_not_waited_for_long() -> None:
    with pytest.raises(SecretUnknown, match="cannot be read"):
        asyncio.run(fleet_secret.read(load_settings(kafka_bootstrap_servers="127.0.0.1:1")))
