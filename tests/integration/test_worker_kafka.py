"""The worker process on a real broker: every call setup is answered once, whatever else is in the topic."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaAdminClient

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS, SCORED_CALLS
from streams.metrics import Metric
from streams.upstreams.entries import save_upstreams
from tests.integration.events_case import produce, setups
from tests.processes import PATIENT, Worker, workers
from tests.streams.upstreams.upstream_case import upstream
from tests.topic_configs import configure
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FreshTopics = Callable[..., list[str]]
NO_REDIS = "redis://127.0.0.1:1/0"
EVENTS = 5_000


@pytest.fixture
def environment(
    kafka_bootstrap: str, fresh_topics: FreshTopics, model: Path, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Empty topics, a group of one's own, and no Redis: a worker must do without."""
    fresh_topics(12)
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_REDIS_URL": NO_REDIS,
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_CONSUMER_GROUP": f"{request.node.name}-{time.time_ns()}",
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        "ROBOCALL_SCORED_SAMPLE_RATIO": "0.5",
        **PATIENT,
    }


@pytest.fixture(scope="module")
def events() -> list[bytes]:
    """Generated traffic, both kinds of event."""
    lines: list[str] = []
    for block in generate(TrafficSpec(seed=11, hours=1.0, calls_per_second=10.0)):
        lines += block.json_lines()
        if len(lines) >= EVENTS:
            break
    return [line.encode() for line in lines[:EVENTS]]


