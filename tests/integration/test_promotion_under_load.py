"""A model is promoted while calls come in: each is answered once, by the old model or by the new one."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import load
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import CALL_DECISIONS
from tests.integration.events_case import produce, setups
from tests.integration.test_worker_kafka import is_ready
from tests.models.small_evaluation import save_small_evaluation
from tests.processes import robocall, workers
from tests.topic_reader import Reader
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS_PER_PORTION = 50
PAUSE_S = 0.02


@contextmanager
def feed(bootstrap: str) -> Iterator[list[bytes]]:
    """Publish events in small portions meanwhile; gives what was published."""
    sent: list[bytes] = []
    may_stop = threading.Event()

    def publish() -> None:
        for block in generate(TrafficSpec(seed=11, hours=10.0, calls_per_second=10.0)):
            lines = [line.encode() for line in block.json_lines()]
            for start in range(0, len(lines), EVENTS_PER_PORTION):
                portion = lines[start : start + EVENTS_PER_PORTION]
                produce(bootstrap, portion)
                sent.extend(portion)
                if may_stop.wait(PAUSE_S):
                    return

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield sent
    finally:
        may_stop.set()
        thread.join()


def test_a_promotion_and_a_rollback_under_load_lose_no_call(
    kafka_bootstrap: str, two_models: dict[str, str], tmp_path: Path
) -> None:
    """First, second, first again: three stretches of decisions that do not overlap, and none twice or missing."""
    first, second = (
        load(tmp_path / "models" / name, schema_id=FEATURE_SCHEMA_ID).version for name in ("first", "second")
    )
    evaluation = save_small_evaluation(tmp_path)
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)

    def decided_by(version: str, after_ms: int = 0) -> int:
        return sum(
            record["model_version"] == version and record["decided_time_ms"] > after_ms
            for _, record in decisions.read()
        )

    with workers(1, two_models, tmp_path) as running:
        wait_until(lambda: is_ready(running), "partitions assigned")
        with feed(kafka_bootstrap) as sent:
            wait_until(lambda: decided_by(first) > 0, "the first model decides")
            robocall("models", "promote", second, *evaluation, environment=two_models)
            wait_until(lambda: decided_by(second) > 0, "the second model decides")
            robocall("models", "rollback", environment=two_models)
            promoted_ms = max(r["decided_time_ms"] for _, r in decisions.read() if r["model_version"] == second)
            wait_until(lambda: decided_by(first, promoted_ms) > 0, "the first model decides again")
        wanted = setups(sent)
        wait_until(lambda: set(decisions.calls()) >= wanted, "every setup answered")

    assert decisions.calls() == Counter(wanted)
    in_order = sorted((record["decided_time_ms"], record["model_version"]) for _, record in decisions.read())
    by_second = [at_ms for at_ms, version in in_order if version == second]
    between = [version for at_ms, version in in_order if by_second[0] < at_ms < by_second[-1]]
    assert set(between) <= {second}
    assert {version for _, version in in_order} == {first, second}
