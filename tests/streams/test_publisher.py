"""Deliveries, partitions of keys, and batches on a real broker."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Consumer
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import KafkaUnreachable, PublishFailed, TopicMissing
from streams.kafka_client import client_settings, require_topics
from streams.publisher import MAX_BATCH_BYTES, Delivery, Publisher, _Outbox, partition_of
from streams.settings import load_settings
from streams.topics import CALL_DECISIONS

FreshTopics = Callable[..., list[str]]


@given(st.binary(max_size=64), st.integers(1, 200))
def test_keys_go_where_kafkas_default_partitioner_sends_them(key: bytes, partitions: int) -> None:
    """A reader of one key finds our records in the partition where its own client looks."""
    assert partition_of(key, partitions) == DefaultPartitioner()(key, list(range(partitions)), [])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_delivery_is_done_once_when_all_arrived_and_it_is_sealed(sizes: list[int], order: random.Random) -> None:
    """Whatever the order of arrivals, and wherever the seal falls among them."""
    done: list[int] = []
    delivery = Delivery(lambda: done.append(1))
    for size in sizes:
        delivery.expect(size)
    steps = [*sizes, 0]  # 0 is the seal
    order.shuffle(steps)

    for position, step in enumerate(steps):
        if step:
            delivery.arrived(step)
        else:
            delivery.seal()
        assert len(done) == (position == len(steps) - 1)


def test_a_delivery_of_nothing_is_done_when_sealed() -> None:
    """A poll of call ends alone brings no decision."""
    done: list[int] = []
    delivery = Delivery(lambda: done.append(1))
    assert done == []
    delivery.seal()
    assert done == [1]


def test_an_unreachable_broker_is_named() -> None:
    """One line that says what to do."""
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match=r"127\.0\.0\.1:1: start one or set ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"):
        asyncio.run(require_topics(settings, [CALL_DECISIONS]))


async def _publish_to_stopped_producer() -> list[PublishFailed]:
    failures: list[PublishFailed] = []
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    await producer.stop()
    outbox = _Outbox(producer, CALL_DECISIONS, 3, failures.append)
    outbox.put(b"key", "text, not bytes", Delivery(lambda: None))  # type: ignore[arg-type]  # what a bug would pass
    assert outbox.task is not None
    await outbox.task
    return failures


def test_an_error_of_any_kind_while_sending_is_a_failure() -> None:
    """A bug must stop the worker: a batch that is silently dropped leaves its poll unanswered for ever."""
    failures = asyncio.run(_publish_to_stopped_producer())

    assert [(failure.topic, failure.partition) for failure in failures] == [(CALL_DECISIONS, 3)]
    assert "TypeError" in str(failures[0])


async def _publish(bootstrap: str, topic: str, records: list[tuple[bytes, bytes | None]]) -> list[PublishFailed]:
    failures: list[PublishFailed] = []
    finished = asyncio.Event()

    def failed(error: PublishFailed) -> None:
        failures.append(error)
        finished.set()

    publisher = Publisher(client_settings(load_settings(kafka_bootstrap_servers=bootstrap)), [topic], failed)
    await publisher.start()
    delivery = Delivery(finished.set)
    publisher.publish(topic, records, delivery)
    delivery.seal()
    await asyncio.wait_for(finished.wait(), 30)
    await publisher.stop()
    return failures


def _read(bootstrap: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([CALL_DECISIONS])
    found: list[tuple[bytes | None, bytes | None]] = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            key, value = message.key(), message.value()
            found.append((key, value))
    consumer.close()
    return found


@pytest.mark.kafka
def test_more_than_a_batch_holds_leaves_in_several(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """One partition, four batches' worth of records: none is lost, the order stays, null values included."""
    fresh_topics(3)
    sent: list[tuple[bytes, bytes | None]] = [
        (b"switch-1", None if number % 50 == 0 else bytes([number % 256]) * 20_000)
        for number in range(4 * MAX_BATCH_BYTES // 20_000)
    ]

    failures = asyncio.run(_publish(kafka_bootstrap, CALL_DECISIONS, list(sent)))

    assert failures == []
    assert _read(kafka_bootstrap, len(sent)) == sent


@pytest.mark.kafka
def test_many_keys_come_through_complete(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Several partitions at once."""
    fresh_topics(12)
    sent = [(f"switch-{number % 40}".encode(), f"{number}".encode()) for number in range(5_000)]

    failures = asyncio.run(_publish(kafka_bootstrap, CALL_DECISIONS, list(sent)))

    assert failures == []
    assert Counter(_read(kafka_bootstrap, len(sent))) == Counter(sent)


@pytest.mark.kafka
def test_a_record_that_no_batch_can_hold_is_a_failure(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Told once, with topic and partition; the delivery is never done."""
    fresh_topics(1)

    failures = asyncio.run(_publish(kafka_bootstrap, CALL_DECISIONS, [(b"k", b"x" * (2 * MAX_BATCH_BYTES))]))

    assert [(failure.topic, failure.partition) for failure in failures] == [(CALL_DECISIONS, 0)]


@pytest.mark.kafka
def test_missing_topics_are_named(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """And not created by asking for them."""
    fresh_topics(1)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)
    for _ in range(2):
        with pytest.raises(TopicMissing, match="missing topics: nowhere; run `robocall topics create`"):
            asyncio.run(require_topics(settings, [CALL_DECISIONS, "nowhere"]))
