"""A live worker beside a small batch of valid calls that are dear to read: no good call waits for all of them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.odd_batches_case import Answers, call, ids, produce
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, workers
from tests.streams.wire.dear import DEAR
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

GOOD = range(1, 40)


def test_a_thousand_nested_calls_in_a_small_batch_stop_nobody(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path
) -> None:
    """All are decided, each once: the worker loses no partition, since its heartbeats go out meanwhile."""
    fresh_topics(2)
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "models" / "small")),
        "ROBOCALL_CONSUMER_GROUP": f"dear-{time.time_ns()}",
        "ROBOCALL_SNAPSHOT_URL": "off",
        **PATIENT,
    }
    answers = Answers(kafka_bootstrap)
    dear = [f"dear-{number}" for number in range(1_000)]
    with workers(1, environment, tmp_path):
        produce(kafka_bootstrap, [call(0)], partition=1)
        wait_until(lambda: "call-0" in answers.decided(), "the worker decides")
        produce(kafka_bootstrap, [DEAR["nested valid calls"](number) for number in range(1_000)], codec="zstd")
        for number in GOOD:
            produce(kafka_bootstrap, [call(number)], partition=1)
            wait_until(lambda number=number: f"call-{number}" in answers.decided(), "good calls go on")  # type: ignore[misc]
        wait_until(lambda: set(dear) <= set(answers.decided()), "the dear ones are decided too")

    assert answers.decided() == sorted([*dear, *ids([0, *GOOD])])
