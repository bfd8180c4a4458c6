"""The transport, publisher and ending on a real broker: nothing is lost, whatever happens to workers."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from tests.conftest import FreshTopics
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
COPYING_WORKER = [sys.executable, str(Path(__file__).with_name("copying_worker.py"))]


@contextmanager
def running(bootstrap: str, count: int = 1, group: str | None = None) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Copying workers of one group; whatever is left of them is killed at the end."""
    settings = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "ROBOCALL_WEB_PORT": "0",
        "ROBOCALL_CONSUMER_GROUP": group or f"copying-{time.time_ns()}",
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        "PYTHONPATH": str(ROOT),
    }
    workers = [
        subprocess.Popen(COPYING_WORKER, env={**os.environ, **settings}, cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stderr is not None:
                worker.stderr.close()


def produce(bootstrap: str, first: int, count: int, codec: str = "none") -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": codec})
    for number in range(first, first + count):
        producer.produce(CALL_EVENTS, key=f"+1202555{number % 997:04d}", value=f"event-{number}")
        producer.poll(0)
    assert producer.flush(HANG_S) == 0


def published(bootstrap: str, expected: set[str]) -> Counter[str]:
    """Read the output topic from its beginning until everything expected was seen; then what is there already."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([CALL_DECISIONS])
    seen: Counter[str] = Counter()
    deadline = time.monotonic() + HANG_S
    quiet_since = time.monotonic()
    while time.monotonic() < deadline and (not expected <= seen.keys() or time.monotonic() - quiet_since < 1.0):
        message = consumer.poll(0.2)
        value = message.value() if message is not None and message.error() is None else None
        if value is not None:
            quiet_since = time.monotonic()
            seen[value.decode()] += 1
    consumer.close()
    return seen


def members(bootstrap: str, group: str) -> int:
    """Workers that have partitions of the group."""
    admin = AdminClient({"bootstrap.servers": bootstrap})  # whose answers end with it
    described = admin.describe_consumer_groups([group])[group].result()
    return sum(1 for member in described.members if member.assignment and member.assignment.topic_partitions)


def test_a_switch_may_compress_as_it_likes(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """A codec that the worker did not know would end it, and every one that takes over."""
    fresh_topics(12)
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    with running(kafka_bootstrap):
        for place, codec in enumerate(codecs):
            produce(kafka_bootstrap, 100 * place, 100, codec)
        seen = published(kafka_bootstrap, {f"event-{number}" for number in range(500)})

    assert seen == Counter({f"event-{number}": 1 for number in range(500)})


def test_every_record_comes_back_exactly_once(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Without a fault there is no repeat and no loss, and SIGTERM ends with status 0."""
    fresh_topics(12)
    expected = {f"event-{number}" for number in range(5_000)}

    with running(kafka_bootstrap) as (worker,):
        produce(kafka_bootstrap, 0, 5_000)
        seen = published(kafka_bootstrap, expected)
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(HANG_S)

    assert set(seen) == expected
    assert set(seen.values()) == {1}
    assert status == 0


def test_a_restart_goes_on_where_the_last_one_stopped(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """SIGTERM commits everything that was answered: the next worker of the group repeats nothing."""
    fresh_topics(12)
    group = f"restarting-{time.time_ns()}"
    for round_number in range(2):
        produce(kafka_bootstrap, 1_000 * round_number, 1_000)
        expected = {f"event-{number}" for number in range(1_000 * (round_number + 1))}
        with running(kafka_bootstrap, group=group) as (worker,):
            seen = published(kafka_bootstrap, expected)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(HANG_S) == 0
        assert set(seen.values()) == {1}
        assert set(seen) == expected


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """After kill -9 of one of two workers the other answers everything; what was not committed is repeated."""
    fresh_topics(12)
    expected = {f"event-{number}" for number in range(8_000)}

    with running(kafka_bootstrap, count=2) as (victim, survivor):
        for start in range(0, 8_000, 500):
            produce(kafka_bootstrap, start, 500)
            if start == 4_000:
                victim.kill()
            time.sleep(0.1)
        seen = published(kafka_bootstrap, expected)
        survivor.send_signal(signal.SIGTERM)
        status = survivor.wait(HANG_S)

    assert set(seen) == expected
    assert sum(seen.values()) < 12_000  # repeats are bounded by the commit interval
    assert status == 0


@pytest.mark.slow
def test_members_that_come_and_go_lose_and_repeat_nothing(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """A rebalance waits for what is in flight and commits it before partitions move."""
    fresh_topics(12)
    group = f"moving-{time.time_ns()}"
    expected = {f"event-{number}" for number in range(6_000)}

    with running(kafka_bootstrap, group=group):
        with running(kafka_bootstrap, group=group) as (second,):
            for start in range(0, 6_000, 500):
                produce(kafka_bootstrap, start, 500)
                time.sleep(0.3)
                if start == 3_000:
                    wait_until(lambda: members(kafka_bootstrap, group) == 2, "both workers are members")
                    second.send_signal(signal.SIGTERM)
            assert second.wait(HANG_S) == 0
        seen = published(kafka_bootstrap, expected)

    assert set(seen) == expected
    assert set(seen.values()) == {1}
