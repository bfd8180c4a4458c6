"""What the system answered: every record of `call-decisions` and `dead-letters`, and when it arrived here."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from streams.kafka.topics import CALL_DECISIONS, DEAD_LETTERS

JOIN_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision as a switch got it.

    Attributes:
        arrived_s: when it was read, epoch seconds.
        decided_ms: time of decision, epoch milliseconds by the worker's clock.
        call_id: of its call.
        decision_id: of the decision.
        decided_by: the step that decided.
        reasons: codes.
        substance: what must not change: action, label, SIP answer and step.
    """

    arrived_s: float
    decided_ms: int
    call_id: str
    decision_id: str
    decided_by: str
    reasons: frozenset[str]
    substance: tuple[Any, ...]

    @property
    def is_late(self) -> bool:
        """Whether it is the answer to a call that could not be decided in time."""
        return bool(self.reasons & {"late", "overload"})


class Answers:
    """A thread that reads both topics from their beginning.

    Args:
        bootstrap_servers: of the broker.
        partitions: of the topics.
    """

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self.decisions: list[Answer] = []
        self.dead_letters: list[dict[str, Any]] = []
        self._stopping = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"answers-{time.time_ns()}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 200,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 0,
            }
        )
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in (CALL_DECISIONS, DEAD_LETTERS)
                for partition in range(partitions)
            ]
        )
        self._thread = threading.Thread(target=self._read, name="answers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join(JOIN_TIMEOUT_S)
        self._consumer.close()

    def _read(self) -> None:
        while not self._stopping.is_set():
            messages = self._consumer.consume(1_000, 0.05)
            arrived_s = time.time()
            for message in messages:
                value = message.value()
                if message.error() is not None or value is None:
                    continue
                if message.topic() == CALL_DECISIONS:
                    self.decisions.append(_answer(arrived_s, json.loads(value)))
                else:
                    self.dead_letters.append(json.loads(value))


def _answer(arrived_s: float, record: dict[str, Any]) -> Answer:
    # `would_be` is what was found, whatever the mode: a change of mode is no change of mind.
    action = record.get("would_be") or record["action"]
    substance = (action, record["decided_by"], json.dumps(record["label"]), json.dumps(record["sip"]))
    reasons = frozenset(reason["code"] for reason in record["reasons"])
    return Answer(
        arrived_s,
        record["decided_time_ms"],
        record["call_id"],
        record["decision_id"],
        record["decided_by"],
        reasons,
        substance,
    )
