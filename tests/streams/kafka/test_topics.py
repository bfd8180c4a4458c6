"""Topics on a real broker: created as the contract says, checked, and told apart from what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAuthorizationFailedError

from streams.errors import ClusterRefused
from streams.kafka import topics
from streams.settings import load_settings
from tests.topic_configs import configure

pytestmark = pytest.mark.kafka

CONTRACT = {
    "call-events", "call-decisions", "entity-decisions", "call-feedback", "scored-calls", "dead-letters",
    "case-records", "campaigns",
}  # fmt: skip


def test_fresh_topics_are_those_of_the_contract(
    fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient
) -> None:
    assert set(fresh_topics(partitions=3)) == CONTRACT
    assert topics.check(kafka_admin, partitions=3) == []


def test_retention_is_that_of_the_contract(
    fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient
) -> None:
    fresh_topics(partitions=1)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in CONTRACT]
    found = kafka_admin.describe_configs(resources, config_filter="all")["topic"]
    hours = {
        name: int(config["retention.ms"]["value"]) / 3_600_000
        for name, config in found.items()
        if config["cleanup.policy"]["value"] == "delete"
    }
    assert hours == {
        "call-events": 25,
        "call-decisions": 7 * 24,
        "call-feedback": 400 * 24,
        "scored-calls": 30 * 24,
        "dead-letters": 30 * 24,
    }
    for name in ("entity-decisions", "case-records"):
        assert found[name]["cleanup.policy"]["value"] == "compact"


def test_creating_twice_changes_nothing(fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient) -> None:
    fresh_topics(partitions=2)
    assert topics.create(kafka_admin, partitions=4) == []
    assert {len(topic["partitions"]) for topic in kafka_admin.describe_topics(sorted(CONTRACT))} == {2}


def test_longer_retention_is_no_complaint(
    fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient
) -> None:
    fresh_topics(partitions=1)
    configure(kafka_admin, "call-events", retention_ms="-1")
    configure(kafka_admin, "call-decisions", retention_ms=str(30 * 24 * 3_600_000))
    assert topics.check(kafka_admin, partitions=1) == []


def test_a_refused_topic_is_one_sentence(
    fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient, delete_topic: Callable[[str], None]
) -> None:
    fresh_topics(partitions=1)
    delete_topic("scored-calls")
    more_copies_than_brokers = 32
    with pytest.raises(topics.TopicCreationFailed, match=r"refused to create scored-calls: .*replication factor"):
        topics.create(kafka_admin, partitions=1, replication_factor=more_copies_than_brokers)


def test_a_refusal_says_what_the_user_needs(kafka_bootstrap: str) -> None:
    """The test broker refuses nobody, so its answer is given here; the connection is real."""
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)
    wanted = r"refused a question about topics \(TopicAuthorizationFailedError\): the user needs Describe"
    with pytest.raises(ClusterRefused, match=wanted), topics.admin_client(settings):
        raise TopicAuthorizationFailedError
