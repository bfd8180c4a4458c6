"""The log of a healthy worker, from its first start on a fresh broker to its end, alarms nobody."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka import topics
from streams.local.services import local_services
from streams.settings import load_settings
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, workers
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ALARMING = {"warning", "error", "critical"}


def fill(bootstrap: str) -> None:
    """Make the topics, and publish calls that wait for the first worker."""
    settings = load_settings(kafka_bootstrap_servers=bootstrap)
    with topics.admin_client(settings) as admin:
        topics.create(admin, partitions=4)
        topics.create_secret(admin, settings)
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    (block, *_) = generate(TrafficSpec(seed=11, hours=0.1, calls_per_second=4.0))
    for event, line in zip(block.events(), block.json_lines(), strict=True):
        producer.produce(topics.CALL_EVENTS, key=event.calling_number, value=line)
    assert producer.flush(60) == 0


def test_a_first_start_on_a_fresh_broker_logs_no_warning_and_no_error(tmp_path: Path) -> None:
    """The broker has no offsets topic yet, the group has committed nothing, and calls are waiting."""
    with local_services(quiet=True) as fresh:
        assert fresh.bootstrap_servers
        assert fresh.redis_url
        fill(fresh.bootstrap_servers)
        environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": fresh.bootstrap_servers,
            "ROBOCALL_REDIS_URL": fresh.redis_url,
            "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
            "ROBOCALL_PARTITIONS": "4",
            **PATIENT,
        }
        with workers(1, environment, tmp_path) as (worker,):
            healthy = {"status": "ok", "partitions": 4, "lag": 0, "stalled": [], "leaderless": [], "clock_ahead_s": 0.0}
            wait_until(lambda: healthy.items() <= worker.health().items(), "the worker has decided what waited")
            assert set(worker.health()) == {*healthy, "trunks", "enforcement"}
            assert worker.stop() == 0

    lines = [json.loads(line) for line in worker.log.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines if line["event"] == "worker ended"] == ["worker ended"]
    assert [line for line in lines if line["level"] in ALARMING] == []
    assert [line for line in lines if "does not go on where it should" in line["event"]] == []
