"""The rights of `deploy/kafka`, in place on a real broker: each of our users does its work, and nothing else."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from detector.contract.errors import RobocallError
from streams.campaigns.topic import read_campaigns
from streams.cases.changes import new_entry, opened
from streams.cases.store import CaseStore
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.kafka import topics
from streams.local.services import free_ports
from streams.settings import Settings, load_settings
from streams.wire.cases import CaseKind
from tests.broker_process import broker_process
from tests.integration.bridge.sip_dip_case import Bridge, says
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, Worker, robocall, run_robocall, workers
from tests.streams.bridge.sip.sip_case import invite
from tests.streams.trust.signed_calls import setup, signed_now, trust_environment
from tests.topic_reader import Reader
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
USERS = ("worker", "switch", "analyst", "archive", "verifier", "raw-switch", "operator", "desk", "bridge", "console")
RAW = "unverified-calls"
PROPERTIES = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,USERS:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.users.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
    {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:ANONYMOUS
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},USERS://127.0.0.1:{port}
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},USERS://127.0.0.1:{port}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where our users log in; each has its name as password, and the rights of the file."""
    folder = tmp_path_factory.mktemp("rights")
    (port,) = free_ports(1)
    users = " ".join(f'user_robocall-{user}="{user}"' for user in USERS)
    with broker_process(folder, properties=PROPERTIES.format(users=users, port=port)) as broker:
        tool = folder / "kafka-acls"
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/deploy/kafka_acls.py" "$@"\n')
        tool.chmod(0o700)
        environment = os.environ | {
            "KAFKA_ACLS": str(tool),
            "PYTHONPATH": str(ROOT),
            "ROBOCALL_VERIFY_TOPIC": RAW,
        }
        subprocess.run([ROOT / "deploy" / "kafka" / "acls.sh", broker.bootstrap], env=environment, check=True)
        yield f"127.0.0.1:{port}"


def login(address: str, user: str) -> dict[str, str]:
    return {
        "ROBOCALL_VERIFY_TOPIC": RAW,
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": address,
        "ROBOCALL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ROBOCALL_KAFKA_SASL_MECHANISM": "PLAIN",
        "ROBOCALL_KAFKA_SASL_USERNAME": f"robocall-{user}",
        "ROBOCALL_KAFKA_SASL_PASSWORD": user,
    }


def client(address: str, user: str, group: str | None = None) -> dict[str, str]:
    return {
        "group.id": group or f"{user}-1",
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": f"robocall-{user}",
        "sasl.password": user,
    }


def test_each_user_does_its_work(address: str, tmp_path: Path) -> None:
    """The operator makes the topics, a switch publishes, a worker decides, the archive keeps; nobody is refused."""
    robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    checked = run_robocall("topics", "check", environment=login(address, "operator") | {"ROBOCALL_PARTITIONS": "2"})
    assert "uthoriz" not in checked.stdout + checked.stderr
    assert "refused" not in checked.stdout + checked.stderr
    environment = login(address, "worker") | {
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "small")),
        "ROBOCALL_PARTITIONS": "2",
        "ROBOCALL_SCORED_SAMPLE_RATIO": "1.0",
        **PATIENT,
    }
    kept = tmp_path / "archive"
    archive = login(address, "archive") | {"ROBOCALL_ARCHIVE_URL": str(kept), "ROBOCALL_ARCHIVE_FLUSH_S": "0.2"}
    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is healthy")
        robocall("simulate", "--kafka", "--rate", "100", "--hours", "0.001", environment=login(address, "switch"))
        decided = Reader(address, topics.CALL_DECISIONS, **client(address, "switch", "switch-1"))
        wait_until(decided.calls, "the switch reads decisions")
        sampled = Reader(address, topics.SCORED_CALLS, **client(address, "analyst", "analyst-1"))
        wait_until(sampled.calls, "the analyst reads samples")
        sink = Worker(archive, tmp_path / "sink.log", ("-m", "streams.commands.main", "archive", "run"))
        try:
            for topic in (topics.CALL_EVENTS, topics.CALL_DECISIONS):
                wait_until(partial(is_kept, kept / topic), f"{topic} is archived")
        finally:
            assert sink.stop() == 0
        wait_until(lambda: worker.health().get("lag") == 0, "everything is acknowledged")
        assert worker.stop() == 0
    assert [line for line in worker.log.read_text().splitlines() if "uthorization" in line] == []


def test_a_raw_set_up_is_verified_and_goes_on(address: str, tmp_path: Path) -> None:
    """Its switch writes a topic of its own, and cannot write where verdicts stand: test_no_user_can_do_more."""
    robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    environment = login(address, "verifier") | trust_environment(tmp_path)
    verify = Worker(environment, tmp_path / "verify.log", ("-m", "streams.commands.main", "verify"))
    try:
        call = setup("raw-1", signed_now("https://127.0.0.1:443/nobody.pem"))
        producer = Producer(client(address, "raw-switch"))
        producer.produce(RAW, key=call["calling_number"], value=json.dumps(call))
        assert producer.flush(60) == 0
        events = Reader(address, topics.CALL_EVENTS, **client(address, "archive", "robocall-archive"))
        wait_until(lambda: "raw-1" in events.calls(), "the call went on")
    finally:
        assert verify.stop() == 0
    assert "uthoriz" not in verify.log.read_text()


