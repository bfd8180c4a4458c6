"""The service on a real broker: campaigns are published, and a kill -9 renames nothing and counts nothing twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from streams.campaigns.records import CampaignRecord
from streams.campaigns.topic import campaigns_now
from streams.kafka import topics
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK
from streams.settings import load_settings
from tests.broker_process import broker_process
from tests.processes import ROOT
from tests.streams.campaigns.campaign_case import Pair, end, pairs
from tests.topic_reader import Reader
from tests.typed import typed
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def bootstrap(
    kafka_bootstrap: str,
    fresh_topics: Callable[[int], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> str:
    fresh_topics(3)
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("ROBOCALL_CAMPAIGNS_CONSUMER_GROUP", f"campaigns-{tmp_path.name}")
    monkeypatch.setenv("ROBOCALL_CAMPAIGNS_PUBLISH_S", "0.3")
    return kafka_bootstrap


@contextmanager
def service(log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the service; killed at the end where it still runs."""
    with Path(os.devnull if log is None else log).open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.commands.main", "campaigns", "run"],
            cwd=ROOT, env=os.environ.copy(), stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def publish(bootstrap: str, calls: list[Pair], ends: list[bytes] | None = None) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, (setup, decision) in enumerate(calls):
        producer.produce(CALL_EVENTS, setup, partition=number % 3)
        producer.produce(CALL_DECISIONS, decision, partition=(number + 1) % 3)
    for number, one in enumerate(ends or []):
        producer.produce(CALL_EVENTS, one, partition=number % 3)
    assert producer.flush(HANG_S) == 0


def known() -> dict[str, CampaignRecord]:
    return {name: one for name, one in campaigns_now(load_settings()).records.items() if one.merged_into is None}


def total() -> int:
    return sum(one.calls for one in known().values())


def test_suspect_calls_become_a_campaign_that_people_see(bootstrap: str) -> None:
    lawful = pairs(range(500, 530), score=0.1, action="allow")
    publish(bootstrap, [*pairs(range(20)), *lawful])
    with service() as process:
        wait_until(lambda: total() == 20, "the campaign is published")
        publish(bootstrap, [], [end(number) for number in range(20)])
        wait_until(lambda: any(one.answered_ratio == 1.0 for one in known().values()), "answers are counted")
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0
    [record] = known().values()

    listed = typed("campaigns", "list")
    shown = typed("campaigns", "show", record.id)
    confirmed = typed("campaigns", "confirm", record.id, "--note", "car warranty")

    assert record.id in listed.output
    assert "robocall, said" in typed("campaigns", "show", record.id).output
    assert "20 suspect calls from 20 numbers" in shown.output
    assert confirmed.exit_code == 0, confirmed.output
    reader = Reader(bootstrap, CALL_FEEDBACK)
    wait_until(lambda: len(reader.read()) >= 20, "feedback is published")
    said = [one for _, one in reader.read()][:20]
    reader.close()
    assert {(one["verdict"], one["source"], one["campaign"]) for one in said} == {("robocall", "analyst", record.id)}
    assert {one["call_id"] for one in said} == {f"call-{number}" for number in range(20)}


def test_a_kill_renames_nothing_and_counts_nothing_twice(bootstrap: str) -> None:
    publish(bootstrap, pairs(range(40)))
    with service() as process:
        wait_until(lambda: total() == 40, "the first calls are published")
        [before] = known().values()
        publish(bootstrap, pairs(range(40, 60)))
        wait_until(lambda: total() > 40, "more calls are published")
        process.send_signal(signal.SIGKILL)
        process.wait(HANG_S)
    publish(bootstrap, pairs(range(60, 100)))
    with service():
        wait_until(lambda: total() >= 100, "all calls are published")
    [after] = known().values()
    assert (after.id, after.calls, after.first_seen_ms) == (before.id, 100, before.first_seen_ms)
    assert after.numbers == pytest.approx(100, rel=0.4)


def test_a_refused_commit_is_said_and_campaigns_go_on(bootstrap: str, tmp_path: Path) -> None:
    group = os.environ["ROBOCALL_CAMPAIGNS_CONSUMER_GROUP"]
    stranger = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    publish(bootstrap, pairs(range(20)))
    log = tmp_path / "log"
    with service(log) as process:
        wait_until(lambda: total() == 20, "the campaign is published")
        stranger.subscribe([CALL_FEEDBACK])
        wait_until(lambda: stranger.poll(0.2) is None and bool(stranger.assignment()), "another one is in the group")
        wait_until(lambda: f"other programs are in the group {group}" in log.read_text(), "the refusal is said")
        publish(bootstrap, pairs(range(20, 40)))
        wait_until(lambda: total() == 40, "campaigns go on")
        stranger.close()
        wait_until(lambda: "kafka takes it again" in log.read_text(), "its end is said")
        assert process.poll() is None
    assert log.read_text().count("other programs are in the group") == 1


def test_a_killed_broker_ends_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBOCALL_CAMPAIGNS_PUBLISH_S", "0.3")
    log = tmp_path / "log"
    with broker_process(tmp_path / "broker") as broker:
        monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap)
        with topics.admin_client(load_settings()) as admin:
            topics.create(admin, partitions=3, replication_factor=1)
        publish(broker.bootstrap, pairs(range(20)))
        with service(log) as process:
            wait_until(lambda: total() == 20, "the campaign is published")
            broker.kill()
            wait_until(lambda: "kafka did not take it" in log.read_text(), "the outage is said")
            broker.start()
            publish(broker.bootstrap, pairs(range(20, 40)))
            wait_until(lambda: total() == 40, "campaigns go on")
            wait_until(lambda: "kafka takes it again" in log.read_text(), "its end is said")
            broker.kill()
            process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_S) == 0


@pytest.mark.usefixtures("bootstrap")
def test_a_campaign_that_nobody_knows_is_said_in_one_line() -> None:
    result = typed("campaigns", "show", "c0")
    assert str(result.exception) == "no campaign c0: `robocall campaigns list` shows those that are known"