def committed(bootstrap: str, group: str) -> int:
    """Sum of the group's committed offsets."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    found = consumer.committed([TopicPartition(CALL_EVENTS, partition) for partition in range(12)], timeout=10)
    consumer.close()
    return sum(max(0, partition.offset) for partition in found)


def is_ready(running: list[Worker]) -> bool:
    return sum(int(worker.health().get("partitions", 0)) for worker in running) == 12


def test_every_call_setup_is_answered_exactly_once_without_redis(
    kafka_bootstrap: str, environment: dict[str, str], events: list[bytes], tmp_path: Path
) -> None:
    """5,000 events; decisions name their call, samples carry their features, pages are served, SIGTERM ends with 0."""
    wanted = setups(events)
    decisions, samples = Reader(kafka_bootstrap, CALL_DECISIONS), Reader(kafka_bootstrap, SCORED_CALLS)

    with workers(1, environment, tmp_path) as (worker,):
        produce(kafka_bootstrap, events)
        wait_until(lambda: set(decisions.calls()) >= wanted, "every setup answered")
        wait_until(lambda: worker.health().get("lag") == 0, "everything acknowledged")
        health = worker.health()
        exposition = worker.metrics()
        status = worker.stop()

    assert decisions.calls() == Counter(wanted)
    assert health.pop("enforcement")["state"] == "tried"
    assert health == {
        "status": "ok",
        "partitions": 12,
        "lag": 0,
        "stalled": [],
        "leaderless": [],
        "clock_ahead_s": 0.0,
        "trunks": {"view": "local", "known": 1.0, "age_s": None},
    }
    assert f'{Metric.EVENTS}{{type="call_setup"}} {len(wanted)}.0' in exposition
    assert f'{Metric.TRUNK_VIEW}{{view="local"}} 1.0' in exposition
    assert f"{Metric.KEY_MISMATCHES} 0.0" in exposition
    assert status == 0
    assert committed(kafka_bootstrap, environment["ROBOCALL_CONSUMER_GROUP"]) == len(events)
    wait_until(lambda: len(samples.read()) > 0.4 * len(wanted), "half of the calls are sampled")
    sampled = samples.read()
    assert len(sampled) < 0.6 * len(wanted)
    by_call = {record["call_id"]: record for _, record in decisions.read()}
    for _, record in sampled:
        features, margin, group_score = (record.pop(name) for name in ("features", "margin", "group_score"))
        assert len(features) > 40
        assert margin == group_score  # the model has no group weight
        assert record == by_call[record["call_id"]]


def test_what_is_wrong_with_upstreams_is_on_the_page_of_a_worker(environment: dict[str, str], tmp_path: Path) -> None:
    """A damaged register stops nothing."""
    register, broken = tmp_path / "upstreams.yaml", tmp_path / "broken.yaml"
    save_upstreams(register, [upstream("a", traceback_clause=False), upstream("b", traceback_clause=None)])
    broken.write_text("upstreams: [")

    for path, figure in (
        (register, f'{Metric.UPSTREAM_FINDINGS}{{kind="no_traceback_clause"}} 2.0'),
        (broken, f"{Metric.UPSTREAMS_REFUSED} 1.0"),
    ):
        with workers(1, {**environment, "ROBOCALL_UPSTREAMS_FILE": str(path)}, tmp_path) as (worker,):
            wait_until(lambda: is_ready([worker]), "a worker that is ready")
            wait_until(lambda: figure in worker.metrics(), "a look at the register")  # noqa: B023


def test_records_that_cannot_be_used_become_dead_letters_and_stop_nothing(
    kafka_bootstrap: str, environment: dict[str, str], events: list[bytes], tmp_path: Path
) -> None:
    """Junk and tombstones between good events; each dead letter says where it came from."""
    decisions, letters = Reader(kafka_bootstrap, CALL_DECISIONS), Reader(kafka_bootstrap, DEAD_LETTERS)
    good = events[:200]
    junk: list[bytes | None] = [None, b"", b"not json", b"[]", b'{"type":"call_setup"}', b"\xff\xfe", b"x" * 20_000]
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    for line in good[:100]:
        producer.produce(CALL_EVENTS, key=b"k", value=line, partition=3)
    for value in junk:
        producer.produce(CALL_EVENTS, key=b"original key", value=value, partition=3)
    for line in good[100:]:
        producer.produce(CALL_EVENTS, key=b"k", value=line, partition=3)
    assert producer.flush(HANG_S) == 0

    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: set(decisions.calls()) >= setups(good), "every setup answered")
        wait_until(lambda: len(letters.read()) >= len(junk), "a dead letter for each")
        assert worker.stop() == 0

    assert decisions.calls() == Counter(setups(good))
    found = sorted((letter["offset"], letter["code"], letter["topic"]) for _, letter in letters.read())
    codes = ["empty", "empty", "invalid_json", "not_an_object", "missing_field", "invalid_utf8", "too_large"]
    assert found == [(100 + index, code, CALL_EVENTS) for index, code in enumerate(codes)]
    assert {key for key, _ in letters.read()} == {b"original key"}


def test_one_of_two_workers_is_killed_and_no_call_is_lost(
    kafka_bootstrap: str, environment: dict[str, str], events: list[bytes], tmp_path: Path
) -> None:
    """The survivor takes over after the session timeout; repeats carry the same decision id."""
    wanted = setups(events)
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)

    with workers(2, environment, tmp_path) as (victim, survivor):
        wait_until(lambda: is_ready([victim, survivor]), "both have their share")
        for start in range(0, EVENTS, 250):
            produce(kafka_bootstrap, events[start : start + 250])
            if start == 2_500:
                victim.kill()
        wait_until(lambda: set(decisions.calls()) >= wanted, "every setup answered")
        assert survivor.stop() == 0

    assert set(decisions.calls()) == wanted
    ids = {(record["call_id"], record["decision_id"]) for _, record in decisions.read()}
    assert len(ids) == len(wanted)


def test_a_refused_decision_ends_the_worker_and_acknowledges_nothing(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    environment: dict[str, str],
    events: list[bytes],
    tmp_path: Path,
) -> None:
    """Better to stop than to drop decisions: status 1, one clear line, nothing committed."""
    configure(kafka_admin, CALL_DECISIONS, max_message_bytes="100")

    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: is_ready([worker]), "ready")
        produce(kafka_bootstrap, events[:500])
        status = worker.process.wait(HANG_S)

    assert status == 1
    assert "call-decisions/" in worker.log.read_text()
    assert "refused a batch" in worker.log.read_text()
    assert committed(kafka_bootstrap, environment["ROBOCALL_CONSUMER_GROUP"]) == 0
