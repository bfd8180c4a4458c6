"""`robocall topics` as it is typed, on a real broker: what it makes, what it finds wrong."""

import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient

from streams.commands.topics.command import topics
from tests.conftest import delete_topics
from tests.processes import complaints
from tests.streams.kafka.test_topics import CONTRACT
from tests.topic_configs import configure

pytestmark = pytest.mark.kafka
RAW = "unverified-of-a-test"


@pytest.fixture
def run(kafka_bootstrap: str) -> Callable[..., Result]:
    """Run `robocall topics ...` against the test broker."""
    environment = {**os.environ, "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}
    return lambda *arguments: CliRunner().invoke(topics, list(arguments), env=environment)


@pytest.fixture
def verifying(monkeypatch: pytest.MonkeyPatch, kafka_admin: KafkaAdminClient) -> Iterator[None]:
    """Somebody uses `robocall verify`."""
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", RAW)
    yield
    delete_topics(kafka_admin, {RAW})


def test_check_names_every_missing_topic(
    fresh_topics: Callable[..., list[str]], delete_topic: Callable[[str], None], run: Callable[..., Result]
) -> None:
    fresh_topics(partitions=1)
    delete_topic("scored-calls")
    result = run("check", "--partitions", "1")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{name} is missing: run `robocall topics create`" for name in ("scored-calls", "fleet-secret")
    ]


def test_check_says_what_is_wrong_and_how_to_put_it_right(
    fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient, run: Callable[..., Result]
) -> None:
    fresh_topics(partitions=1)
    configure(kafka_admin, "call-events", retention_ms="3600000")
    configure(kafka_admin, "entity-decisions", cleanup_policy="delete")
    configure(kafka_admin, "dead-letters", max_message_bytes="1000")
    result = run("check", "--partitions", "2")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert sum("has 1 partitions, 2 are configured" in line for line in lines) == len(CONTRACT)
    rest = [line for line in lines if "partitions" not in line and "fleet-secret" not in line]
    assert [line.split(": ")[0] for line in rest] == [
        "call-events has retention.ms=3600000, needed is 90000000",
        "entity-decisions has cleanup.policy=delete, needed is compact",
        "dead-letters has max.message.bytes=1000, needed is 2097152",
    ]


def test_create_command_creates_then_check_command_is_content(
    fresh_topics: Callable[..., list[str]], delete_topic: Callable[[str], None], run: Callable[..., Result]
) -> None:
    fresh_topics(partitions=1)
    delete_topic("call-feedback")
    result = run("create", "--partitions", "1")
    assert (result.exit_code, complaints(result.stderr)) == (0, ["created: call-feedback, fleet-secret"])
    assert run("check", "--partitions", "1").exit_code == 0


@pytest.mark.usefixtures("verifying")
def test_the_topic_of_raw_set_ups_is_made_where_it_is_used_alone(
    fresh_topics: Callable[..., list[str]], run: Callable[..., Result], kafka_admin: KafkaAdminClient
) -> None:
    """It is like `call-events`: the broker stamps its records, and they go after as long."""
    fresh_topics(partitions=2)
    missing = run("check", "--partitions", "2")
    assert (missing.exit_code, missing.stdout.splitlines()[0]) == (
        1,
        f"{RAW} is missing: run `robocall topics create`",
    )
    assert complaints(run("create", "--partitions", "2").stderr) == [f"created: {RAW}, fleet-secret"]
    assert run("check", "--partitions", "2").exit_code == 0

    configure(kafka_admin, RAW, retention_ms="3600000", message_timestamp_type="CreateTime")
    wrong = run("check", "--partitions", "2").stdout.splitlines()
    assert [line.split(": ")[0] for line in wrong] == [
        f"{RAW} has retention.ms=3600000, needed is 90000000",
        f"{RAW} has message.timestamp.type=CreateTime, needed is LogAppendTime",
    ]
    more = run("check", "--partitions", "3").stdout
    assert f"{RAW} has 2 partitions, 3 are configured" in more


def test_a_name_of_the_contract_is_refused_as_that_of_raw_set_ups(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the brokers are asked for anything."""
    monkeypatch.setenv("ROBOCALL_VERIFY_TOPIC", "call-events")
    assert "'call-events' is not for raw set-ups" in str(run("create").exception)
