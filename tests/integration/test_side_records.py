"""A live worker between hostile records and topics that take nothing: what only informs never stops a call."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.admin import ACLResourcePatternType as PatternType
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka import topics
from streams.kafka.client import CLIENT_ID
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS, SCORED_CALLS
from streams.metrics import Metric
from streams.settings import load_settings
from tests.broker_process import broker_process
from tests.integration.events_case import produce, setups
from tests.processes import PATIENT, Worker, workers
from tests.topic_configs import configure
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FreshTopics = Callable[..., list[str]]
PARTITIONS = 4
PART = 150
KAFKA_DEFAULT_BYTES = 1_048_588
AUTHORIZER = (
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
    "allow.everyone.if.no.acl.found=true\n"
)
ANYBODY = "User:ANONYMOUS"


@pytest.fixture(scope="module")
def events() -> list[bytes]:
    block = next(iter(generate(TrafficSpec(seed=11, hours=1.0, calls_per_second=10.0))))
    return [line.encode() for line in block.json_lines()[: 4 * PART]]


def environment(bootstrap: str, model: Path) -> dict[str, str]:
    return {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_CONSUMER_GROUP": f"side-{time.time_ns()}",
        "ROBOCALL_SCORED_SAMPLE_RATIO": "0.5",
        **PATIENT,
    }


def publish_hostile(bootstrap: str, key: bytes, value: bytes) -> None:
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "zstd", "message.max.bytes": 8 * 1024 * 1024}
    )
    producer.produce(CALL_EVENTS, key=key, value=value, partition=0)
    assert producer.flush(HANG_S) == 0


def is_done(worker: Worker) -> bool:
    """Everything that came is answered, and may be committed."""
    health = worker.health()
    return (health.get("status"), health.get("lag")) == ("ok", 0)


def dropped(worker: Worker, topic: str, reason: str) -> float:
    return worker.metric(Metric.SIDE_DROPPED, topic=topic, reason=reason)


def test_huge_keys_become_dead_letters_that_say_so_and_stop_nothing(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: FreshTopics,
    model: Path,
    events: list[bytes],
    tmp_path: Path,
) -> None:
    """197 bytes on the wire are a key of 3 MiB; 400 kB and 600 kB fit a batch. `dead-letters` has Kafka's own limit."""
    fresh_topics(PARTITIONS)
    configure(kafka_admin, DEAD_LETTERS, max_message_bytes=str(KAFKA_DEFAULT_BYTES))
    hostile = [(bytes(3 * 1024 * 1024), b"{}"), (b"k" * 400_000, b"v" * 600_000)]
    decisions, letters = Reader(kafka_bootstrap, CALL_DECISIONS), Reader(kafka_bootstrap, DEAD_LETTERS)

    with workers(1, environment(kafka_bootstrap, model), tmp_path) as (worker,):
        for start, (key, value) in zip((0, PART), hostile, strict=True):
            produce(kafka_bootstrap, events[start : start + PART])
            publish_hostile(kafka_bootstrap, key, value)
        produce(kafka_bootstrap, events[2 * PART :])
        wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
        wait_until(lambda: len(letters.read()) >= len(hostile), "a dead letter for each")
        wait_until(lambda: is_done(worker), "everything acknowledged")
        assert f"{Metric.SIDE_DROPPED}{{" not in worker.metrics(), "nothing is lost"
        assert worker.stop() == 0

    assert decisions.calls() == Counter(setups(events))
    found = sorted((letter["key_bytes"], letter["value_bytes"], len(key or b"")) for key, letter in letters.read())
    assert found == [(400_000, 600_000, 1024), (3 * 1024 * 1024, 2, 1024)]


def test_dead_letters_that_their_topic_refuses_are_counted_and_stop_nothing(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: FreshTopics,
    model: Path,
    events: list[bytes],
    tmp_path: Path,
) -> None:
    """A topic so small that no letter fits: the worker goes on, commits, and says why."""
    fresh_topics(PARTITIONS)
    configure(kafka_admin, DEAD_LETTERS, max_message_bytes="200")
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)

    with workers(1, environment(kafka_bootstrap, model), tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("partitions") == PARTITIONS, "ready")
        for start in range(0, len(events), PART):
            produce(kafka_bootstrap, events[start : start + PART])
            publish_hostile(kafka_bootstrap, b"key", b"junk")
        wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
        wait_until(lambda: dropped(worker, DEAD_LETTERS, "MessageSizeTooLargeError") == 4, "each letter counted")
        wait_until(lambda: is_done(worker), "everything acknowledged")
        assert worker.stop() == 0

    assert decisions.calls() == Counter(setups(events))
    assert worker.log.read_text().count("records are dropped, calls go on") == 1


