"""`robocall verify`, as it is typed: what it checks and says first. tests/integration/trust has calls."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from kafka.admin import KafkaAdminClient

from streams.commands.trust import verify as module
from streams.commands.trust.verify import verify
from streams.errors import KafkaUnreachable, SettingsInvalid
from streams.verifying.assembly import PartitionsDiffer
from tests.streams.trust.signed_calls import trust_environment
from tests.waiting import until, wait_until


@pytest.fixture(autouse=True)
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in trust_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "configure_log", lambda *_: None)


def typed() -> Result:
    return CliRunner().invoke(verify, [], catch_exceptions=False)


def test_without_authorities_it_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOCALL_TRUST_ANCHORS_URL")
    with pytest.raises(SettingsInvalid, match="ROBOCALL_TRUST_ANCHORS_URL is not set"):
        typed()


def test_no_broker_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match="no Kafka broker answers"):
        typed()


@pytest.mark.kafka
def test_a_missing_topic_is_named_with_what_makes_it(
    kafka_bootstrap: str, fresh_topics: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_topics(2)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", "nobody-made-it")
    with pytest.raises(SettingsInvalid, match="nobody-made-it robocall topics create --partitions 2"):
        typed()


@pytest.mark.kafka
def test_topics_of_other_partitions_are_said_before_any_call_comes(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh_topics(2)
    name = f"unverified-{time.time_ns()}"
    kafka_admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
    wait_until(lambda: name in kafka_admin.list_topics(), "the topic is there")
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", name)
    try:
        with pytest.raises(PartitionsDiffer, match=f"{name} has 3 partitions and call-events 2: give both the same"):
            typed()
    finally:
        kafka_admin.delete_topics([name])


def test_while_it_looks_for_its_topics_it_says_so_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    with structlog.testing.capture_logs() as lines:

        async def look(*_: object) -> None:
            await until(lambda: [line["event"] for line in lines].count("verify looks for its topics") >= 3)
            raise Enough

        monkeypatch.setattr(module, "EVERY_S", 0.01)
        monkeypatch.setattr(module, "require_source", look)
        with pytest.raises(Enough):
            typed()