def test_the_bridge_publishes_what_it_is_asked_about(address: str, tmp_path: Path) -> None:
    """It reads decisions in no group; without them it passes the call, and publishes it all the same."""
    robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    bridge = Bridge(login(address, "bridge") | {"ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0"}, tmp_path)
    try:
        events = Reader(address, topics.CALL_EVENTS, **client(address, "archive", "robocall-archive"))
        asked = invite()
        wait_until(lambda: says(asked, bridge.port) and events.calls(), "a call is published")
    finally:
        bridge.process.terminate()
        assert bridge.process.wait(HANG_S) == 0
    assert "uthoriz" not in bridge.log.read_text()


def test_the_console_reads_decisions(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In no group."""
    run_robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    for name, value in login(address, "console").items():
        monkeypatch.setenv(name, value)

    async def reads() -> None:
        feed = Feed(load_settings(), LiveMemory(1_000, time.time))
        await feed.start()
        try:
            await asyncio.to_thread(wait_until, lambda: feed.is_up, "the console reads")
        finally:
            await feed.stop()

    asyncio.run(reads())


def is_kept(folder: Path) -> bool:
    return any(folder.rglob("*.parquet"))


WRITES = {
    "worker": ("call-events", "call-feedback", "fleet-secret", "case-records"),
    "switch": ("case-records", "call-decisions", "entity-decisions", "call-feedback", "fleet-secret", "dead-letters"),
    "analyst": ("call-events", "call-decisions", "entity-decisions", "fleet-secret", "case-records"),
    "archive": ("call-events", "call-decisions", "call-feedback", "case-records", RAW),
    "verifier": ("call-decisions", "fleet-secret", "case-records", RAW),
    "raw-switch": ("call-events", "call-decisions", "case-records"),
    "operator": ("call-events", "call-decisions", "call-feedback", RAW),
    "desk": ("call-events", "call-decisions", "fleet-secret", RAW),
    "bridge": ("call-decisions", "entity-decisions", "call-feedback", "fleet-secret", "case-records", RAW),
    "console": ("call-events", "call-decisions", "scored-calls", "fleet-secret", RAW),
}
READS = {
    "worker": ("call-decisions", "scored-calls"),
    "switch": ("fleet-secret", "scored-calls", "call-feedback", "call-events", "dead-letters", "case-records"),
    "analyst": ("fleet-secret", "call-events"),
    "archive": ("fleet-secret", "dead-letters", RAW),
    "verifier": ("fleet-secret", "call-decisions", "call-events"),
    "raw-switch": ("fleet-secret", "call-events", RAW),
    "operator": ("call-events", "call-decisions", RAW),
    "desk": ("call-events", "scored-calls", "fleet-secret", RAW),
    "bridge": ("fleet-secret", "call-events", "scored-calls", "case-records", RAW),
    "console": ("fleet-secret", "call-events", "scored-calls", "dead-letters", RAW),
}


def test_the_desk_and_the_console_keep_cases(address: str) -> None:
    """Transactions, too, are a right of their own; whoever has none is told which. The console reads campaigns too."""
    run_robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    case = opened(CaseKind.CHANGE, new_entry(who="desk", what="opened", why=None, now_ms=1_790_000_000_000),
                  subject=None, details={})  # fmt: skip

    def settings(user: str) -> Settings:
        names = {name.removeprefix("ROBOCALL_").lower(): value for name, value in login(address, user).items()}
        return load_settings(**names)

    asyncio.run(CaseStore(settings("console")).open(case))
    asyncio.run(CaseStore(settings("desk")).open(case))
    assert asyncio.run(CaseStore(settings("operator")).read(case.case_id)) == case
    assert asyncio.run(read_campaigns(settings("console"))).records == {}
    with pytest.raises(RobocallError, match=r"TopicMissing|missing topics|refused to read or write cases"):
        asyncio.run(CaseStore(settings("switch")).open(case))


def note(codes: dict[str, str | None], topic: str, error: KafkaError | None, _: object) -> None:
    codes[topic] = error.name() if error else None


@pytest.mark.parametrize("user", USERS)
def test_no_user_can_do_more(address: str, user: str) -> None:
    """A switch cannot decide, an analyst cannot call, and the secret is for workers alone."""
    run_robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    codes: dict[str, str | None] = {}
    producer = Producer(client(address, user) | {"message.timeout.ms": 30_000, "enable.idempotence": False})
    for topic in WRITES[user]:
        producer.produce(topic, b"{}", callback=partial(note, codes, topic))
    producer.flush(60)
    assert codes == dict.fromkeys(WRITES[user], "TOPIC_AUTHORIZATION_FAILED")

    for topic in READS[user]:
        assert _answer(address, user, topic) == "TOPIC_AUTHORIZATION_FAILED"


def _answer(address: str, user: str, topic: str) -> str:
    """What a consumer is told first, about the topic or when it reads; a record is an answer, too."""
    consumer = Consumer(client(address, user))
    unseen = consumer.list_topics(topic, timeout=60).topics[topic].error
    if unseen is not None:
        consumer.close()
        return str(unseen.name())
    consumer.assign([TopicPartition(topic, 0, 0)])
    told: list[str] = []

    def is_told() -> bool:
        names = (error.name() if (error := one.error()) else "a record" for one in consumer.consume(10, 0.5))
        told.extend(name for name in names if not name.startswith("GROUP_"))  # not every user has a group of this name
        return bool(told)

    wait_until(is_told, f"{user} is told something about {topic}")
    consumer.close()
    return told[0]


def test_nobody_may_delete_a_topic(address: str) -> None:
    run_robocall("topics", "create", "--partitions", "2", environment=login(address, "operator"))
    for user in USERS:
        admin = AdminClient({**client(address, user)})
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            admin.delete_topics([topics.CALL_EVENTS])[topics.CALL_EVENTS].result(60)