def _throttle(admin: KafkaAdminClient, client_id: str, bytes_per_s: float | None) -> None:
    """Have the broker stop reading from a client for a while after each request; None = no longer."""
    request = AlterClientQuotasRequest
    entity = request.EntryData.EntityData(entity_type="client-id", entity_name=client_id)
    limit = request.EntryData.OpData(key="producer_byte_rate", value=bytes_per_s or 0.0, remove=bytes_per_s is None)
    entry = request.EntryData(entity=[entity], ops=[limit])
    admin._manager.run(admin._manager.send, request(entries=[entry], validate_only=False))


def test_a_broker_that_is_slow_with_scored_calls_holds_no_decision(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: FreshTopics,
    model: Path,
    events: list[bytes],
    tmp_path: Path,
) -> None:
    """It answers one request and then reads no more for seconds: samples wait, calls are decided and committed."""
    fresh_topics(PARTITIONS)
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)
    _throttle(kafka_admin, f"{CLIENT_ID}-{SCORED_CALLS}", 1.0)
    try:
        with workers(1, environment(kafka_bootstrap, model), tmp_path) as (worker,):
            wait_until(lambda: worker.health().get("partitions") == PARTITIONS, "ready")
            for start in range(0, len(events), PART):
                produce(kafka_bootstrap, events[start : start + PART])
                time.sleep(0.2)  # several requests, of which the second waits
            wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
            wait_until(lambda: is_done(worker), "everything acknowledged")
            assert worker.metric(Metric.SIDE_WAITING, topic=SCORED_CALLS) > 0, "the samples had to wait"
            assert worker.metric(Metric.OUTAGE) == 0
            assert worker.stop() == 0
    finally:
        _throttle(kafka_admin, f"{CLIENT_ID}-{SCORED_CALLS}", None)

    assert decisions.calls() == Counter(setups(events))


def test_a_topic_that_is_deleted_under_a_worker_holds_no_decision(
    kafka_bootstrap: str,
    delete_topic: Callable[[str], None],
    fresh_topics: FreshTopics,
    model: Path,
    events: list[bytes],
    tmp_path: Path,
) -> None:
    """Its samples are counted; a broker might be looking for its leader, so errors of this kind may pass elsewhere."""
    fresh_topics(PARTITIONS)
    decisions = Reader(kafka_bootstrap, CALL_DECISIONS)

    with workers(1, environment(kafka_bootstrap, model), tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("partitions") == PARTITIONS, "ready")
        delete_topic(SCORED_CALLS)
        for start in range(0, len(events), PART // 3):
            produce(kafka_bootstrap, events[start : start + PART // 3])
            time.sleep(0.2)  # more polls than may be unanswered
        wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
        wait_until(lambda: dropped(worker, SCORED_CALLS, "UnknownTopicOrPartitionError"), "counted")
        wait_until(lambda: is_done(worker), "everything acknowledged")
        assert worker.stop() == 0

    assert decisions.calls() == Counter(setups(events))


def _allow(admin: KafkaAdminClient, principal: str, operation: ACLOperation) -> None:
    pattern = ResourcePattern(ResourceType.TOPIC, SCORED_CALLS)
    admin.create_acls([ACL(principal, "*", operation, ACLPermissionType.ALLOW, pattern)])


def _forbid(admin: KafkaAdminClient) -> None:
    """Take every right on the topic away: with a rule for somebody else there is none for us."""
    pattern = ResourcePatternFilter(ResourceType.TOPIC, SCORED_CALLS, PatternType.LITERAL)
    _allow(admin, "User:somebody-else", ACLOperation.ALL)
    admin.delete_acls([ACLFilter(ANYBODY, "*", ACLOperation.ANY, ACLPermissionType.ANY, pattern)])


def test_a_right_that_is_missing_on_scored_calls_is_counted_and_stops_nothing(
    model: Path, events: list[bytes], tmp_path: Path
) -> None:
    """A real authorizer: first the topic may be seen and not written, then a worker starts that may not even see it."""
    with broker_process(tmp_path / "kafka", properties=AUTHORIZER) as broker:
        settings = environment(broker.bootstrap, model)
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=PARTITIONS)
            _allow(admin, ANYBODY, ACLOperation.DESCRIBE)
            decisions = Reader(broker.bootstrap, CALL_DECISIONS)

            with workers(1, settings, tmp_path) as (worker,):
                produce(broker.bootstrap, events[: 2 * PART])
                wait_until(lambda: set(decisions.calls()) >= setups(events[: 2 * PART]), "every setup answered")
                wait_until(lambda: dropped(worker, SCORED_CALLS, "TopicAuthorizationFailedError"), "counted")
                wait_until(lambda: is_done(worker), "everything acknowledged")
                assert worker.stop() == 0

            _forbid(admin)
            with workers(1, settings, tmp_path) as (worker,):
                produce(broker.bootstrap, events[2 * PART :])
                wait_until(lambda: set(decisions.calls()) >= setups(events), "every setup answered")
                wait_until(lambda: dropped(worker, SCORED_CALLS, "TopicMissing"), "counted")
                assert worker.stop() == 0

    assert decisions.calls() == Counter(setups(events))
