"""What `robocall doctor` says of raw set-ups, on a real broker: how many wait, and for whom."""

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaAdminClient

from streams.kafka import topics
from streams.settings import Settings, load_settings
from streams.verifying import doctor
from streams.verifying.doctor import raw_calls
from streams.verifying.raw_topic import raw_topic_in_use
from streams.verifying.settings import VerifySettings
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
PARTITIONS = 2


@pytest.fixture
def settings(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """A topic of raw set-ups with five records, and a group that nobody is in."""
    fresh_topics(PARTITIONS)
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", name := f"unverified-{time.time_ns()}")
    monkeypatch.setenv("ROBOCALL_VERIFY_CONSUMER_GROUP", f"verify-{time.time_ns()}")
    topic = raw_topic_in_use()
    assert topic is not None
    topics.create(kafka_admin, partitions=PARTITIONS, wanted=(topic,))
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    for number in range(5):
        producer.produce(name, key=str(number), value=b"{}", partition=number % PARTITIONS)
    assert producer.flush(60) == 0
    yield load_settings(kafka_bootstrap_servers=kafka_bootstrap, partitions=PARTITIONS)
    kafka_admin.delete_topics([name])


def test_records_that_wait_for_nobody_are_a_warning_and_those_of_a_member_are_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was committed of a partition, all of it waits."""
    name, group = VerifySettings.load().topic, VerifySettings.load().consumer_group
    ((is_well, sentence),) = raw_calls(settings)
    assert not is_well
    assert sentence == f"5 raw records of {name} wait, and nobody is in the group {group}: start `robocall verify`"

    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "group.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([name])
    wait_until(lambda: consumer.consume(1, 0.2), "the group reads")
    consumer.commit(offsets=[TopicPartition(name, 0, 2)], asynchronous=False)
    assert list(raw_calls(settings)) == [(True, f"3 raw records of {name} wait for 1 in the group {group}")]
    monkeypatch.setattr(doctor, "MANY_RECORDS", 2)
    ((is_well, sentence),) = raw_calls(settings)
    consumer.close()
    assert (is_well, sentence.partition(": ")[2]) == (False, "start more of them, up to one a partition")


def test_a_topic_of_another_size_is_said_beside_what_waits(settings: Settings) -> None:
    """`robocall verify` would not start."""
    said = list(raw_calls(settings.model_copy(update={"partitions": 3})))
    assert [is_well for is_well, _ in said] == [False, False]
    assert "has 2 partitions, 3 are configured" in said[0][1]


def test_nothing_is_said_where_no_topic_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the brokers are asked."""
    monkeypatch.delenv("ROBOCALL_VERIFY_TOPIC", raising=False)
    assert list(raw_calls(load_settings(kafka_bootstrap_servers="127.0.0.1:1"))) == []
