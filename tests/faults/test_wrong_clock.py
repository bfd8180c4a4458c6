"""A worker whose clock is not the brokers': lateness is judged by both, so it says so."""

import time
from pathlib import Path

import pytest

from tests.conftest import FreshTopics
from tests.integration.calls_case import Decided, names, place
from tests.models.small_model import save_small_model
from tests.processes import Worker
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("ahead_s", [3.0, -3.0, -0.3])
def test_a_worker_whose_clock_is_wrong_says_so(
    kafka_bootstrap: str, fresh_topics: FreshTopics, tmp_path: Path, ahead_s: float
) -> None:
    """By more than half of what a call may wait, 0.1 s. Ahead it passes every call as late, behind none.

    Both are `degraded`, with the seconds.
    """
    fresh_topics(2)
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"wrong-clock-{time.time_ns()}",
        "ROBOCALL_SNAPSHOT_URL": str(tmp_path / "snapshots"),
    }
    decided, sent = Decided(kafka_bootstrap), 0
    worker = Worker(environment, tmp_path / "worker.log", ("-m", "tests.faults.skewed_worker", str(ahead_s)))
    try:
        wait_until(lambda: worker.health().get("status") == "ok", "it is ready")
        while worker.health()["status"] != "degraded":
            some = names(f"call-{sent}", 2)
            place(kafka_bootstrap, some, [0, 1])
            wait_until(lambda some=some: set(some) <= decided.calls().keys(), "they are decided")  # type: ignore[misc]
            sent += 1
        found = worker.health()["clock_ahead_s"]
        assert (found > 0) == (ahead_s > 0)
        assert abs(found) > abs(ahead_s) / 2
        assert worker.stop() == 0
    finally:
        if worker.process.poll() is None:
            worker.kill()
