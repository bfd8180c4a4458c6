"""`robocall conformance`, as it is typed: refusals in one line, a table, JSON, the exit status."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, Producer

from streams.commands.conformance import NotHere, conformance
from streams.conformance.calls import TestCalls, encoded
from streams.conformance.cases import all_cases
from streams.errors import KafkaUnreachable, TopicMissing
from streams.kafka.topics import CALL_EVENTS
from tests.broker_process import broker_process
from tests.waiting import HANG_S, wait_until

SIDES = ("detector", "producer", "consumer")


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(conformance, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize("side", SIDES)
def test_no_broker_is_one_line(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match="no Kafka broker answers"):
        typed(side)


def test_the_consumer_says_at_once_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a broker it takes ten seconds to find that out."""

    def away(_: object) -> None:
        raise NotHere("no broker")

    monkeypatch.setattr("streams.commands.conformance.group_view", away)
    assert "Looking for workers" in CliRunner().invoke(conformance, ["consumer"]).stderr


@pytest.mark.parametrize("side", ["detector", "consumer"])
def test_what_publishes_wants_to_be_told_where_it_may(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks nobody before that."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092,kafka.carrier.example:9092")
    with pytest.raises(NotHere, match="example:9092: say --allow-remote"):
        typed(side)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_cluster_that_never_had_a_group_has_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was "grant Describe and DescribeConfigs on topics", since the first question makes the topic of offsets."""
    with broker_process(tmp_path / "kafka") as fresh:
        monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", fresh.bootstrap)
        with pytest.raises(TopicMissing):
            typed("consumer", "--seconds", "1")


def test_a_number_of_somebody_is_not_tried() -> None:
    result = CliRunner().invoke(conformance, ["detector", "--blocked", "+12125551234"])

    assert result.exit_code == 2
    assert "reserved number" in result.output


def test_the_cases_are_listed_for_people_and_programs() -> None:
    names = [one.identifier for one in all_cases()]
    shown = CliRunner().invoke(conformance, ["cases"]).stdout.splitlines()
    listed = json.loads(CliRunner().invoke(conformance, ["cases", "--json"]).stdout)

    assert [line.split()[0] for line in shown] == names == [one["id"] for one in listed]


@pytest.fixture
def broker(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address, with fresh topics and a group of one's own."""
    fresh_topics(12)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("ROBOCALL_CONSUMER_GROUP", f"conformance-{time.time_ns()}")
    return kafka_bootstrap


@pytest.fixture
def switch(broker: str) -> Iterator[None]:
    """A switch that publishes a call again and again, without idempotence."""
    producer = Producer({"bootstrap.servers": broker, "partitioner": "murmur2"})
    done = threading.Event()

    def publish() -> None:
        calls = TestCalls()
        for number in range(1_000_000):
            if done.wait(0.05):
                break
            setup = calls.setup(f"call-{number}")
            producer.produce(CALL_EVENTS, key=setup["calling_number"], value=encoded(setup))
            producer.poll(0)

    thread = threading.Thread(target=publish)
    thread.start()
    yield
    done.set()
    thread.join()
    producer.flush(HANG_S)


@pytest.mark.kafka
@pytest.mark.usefixtures("switch")
def test_a_case_that_fails_is_told_with_its_section_and_by_the_exit_status() -> None:
    result = CliRunner().invoke(conformance, ["producer", "--records", "5", "--seconds", "900", "--calls-last", "9000"])

    assert result.exit_code == 1
    assert "P04" in result.stdout
    assert "FAIL" in result.stdout
    assert "P04: see docs/switch-questions.md#the-producer" in result.stderr


@pytest.mark.kafka
@pytest.mark.usefixtures("switch")
def test_programs_get_one_object() -> None:
    result = CliRunner().invoke(conformance, ["producer", "--records", "5", "--seconds", "900", "--json"])

    told = json.loads(result.stdout)
    assert (result.exit_code, told["passed"]) == (1, False)
    assert {one["id"]: one["passed"] for one in told["cases"]}["P04"] is False


@pytest.mark.kafka
@pytest.mark.usefixtures("broker")
def test_nothing_heard_is_no_success() -> None:
    result = CliRunner().invoke(conformance, ["producer", "--seconds", "1"])

    assert result.exit_code == 1
    assert "0 passed, 0 failed, 16 not judged" in result.stderr


@pytest.mark.kafka
def test_nobody_else_may_answer(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in the workers' group counts as a worker."""
    group = f"conformance-{time.time_ns()}"
    worker = Consumer({"bootstrap.servers": broker, "group.id": group})
    worker.subscribe([CALL_EVENTS])
    wait_until(lambda: worker.poll(0.1) is None and worker.assignment(), "the group has a member")
    try:
        monkeypatch.setenv("ROBOCALL_CONSUMER_GROUP", group)
        with pytest.raises(NotHere, match="stop them first"):
            typed("consumer", "--seconds", "1")
    finally:
        worker.close()
