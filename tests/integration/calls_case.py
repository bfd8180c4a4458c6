"""Calls that tests number and put into partitions of their choice, and what was decided about them."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, Producer

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.metrics import Metric
from tests.processes import Worker
from tests.waiting import HANG_S


def call(name: str, switch: str | None = None) -> bytes:
    """A set-up of now; two calls of one name are one call. Decisions go by the switch, where there is one."""
    number = sum(name.encode()) % 9_000 + 1_000
    return json.dumps(
        {
            "type": "call_setup",
            "call_id": name,
            "setup_time_ms": time.time_ns() // 1_000_000,
            "calling_number": f"+1202555{number}",
            "called_number": "+13125550145",
            "trunk_group_id": "trunk-1",
            "switch_id": switch,
        }
    ).encode()


def names(prefix: str, count: int) -> list[str]:
    """So many names of calls."""
    return [f"{prefix}-{number}" for number in range(count)]


def place(bootstrap: str, calls: Iterable[str], partitions: Iterable[int], switches: Sequence[str] = ()) -> None:
    """Publish calls by turns into the partitions, and of the switches; return once the brokers have all of them.

    A broker that has not heard of a new topic yet refuses some: those are sent again.
    """
    wanted = list(partitions)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "acks": "1"})
    left = [
        (name, call(name, switches[turn % len(switches)] if switches else None), wanted[turn % len(wanted)])
        for turn, name in enumerate(calls)
    ]
    while left:
        refused: list[tuple[str, bytes, int]] = []
        for one in left:
            _send(producer, one, refused)
        assert producer.flush(HANG_S) == 0
        left = refused


def _send(producer: Producer, one: tuple[str, bytes, int], refused: list[tuple[str, bytes, int]]) -> None:
    def told(error: object, _: object) -> None:
        if error is not None:
            refused.append(one)

    name, value, partition = one
    producer.produce(CALL_EVENTS, key=name, value=value, partition=partition, on_delivery=told)
    producer.poll(0)


class Decided:
    """Reads `call-decisions` from its beginning, and keeps how often each call was decided."""

    def __init__(self, bootstrap: str) -> None:
        self._seen: Counter[str] = Counter()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-{time.time_ns()}",
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 1_000,
            }
        )
        self._consumer.subscribe([CALL_DECISIONS])

    def calls(self) -> Counter[str]:
        """Everything so far, after waiting a moment for more."""
        for message in self._consumer.consume(5_000, 0.3):
            value = message.value()
            if message.error() is None and value is not None:
                self._seen[json.loads(value)["call_id"]] += 1
        return self._seen


def metric(worker: Worker, name: Metric, labels: str = "") -> float:
    """What a worker's page says of a metric now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=HANG_S) as page:
        lines = page.read().decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith(f"{name}{labels} "))
