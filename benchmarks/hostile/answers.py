"""Decisions on good calls, read behind the broker that stamps them."""

import json
import time
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from benchmarks.harness.open_loop import Run
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS

HELD = 0
MOST_UNANSWERED_S = 60.0


class Answers:
    """Reads the decisions on good calls: when the broker stamped each.

    It does not read the calls: other clients than ours end at a batch that is damaged.

    Args:
        bootstrap: of the broker.
        partitions: of the topics.
    """

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(CALL_DECISIONS, one, 0) for one in range(partitions)])
        self._partitions = partitions
        self._found: dict[int, list[tuple[int, float]]] = {}
        """Of each call, partition and milliseconds that each answer took."""

    def read(self, run: Run) -> dict[str, Any]:
        """Read on until each call of a run has its decision, or nothing more of them comes; what was found."""
        marker, since_s = f'"call_id":"{run.tag}.'.encode(), time.monotonic()
        self._found = {}
        while len(self._found) < run.number and time.monotonic() - since_s < MOST_UNANSWERED_S:
            for message in self._consumer.consume(5_000, 0.2):
                if marker in (value := message.value() or b""):
                    since_s = time.monotonic()
                    self._take(json.loads(value), message.timestamp()[1])
        waits: dict[bool, list[float]] = {False: [], True: []}
        for index, ((partition, wait_ms), *_) in self._found.items():
            if index >= run.warm:
                waits[partition == HELD].append(wait_ms)
        return {
            "calls": run.number,
            "undecided": run.number - len(self._found),
            "repeated": sum(len(answers) - 1 for answers in self._found.values()),
            **_percentiles(waits[False]),
            "beside transactions": _percentiles(waits[True]),
        }

    def _take(self, decision: dict[str, Any], stamp_ms: int) -> None:
        _, index, due_ns = decision["call_id"].split(".")
        (partition,) = partitions_of([decision["calling_number"].encode()], self._partitions)
        self._found.setdefault(int(index), []).append((partition, stamp_ms - int(due_ns) / 1e6))


def _percentiles(waits: list[float]) -> dict[str, float]:
    return {f"p{p:g}_ms": round(float(np.percentile(waits, p)), 1) for p in (50, 99, 99.9, 100)} if waits else {}
