"""A live worker beside calls that can be told apart, and what is read of its answers: for tests of odd batches."""

import json
import time
import urllib.request
from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS
from tests.processes import Worker
from tests.waiting import HANG_S

MIB = 1024 * 1024


def call(number: int) -> bytes:
    """A call setup of now."""
    return json.dumps(
        {
            "type": "call_setup", "call_id": f"call-{number}", "setup_time_ms": time.time_ns() // 1_000_000,
            "calling_number": f"+1202555{number:04d}", "called_number": "+13035550142", "trunk_group_id": "tg-1",
        }
    ).encode()  # fmt: skip


def ids(numbers: Iterable[int]) -> set[str]:
    return {f"call-{number}" for number in numbers}


def must_arrive(error: object, _message: object) -> None:
    """What a producer is to call for every record."""
    assert error is None, error


def produce(
    bootstrap: str,
    values: Iterable[bytes | None],
    *,
    topic: str = CALL_EVENTS,
    partition: int = 0,
    codec: str = "none",
) -> None:
    """Publish values as one batch, whatever its size, with whatever an honest client can be told to do."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 2_000,
            "batch.num.messages": 1_000_000, "batch.size": 2_000_000_000, "message.max.bytes": 1_000_000_000,
            "queue.buffering.max.kbytes": 2_000_000, "queue.buffering.max.messages": 1_000_000,
        }
    )  # fmt: skip
    for value in values:
        producer.produce(topic, value=value, partition=partition, on_delivery=must_arrive)
    assert producer.flush(HANG_S) == 0


class Answers:
    """What the worker has published so far."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False, "log_level": 0}
        )
        topics = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in (CALL_DECISIONS, DEAD_LETTERS)
                for partition in topics[topic].partitions
            ]
        )
        self._found: dict[str, list[dict[str, Any]]] = {CALL_DECISIONS: [], DEAD_LETTERS: []}

    def _read(self, topic: str) -> list[dict[str, Any]]:
        for message in self._consumer.consume(10_000, 0.2):
            value = message.value()
            assert message.error() is None
            assert value is not None
            self._found[str(message.topic())].append(json.loads(value))
        return self._found[topic]

    def decided(self) -> list[str]:
        """Ids of the calls that were answered, sorted; one that was answered twice is there twice."""
        return sorted(one["call_id"] for one in self._read(CALL_DECISIONS))

    def left_out(self, topic: str = CALL_EVENTS) -> list[tuple[int, int, int, str]]:
        """Partition, first and last offset, and code of each dead letter of a topic, sorted."""
        letters = [one for one in self._read(DEAD_LETTERS) if one["topic"] == topic]
        return sorted((one["partition"], one["offset"], one["last_offset"], one["code"]) for one in letters)


def metrics(worker: Worker) -> dict[str, float]:
    """What the worker exposes, by name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=10) as page:
        lines = [line for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def most_resident_mib(worker: Worker) -> float:
    """The most memory that the process ever had."""
    with open(f"/proc/{worker.process.pid}/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1_024
