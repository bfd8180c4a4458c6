"""Three real brokers: one that is away costs its own partitions and no others, and a log that it cut is noticed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from streams.errors import KafkaUnreachable
from streams.kafka import topics
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.metrics import Metric
from streams.settings import load_settings
from tests.broker_process import BrokerProcess, broker_cluster
from tests.conftest import delete_topics
from tests.integration.calls_case import Decided, metric, names, place
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker, workers
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 6


@dataclass
class Cluster:
    """Three brokers.

    Attributes:
        brokers: in order of their numbers.
        bootstrap: all of them.
        model: that workers run.
    """

    brokers: list[BrokerProcess]
    bootstrap: str
    model: Path

    def admin(self) -> KafkaAdminClient:
        """Ask those brokers that run."""
        running = ",".join(broker.bootstrap for broker in self.brokers if broker.is_running)
        return topics.admin_client(load_settings(kafka_bootstrap_servers=running))

    def make_calls(self, copies: dict[int, list[int]], **config: str) -> None:
        """Make `call-events` anew: the brokers that have copies of each partition, and settings of the topic.

        Each broker that runs must have made its copies. One that has not heard yet that the topic of before is gone
        takes records into that, and throws them away when it hears.
        """
        before = self._made(copies)
        self._make_anew(CALL_EVENTS, copies, config)
        wait_until(lambda: len(self.partitions()) == len(copies), "the topic is there")
        wait_until(lambda: all(map(_is_other, before, self._made(copies))), "all copies are made")

    def _made(self, copies: dict[int, list[int]]) -> list[str]:
        """What each copy on a broker that runs says of its topic; nothing where it is not made."""
        files = [
            self.brokers[node - 1].data / f"{CALL_EVENTS}-{partition}" / "partition.metadata"
            for partition, nodes in copies.items()
            for node in nodes
            if self.brokers[node - 1].is_running
        ]
        return [file.read_text() if file.exists() else "" for file in files]

    def make_decisions(self, copies: dict[int, list[int]]) -> None:
        """Make `call-decisions` anew; what it took before is gone."""
        self._make_anew(CALL_DECISIONS, copies, {"min.insync.replicas": "1"})
        with self.admin() as admin:
            wait_until(lambda: CALL_DECISIONS in admin.list_topics(), "the topic is there")

    def _make_anew(self, topic: str, copies: dict[int, list[int]], config: dict[str, str]) -> None:
        """Delete a topic and create it, until the controller has done both.

        A broker that has just come back may not know of the topic yet: it is asked to delete nothing then, and the
        controller refuses to create what it has.
        """

        def is_made() -> bool:
            delete_topics(admin, {topic})
            answer = admin.create_topics({topic: {"assignments": copies, "configs": config}}, raise_errors=False)
            return all(result["error_code"] == 0 for result in answer["topics"])

        with self.admin() as admin:
            wait_until(is_made, f"{topic} is made anew")

    def partitions(self) -> list[dict[str, Any]]:
        """What the brokers say of the partitions of `call-events`; nothing while they still name one that is gone."""
        try:
            with self.admin() as admin:
                (described,) = admin.describe_topics([CALL_EVENTS])
        except KafkaUnreachable:
            return []
        return list(described["partitions"])

    def in_step(self) -> list[int]:
        """Brokers whose copies of the first partition are in step."""
        return sorted(node for one in self.partitions()[:1] for node in one["isr_nodes"])

    def led_by(self, node: int) -> list[int]:
        """Partitions of `call-events` that a broker leads."""
        return [one["partition_index"] for one in self.partitions() if one["leader_id"] == node]


def _is_other(before: str, now: str) -> bool:
    return bool(now) and now != before


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """All topics but `call-events` have three copies."""
    folder = tmp_path_factory.mktemp("cluster")
    with broker_cluster(folder) as brokers:
        bootstrap = ",".join(broker.bootstrap for broker in brokers)
        found = Cluster(brokers, bootstrap, save_small_model(folder / "models" / "small"))
        with found.admin() as admin:
            wait_until(lambda: len(admin.describe_cluster()["brokers"]) == len(brokers), "all brokers are members")
            topics.create(admin, partitions=PARTITIONS, replication_factor=3)
        yield found


@pytest.fixture
def environment(cluster: Cluster, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(cluster.model),
        "ROBOCALL_CONSUMER_GROUP": f"{request.node.name}-{time.time_ns()}",
        "ROBOCALL_SNAPSHOT_URL": str(tmp_path / "snapshots"),
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        **PATIENT,
    }


def health(worker: Worker) -> dict[str, Any]:
    found = worker.health()
    return {name: found.get(name) for name in ("status", "leaderless")}


def test_a_worker_that_starts_without_a_leader_decides_the_rest_and_then_all(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    """Started while a broker is away: it decides the healthy partitions, names the others, and takes them up later."""
    cluster.make_calls({partition: [partition % 3 + 1] for partition in range(PARTITIONS)})
    decided, lost, healthy = Decided(cluster.bootstrap), [2, 5], [0, 1, 3, 4]
    before, meanwhile, after = names("before", 12), names("meanwhile", 20), names("after", 20)
    place(cluster.bootstrap, before, range(PARTITIONS))
    cluster.brokers[2].kill()
    with workers(1, environment, tmp_path) as (worker,):
        place(cluster.bootstrap, meanwhile, healthy)
        wait_until(lambda: set(meanwhile) <= decided.calls().keys(), "calls of healthy partitions are decided")
        named = {"status": "degraded", "leaderless": [f"{CALL_EVENTS}/{partition}" for partition in lost]}
        wait_until(lambda: health(worker) == named, "the others are named")
        cluster.brokers[2].start()
        wait_until(lambda: cluster.led_by(3) == lost, "the leader is back")
        place(cluster.bootstrap, after, lost)
        wait_until(lambda: {*before, *after} <= decided.calls().keys(), "the rest is decided")
        wait_until(lambda: health(worker) == {"status": "ok", "leaderless": []}, "all is well")
        assert worker.stop() == 0
    assert set(decided.calls().values()) == {1}


def test_a_worker_whose_leader_goes_away_decides_the_rest_and_then_all(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    """The same while it runs."""
    cluster.make_calls({partition: [partition % 3 + 1] for partition in range(PARTITIONS)})
    decided, lost, healthy = Decided(cluster.bootstrap), [0, 3], [1, 2, 4, 5]
    before, meanwhile, after = names("running", 12), names("going-on", 20), names("back", 20)
    with workers(1, environment, tmp_path) as (worker,):
        place(cluster.bootstrap, before, range(PARTITIONS))
        wait_until(lambda: set(before) <= decided.calls().keys(), "the first calls are decided")
        cluster.brokers[0].kill()
        place(cluster.bootstrap, meanwhile, healthy)
        wait_until(lambda: set(meanwhile) <= decided.calls().keys(), "calls of healthy partitions are decided")
        named = {"status": "degraded", "leaderless": [f"{CALL_EVENTS}/{partition}" for partition in lost]}
        wait_until(lambda: health(worker) == named, "the others are named")
        cluster.brokers[0].start()
        wait_until(lambda: cluster.led_by(1) == lost, "the leader is back")
        place(cluster.bootstrap, after, lost)
        wait_until(lambda: set(after) <= decided.calls().keys(), "the rest is decided")
        wait_until(lambda: health(worker) == {"status": "ok", "leaderless": []}, "all is well")
        assert worker.stop() == 0
    repeated = {name for name, times in decided.calls().items() if times > 1}
    assert not repeated & set(after), "only what could not be committed while the coordinator was away"


@pytest.fixture
def decisions_in_one_copy(cluster: Cluster) -> Iterator[None]:
    """Each partition of `call-decisions` has one copy, by turns on the brokers; afterwards three again."""
    cluster.make_decisions({partition: [partition % 3 + 1] for partition in range(PARTITIONS)})
    yield
    cluster.make_decisions({partition: [1, 2, 3] for partition in range(PARTITIONS)})


@pytest.mark.usefixtures("decisions_in_one_copy")
@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_a_partition_of_decisions_that_takes_nothing_stops_no_other_switch(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path, fault: str
) -> None:
    """Every poll has a call of the switch whose decisions cannot be written; those of others leave all the same."""
    cluster.make_calls({partition: [1, 2] for partition in range(PARTITIONS)})
    decided, broker = Decided(cluster.bootstrap), cluster.brokers[2]
    lost = [partition for partition in range(PARTITIONS) if partition % 3 == 2]
    switches = {int(partitions_of([f"switch-{n}".encode()], PARTITIONS)[0]): f"switch-{n}" for n in range(100)}
    silent, others = (
        [switches[partition] for partition in lost],
        [switches[p] for p in range(PARTITIONS) if p not in lost],
    )
    before, going_on, waiting = names("at-first", 12), names("others", 200), names("silent", 200)
    with workers(1, environment, tmp_path) as (worker,):
        place(cluster.bootstrap, before, range(PARTITIONS), others)
        wait_until(lambda: set(before) <= decided.calls().keys(), "the first calls are decided")
        broker.kill() if fault == "killed" else broker.pause()
        for turn in range(0, len(waiting), 10):
            place(cluster.bootstrap, waiting[turn : turn + 10], range(PARTITIONS), silent)
            place(cluster.bootstrap, going_on[turn : turn + 10], range(PARTITIONS), others)
        wait_until(lambda: set(going_on) <= decided.calls().keys(), "the calls of other switches are decided")
        assert not decided.calls().keys() & set(waiting)
        named = [f"{CALL_DECISIONS}/{partition}" for partition in lost]
        wait_until(lambda: worker.health().get("unwritable") == named, "the partitions are named")
        assert worker.health()["status"] == "degraded"
        assert metric(worker, Metric.UNWRITABLE) == len(lost)
        broker.start() if fault == "killed" else broker.resume()
        wait_until(lambda: set(waiting) <= decided.calls().keys(), "nothing is missing")
        wait_until(lambda: worker.health()["status"] == "ok", "all is well")
        assert "unwritable" not in worker.health()
        assert worker.stop() == 0
    assert {name: times for name, times in decided.calls().items() if times > 1} == {}


def test_calls_at_offsets_that_an_unclean_election_freed_are_decided(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    """Broker 2 misses 40 calls and then leads: their offsets go to 60 new calls. Not one of these is taken for old."""
    cluster.make_calls({0: [1, 2]}, **{"unclean.leader.election.enable": "true", "min.insync.replicas": "1"})
    decided = Decided(cluster.bootstrap)
    kept, cut, new = names("kept", 50), names("cut", 40), names("new", 60)
    with workers(1, environment, tmp_path) as (worker,):
        place(cluster.bootstrap, kept, [0])
        wait_until(lambda: cluster.in_step() == [1, 2], "both copies are in step")
        wait_until(lambda: set(kept) <= decided.calls().keys(), "the first calls are decided")
        cluster.brokers[1].kill()
        wait_until(lambda: cluster.in_step() == [1], "one copy is left")
        place(cluster.bootstrap, cut, [0])
        wait_until(lambda: set(cut) <= decided.calls().keys(), "calls that will be cut off are decided")
        cluster.brokers[0].kill()
        cluster.brokers[1].start()
        wait_until(lambda: cluster.led_by(2) == [0], "the copy that missed them leads")
        place(cluster.bootstrap, new, [0])
        wait_until(lambda: set(new) <= decided.calls().keys(), "all new calls are decided")
        assert metric(worker, Metric.LOG_CHANGES, '{change="cut"}') == 1
        cluster.brokers[0].start()
        wait_until(lambda: health(worker) == {"status": "ok", "leaderless": []}, "all is well")
        assert worker.stop() == 0
    assert {decided.calls()[name] for name in new} == {1}
