"""Two workers under one instance id: the older ends and says why; a restart under its own id moves nothing."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import CALL_DECISIONS
from streams.metrics import Metric
from tests.integration.events_case import produce, setups
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 4
PART = 200


class Fleet:
    """Workers of one group, each under the name that the test gives it; killed at the end."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.started: list[Worker] = []

    def start(self, instance: str) -> Worker:
        log = self._folder / f"{len(self.started)}-{instance}.log"
        self.started.append(Worker(self._environment | {"ROBOCALL_INSTANCE_ID": instance}, log))
        return self.started[-1]


def partitions(worker: Worker) -> int:
    return int(worker.health().get("partitions", 0))


def assignments(worker: Worker) -> float:
    return worker.metric(Metric.ASSIGNMENTS)


@pytest.fixture
def fleet(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path) -> Iterator[Fleet]:
    fresh_topics(PARTITIONS)
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "model")),
        "ROBOCALL_CONSUMER_GROUP": f"shared-{time.time_ns()}",
        "ROBOCALL_SESSION_TIMEOUT_S": "120",
        **PATIENT,
    }
    with _killed_at_the_end(Fleet(environment, tmp_path)) as found:
        yield found


@contextmanager
def _killed_at_the_end(fleet: Fleet) -> Iterator[Fleet]:
    try:
        yield fleet
    finally:
        for worker in fleet.started:
            if worker.process.poll() is None:
                worker.kill()


def test_the_older_of_two_ends_with_a_sentence_and_calls_go_on(kafka_bootstrap: str, fleet: Fleet) -> None:
    """It does not take the name back; the worker beside them hears of nothing; a restart is what it was."""
    block = next(iter(generate(TrafficSpec(seed=23, hours=1.0, calls_per_second=10.0))))
    events = [line.encode() for line in block.json_lines()[: 4 * PART]]
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)
    other, older = fleet.start("worker-0"), fleet.start("worker-1")
    wait_until(lambda: partitions(other) == partitions(older) == PARTITIONS // 2, "both have their share")
    moves = assignments(other)
    produce(kafka_bootstrap, events[:PART])

    newer = fleet.start("worker-1")
    wait_until(lambda: partitions(newer) == PARTITIONS // 2, "the newer has taken over")
    produce(kafka_bootstrap, events[PART : 2 * PART])
    assert older.process.wait(HANG_S) == 1
    produce(kafka_bootstrap, events[2 * PART : 3 * PART])
    wait_until(lambda: set(decisions.calls()) >= setups(events[: 3 * PART]), "every setup answered")
    assert newer.stop() == 0

    back = fleet.start("worker-1")
    produce(kafka_bootstrap, events[3 * PART :])
    wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
    assert (partitions(back), assignments(other)) == (PARTITIONS // 2, moves)
    assert (back.stop(), other.stop()) == (0, 0)

    assert older.log.read_text().count("has started as worker-1, and of two the older ends: give each worker a") == 1
    assert "Traceback" not in older.log.read_text()
    assert set(decisions.calls()) == setups(events)
    repeats = decisions.calls() - Counter(setups(events))
    assert set(repeats) <= setups(events[PART : 2 * PART]), "only what came while there were two"
