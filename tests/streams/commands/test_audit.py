"""`robocall audit` on a real broker: kept promises and broken ones, and batches that no reader can read."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from confluent_kafka import Producer

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS
from tests.integration.odd_batches_case import MIB, produce
from tests.streams.audit.test_ledger import allowed, blocked, call, labelled
from tests.typed import typed

pytestmark = pytest.mark.kafka


@pytest.fixture
def bootstrap(kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch) -> str:
    fresh_topics(3)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    return kafka_bootstrap


def audited(*options: str) -> Result:
    """Of everything until now; the last second settles."""
    return typed("audit", "--since", "10m", "--settle", "0s", *options)


def publish(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for place, value in enumerate(values):
        producer.produce(topic, value, partition=place % 3)
    assert producer.flush(60) == 0


def now(make: Callable[..., bytes], name: str, **other: Any) -> bytes:
    """A decision of this instant."""
    return make(name, decided_time_ms=time.time_ns() // 1_000_000, **other)


def test_kept_promises_are_said_with_the_times_of_answers(bootstrap: str) -> None:
    """A bomb and a dead letter are nothing that a decision is missing for."""
    publish(bootstrap, CALL_EVENTS, [call(f"call-{number}") for number in range(30)])
    produce(bootstrap, [b"\0" * (60 * MIB)], partition=1, codec="zstd")
    publish(bootstrap, CALL_EVENTS, [call("refused"), b"junk"])
    letter = {"topic": CALL_EVENTS, "partition": 0, "offset": 10, "last_offset": 10}
    publish(bootstrap, DEAD_LETTERS, [json.dumps(letter).encode()])
    decisions = [now(allowed, f"call-{number}") for number in range(30)]
    publish(bootstrap, CALL_DECISIONS, [*decisions, *decisions[:5]])

    people, programs = audited(), audited("--json")

    assert (people.exit_code, programs.exit_code) == (0, 0), people.output
    assert "31 calls, 35 decisions: 5 repeated" in people.output
    assert "every promise was kept" in people.output
    report = json.loads(programs.stdout)
    assert (report["is_clean"], report["calls"], report["repeats"], report["refused"]) == (True, 31, 5, 1)
    assert report["answer_ms"]["p50"] is not None


def test_broken_promises_are_said_with_examples_and_make_the_status_1(bootstrap: str) -> None:
    publish(bootstrap, CALL_EVENTS, [call("kept"), call("forgotten"), call("changed")])
    said = [now(allowed, "kept"), now(allowed, "kept", decision_id="other"), now(allowed, "strange")]
    publish(bootstrap, CALL_DECISIONS, [*said, now(labelled, "changed"), now(blocked, "changed")])

    done = audited("--json")

    assert done.exit_code == 1
    breaches = json.loads(done.stdout)["breaches"]
    assert {kind: found["examples"] for kind, found in breaches.items()} == {
        "undecided": ["forgotten"],
        "unknown": ["strange"],
        "two_ids": ["kept"],
        "changed": ["changed"],
    }
    assert "A call set-up has no decision, and is no dead letter. 1 times" in audited().output


@pytest.mark.usefixtures("bootstrap")
def test_no_broker_and_no_topics_are_one_line(
    delete_topic: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_topic(CALL_DECISIONS)
    missing = audited()
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    away = audited()

    assert (missing.exit_code, away.exit_code) == (1, 1)
    assert "missing topics: call-decisions" in str(missing.exception)
    assert "127.0.0.1:1" in str(away.exception)


@pytest.mark.parametrize("span", ["soon", "999999d", "367d"])
def test_a_span_that_is_none_is_wrong_usage(span: str) -> None:
    assert typed("audit", "--since", span).exit_code == 2


def test_a_span_of_which_nothing_is_left_is_wrong_usage() -> None:
    """It would read nothing, and say that every promise was kept."""
    done = typed("audit", "--since", "30s")

    assert done.exit_code == 2
    assert "--settle leaves nothing to look at" in done.output
