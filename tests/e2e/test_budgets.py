"""A worker that enforces, on a real broker: a measure that is put beside its model takes effect without a restart."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.budgets.measure import encode, file_name
from models.serve.artifact import load
from streams.kafka.topics import CALL_DECISIONS
from tests.integration.events_case import produce
from tests.models.budgets.measures import measure_of
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, workers
from tests.topic_reader import Reader
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

POLICY = """
mode: enforce
redress: {url: "https://redress.carrier.example/"}
minimum_samples: []
budgets: {windows_h: 0}
categories:
  - name: automated_call
    label_text: Maybe automated
    thresholds: {label_at: 0.0001, label_clear: 0.0001, block_at: 1.0, block_clear: 0.0001}
"""


def event(name: str, number: int) -> bytes:
    """A call of now."""
    return json.dumps(
        {
            "type": "call_setup",
            "call_id": name,
            "setup_time_ms": time.time_ns() // 1_000_000,
            "calling_number": f"+1202555{number:04d}",
            "called_number": "+13125550145",
            "trunk_group_id": "t-1",
        }
    ).encode()


def test_a_measure_takes_effect_without_a_restart(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Before it the worker says in `/health` that its model's step is only tried; after it calls are labelled."""
    fresh_topics(2)
    model = save_small_model(tmp_path / "models" / "small")
    version = load(model, schema_id=FEATURE_SCHEMA_ID).version
    (tmp_path / "policy.yaml").write_text(POLICY)
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_POLICY_FILE": str(tmp_path / "policy.yaml"),
        "ROBOCALL_PARTITIONS": "2",
        "ROBOCALL_CONSUMER_GROUP": f"budgets-{time.time_ns()}",
        **PATIENT,
    }
    reader = Reader(kafka_bootstrap, CALL_DECISIONS)
    decided: dict[str, dict[str, Any]] = {}

    def decide(name: str, number: int) -> dict[str, Any]:
        produce(kafka_bootstrap, [event(name, number)])

        def is_there() -> bool:
            decided.update((one["call_id"], one) for _, one in reader.read())
            return name in decided

        wait_until(is_there, "the call is decided")
        return decided[name]

    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready")
        told = worker.health()["enforcement"]
        assert (told["state"], told["measured_ms"]) == ("tried", None)
        assert "robocall budgets measure" in told["said"]
        before = decide("before", 1)
        assert (before["action"], before["mode"], before["would_be"]) == ("allow", "shadow", "label")
        assert worker.metric("robocall_model_enforcement", state="tried") == 1

        now_ms = time.time_ns() // 1_000_000
        made = measure_of(version, partitions=2, end_ms=now_ms, label=-100.0, block=None, score=0.0, windows_h=0.0)
        (model / file_name(2)).write_bytes(encode(made))
        wait_until(lambda: worker.health()["enforcement"]["state"] == "measured", "the measure is in force")
        after = decide("after", 2)
        assert (after["action"], after["mode"], after["would_be"]) == ("label", "enforce", None)
        assert [reason["code"] for reason in after["reasons"][:2]] == ["model", "budget"]
        assert worker.metric("robocall_model_enforcement", state="measured") == 1
        assert worker.metric("robocall_model_threshold_margin", action="label") == -100.0
        assert worker.metric("robocall_model_measured_calls") == 10_000
        assert worker.stop() == 0
    reader.close()
