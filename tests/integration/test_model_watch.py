"""A worker tells of its models: the shadow's disagreements, drift, feedback, and the alarms that doctor explains."""

import json
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import load
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import CALL_FEEDBACK
from streams.metrics import Metric
from tests.integration.events_case import produce
from tests.integration.test_worker_kafka import is_ready
from tests.processes import Worker, robocall, workers
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CALLING = "+13125550187"
"""Of no other test: what was decided of its calls is kept in the Redis that all share."""
EVENTS = 12_000


def metrics(worker: Worker) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=HANG_S) as page:
        return str(page.read().decode())


def report(bootstrap: str) -> None:
    """A subscriber says that a call was lawful."""
    said = {"time_ms": 1_700_000_000_000, "verdict": "legitimate", "source": "redress", "calling_number": CALLING}
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(CALL_FEEDBACK, key=CALLING, value=json.dumps(said))
    assert producer.flush(HANG_S) == 0


def watched(environment: dict[str, str]) -> list[dict[str, str]]:
    """What doctor finds of the models of all workers."""
    findings = json.loads(robocall("doctor", "--json", environment=environment))["findings"]
    return [finding for finding in findings if finding["subject"] == "watch"]


def test_a_worker_tells_of_shadow_drift_and_feedback(
    kafka_bootstrap: str, two_models: dict[str, str], tmp_path: Path
) -> None:
    """Generated traffic is nothing like the rows of a small model: doctor says so, and what to do."""
    second = load(tmp_path / "models" / "second", schema_id=FEATURE_SCHEMA_ID).version
    lines: list[bytes] = []
    for block in generate(TrafficSpec(seed=11, hours=10.0, calls_per_second=10.0)):
        lines += [line.encode() for line in block.json_lines()]
        if len(lines) >= EVENTS:
            break

    heard = f'{Metric.FEEDBACK}{{decided="none",mode="",source="redress",verdict="legitimate"}}'

    def is_heard() -> bool:
        """A new group hears what is said once it listens; until then the report is repeated. Others say things, too."""
        report(kafka_bootstrap)
        return heard in metrics(worker)

    with workers(1, two_models, tmp_path) as running:
        (worker,) = running
        wait_until(lambda: is_ready(running), "partitions assigned")
        robocall("models", "shadow", second, environment=two_models)
        wait_until(lambda: Metric.SHADOW_CALLS in metrics(worker), "the shadow is in place")
        produce(kafka_bootstrap, lines)
        alarm = f'{Metric.MODEL_ALARM}{{alarm="features"}} 1.0'
        wait_until(lambda: alarm in metrics(worker), "drift is seen")
        wait_until(is_heard, "the report is heard")
        page = metrics(worker)
        wait_until(lambda: any("train again" in one["text"] for one in watched(two_models)), "doctor says what to do")
        found = watched(two_models)

    both_allow = f'{Metric.SHADOW_CALLS}{{active="allow",model_version="{second}",shadow="allow"}}'
    (line,) = [line for line in page.splitlines() if line.startswith(both_allow)]
    assert float(line.rpartition(" ")[2]) > 0
    assert heard in page
    assert {one["state"] for one in found} == {"warning"}
