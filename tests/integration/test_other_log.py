"""A log that is not the one that was read: the topic was made again, or lost records. Every new call is decided."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaAdminClient
from kafka import TopicPartition as Partition

from streams.kafka.topics import CALL_EVENTS
from streams.metrics import Metric
from tests.conftest import FreshTopics
from tests.integration.calls_case import Decided, metric, names, place
from tests.processes import PATIENT, workers
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 4
DeleteTopic = Callable[[str], None]


@pytest.fixture
def environment(
    kafka_bootstrap: str, fresh_topics: FreshTopics, model: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> dict[str, str]:
    fresh_topics(PARTITIONS)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_CONSUMER_GROUP": f"{request.node.name}-{time.time_ns()}",
        "ROBOCALL_SNAPSHOT_URL": str(tmp_path / "snapshots"),
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        **PATIENT,
    }


class Scene:
    """One topic, its decisions, and what the group has committed."""

    def __init__(self, bootstrap: str, environment: dict[str, str], admin: KafkaAdminClient) -> None:
        self.decided = Decided(bootstrap)
        self._bootstrap = bootstrap
        self._group = environment["ROBOCALL_CONSUMER_GROUP"]
        self._admin = admin

    def send(self, calls: list[str], partitions: int = PARTITIONS) -> None:
        place(self._bootstrap, calls, range(partitions))

    def wait(self, calls: list[str]) -> None:
        wait_until(lambda: set(calls) <= self.decided.calls().keys(), f"{calls[0]} and so on are decided")

    def wait_committed(self, calls: int) -> None:
        wait_until(lambda: self._committed() == calls, f"{calls} are committed")

    def _committed(self) -> int:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": self._group})
        found = consumer.committed([TopicPartition(CALL_EVENTS, one) for one in range(PARTITIONS)], timeout=10)
        consumer.close()
        return sum(max(0, partition.offset) for partition in found)

    def make_again(self, delete: DeleteTopic, partitions: int = PARTITIONS) -> None:
        """Delete the topic, and make it once more."""
        delete(CALL_EVENTS)
        self._admin.create_topics({CALL_EVENTS: {"num_partitions": partitions, "replication_factor": 1}})
        wait_until(lambda: CALL_EVENTS in self._admin.list_topics(), "the topic is there again")

    def delete_before(self, offset: int) -> None:
        """Do what `kafka-delete-records` does, in every partition."""
        self._admin.delete_records({Partition(CALL_EVENTS, one): offset for one in range(PARTITIONS)})


@pytest.fixture
def scene(kafka_bootstrap: str, environment: dict[str, str], kafka_admin: KafkaAdminClient) -> Scene:
    return Scene(kafka_bootstrap, environment, kafka_admin)


def test_a_topic_that_is_made_again_under_a_worker_loses_no_call(
    scene: Scene, environment: dict[str, str], delete_topic: DeleteTopic, tmp_path: Path
) -> None:
    """250 calls before and 250 after, by the same worker."""
    before, after = names("before", 250), names("after", 250)
    with workers(1, environment, tmp_path) as (worker,):
        scene.send(before)
        scene.wait(before)
        scene.wait_committed(250)
        scene.make_again(delete_topic)
        scene.send(after)
        scene.wait(after)
        wait_until(lambda: worker.health().get("status") == "ok", "all is well")
        assert metric(worker, Metric.LOG_CHANGES, '{change="made_again"}') == PARTITIONS
        assert worker.stop() == 0
    told = [json.loads(line) for line in worker.log.read_text(encoding="utf-8").splitlines()]
    again = [line["offsets"] for line in told if line["event"].startswith("the topic was made again")]
    noticed = sorted(partition for offsets in again for partition in offsets)
    assert noticed == [f"{CALL_EVENTS}/{one}" for one in range(PARTITIONS)], "each once, though not all at one look"
    assert set(scene.decided.calls().values()) == {1}


def test_a_topic_that_was_made_again_with_other_partitions_loses_no_call(
    scene: Scene, environment: dict[str, str], delete_topic: DeleteTopic, tmp_path: Path
) -> None:
    """Fewer, then more: the worker shares them out anew."""
    rounds = {PARTITIONS: names("four", 40), 2: names("two", 40), 6: names("six", 60)}
    with workers(1, environment, tmp_path) as (worker,):
        for partitions, calls in rounds.items():
            if partitions != PARTITIONS:
                scene.make_again(delete_topic, partitions)
            scene.send(calls, partitions)
            scene.wait(calls)
        wait_until(lambda: worker.health().get("partitions") == 6, "it has all of them")
        assert worker.stop() == 0


@pytest.mark.parametrize("later", [40, 200], ids=["fewer", "more"])
def test_a_topic_that_was_made_again_without_a_worker_loses_no_call(
    scene: Scene, environment: dict[str, str], delete_topic: DeleteTopic, tmp_path: Path, later: int
) -> None:
    """With fewer records than were read before, and with more: the position lies in the middle of the new log."""
    before, after = names("before", 100), names("after", later)
    with workers(1, environment, tmp_path) as (worker,):
        scene.send(before)
        scene.wait(before)
        assert worker.stop() == 0
    scene.make_again(delete_topic)
    scene.send(after)
    with workers(1, environment, tmp_path) as (worker,):
        scene.wait(after)
        assert worker.stop() == 0
    assert set(scene.decided.calls().values()) == {1}


def test_records_that_were_deleted_unread_are_counted_and_the_rest_is_decided(
    scene: Scene, environment: dict[str, str], tmp_path: Path
) -> None:
    """Read to 25 in each of four partitions, deleted up to 35: ten each are lost, and said to be."""
    before, lost, left = names("before", 100), names("lost", 40), names("left", 80)
    with workers(1, environment, tmp_path) as (worker,):
        scene.send(before)
        scene.wait(before)
        assert worker.stop() == 0
    scene.send(lost)
    scene.send(left)
    scene.delete_before(35)
    with workers(1, environment, tmp_path) as (worker,):
        scene.wait(left)
        assert metric(worker, Metric.LOST) == len(lost)
        assert metric(worker, Metric.LOG_CHANGES, '{change="expired"}') == PARTITIONS
        assert worker.stop() == 0
    assert scene.decided.calls().keys() == {*before, *left}


def test_records_that_are_deleted_under_a_worker_are_counted_and_the_rest_is_decided(
    scene: Scene, environment: dict[str, str], tmp_path: Path
) -> None:
    """It stands still while calls come and are deleted."""
    before, lost, left = names("before", 100), names("lost", 40), names("left", 80)
    with workers(1, environment, tmp_path) as (worker,):
        scene.send(before)
        scene.wait(before)
        worker.process.send_signal(signal.SIGSTOP)
        scene.send(lost)
        scene.send(left)
        scene.delete_before(35)
        worker.process.send_signal(signal.SIGCONT)
        scene.wait(left)
        assert worker.stop() == 0
    assert scene.decided.calls().keys() >= {*before, *left}
