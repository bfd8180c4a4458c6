"""Batches that unpack to too much, that are damaged on the broker's disk, or whose transaction is open or aborted.

Real brokers and a live worker: none of these stops it, and every call around them is decided once.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.archive.settings import ArchiveSettings
from streams.archive.sink import Sink, Tally
from streams.kafka import topics
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.metrics import Metric
from streams.settings import load_settings
from tests.broker_process import broker_process
from tests.integration.odd_batches_case import (
    MIB,
    Answers,
    call,
    ids,
    metrics,
    most_resident_mib,
    must_arrive,
    produce,
)
from tests.processes import PATIENT, Worker, workers
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FreshTopics = Callable[..., list[str]]
CODECS = {"gzip": 60, "snappy": 18, "lz4": 60, "zstd": 60}
"""MiB that a batch unpacks to which a broker still takes: it wants them in one MiB, and snappy makes 1 of 21."""


@pytest.fixture
def environment(model: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return {
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(model),
        "ROBOCALL_CONSUMER_GROUP": f"{request.node.name}-{time.time_ns()}",
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
        "ROBOCALL_SNAPSHOT_URL": "off",
        "ROBOCALL_SCORED_SAMPLE_RATIO": "0",  # else the archive has one more for one call in a hundred
        **PATIENT,
    }


# What unpacks to too much


def test_bombs_that_wait_at_a_start_and_bombs_that_come_stop_no_call(
    kafka_bootstrap: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """Up to 60 MiB in each codec, in three partitions of four, and a hundred thousand empty records in the last one.

    The worker starts behind them, and catches up with them once more after a restart. It grows by a few batches of the
    bound, not by what they unpack to.
    """
    fresh_topics(4)
    environment |= {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}
    answers = Answers(kafka_bootstrap)
    bombs = []
    for place, (codec, size) in enumerate(CODECS.items()):
        for partition in range(3):
            bombs.append((partition, 2 * place + 1, 2 * place + 1, "batch_too_large"))
            produce(kafka_bootstrap, [call(10 * place + partition)], partition=partition, codec=codec)
            produce(kafka_bootstrap, [b"\0" * (size * MIB)], partition=partition, codec=codec)
    produce(kafka_bootstrap, [call(100)], partition=3)
    produce(kafka_bootstrap, [None] * 100_000, partition=3, codec="zstd")
    bombs.append((3, 1, 100_000, "batch_too_large"))
    expected = ids(10 * place + partition for place in range(4) for partition in range(3)) | ids([100])

    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: set(answers.decided()) >= expected, "every call before a bomb is decided")
        produce(kafka_bootstrap, [call(200)], partition=3)
        wait_until(lambda: "call-200" in answers.decided(), "a call after a bomb is decided")
        wait_until(lambda: len(answers.left_out()) >= len(bombs), "each bomb is a dead letter")
        wait_until(lambda: worker.health().get("lag") == 0, "all is acknowledged")
        counted = metrics(worker)[f'{Metric.UNREADABLE}{{code="batch_too_large",topic="call-events"}}']
        grown_mib = most_resident_mib(worker)
        assert worker.stop() == 0
    with workers(1, environment | {"ROBOCALL_INSTANCE_ID": "another"}, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "a restart catches up with them")
        produce(kafka_bootstrap, [call(300)], partition=0)
        wait_until(lambda: "call-300" in answers.decided(), "a call after the restart is decided")
        assert worker.stop() == 0

    assert answers.decided() == sorted(expected | {"call-200", "call-300"})
    assert answers.left_out() == sorted(bombs)
    assert counted == len(bombs)
    assert grown_mib < 700


def test_the_archive_steps_over_a_bomb(
    kafka_bootstrap: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """What is around it is archived, and its offsets are behind."""
    fresh_topics(1)
    for number in range(2):
        produce(kafka_bootstrap, [call(number)])
        produce(kafka_bootstrap, [b"\0" * (60 * MIB)], codec="zstd")

    tally = asyncio.run(
        archived(kafka_bootstrap, tmp_path, environment, lambda one: one.records == one.unreadable == 2)
    )

    assert (tally.records, tally.refused, tally.unreadable) == (2, 0, 2)


async def archived(bootstrap: str, folder: Path, environment: dict[str, str], claim: Callable[[Tally], bool]) -> Tally:
    """Run a sink until the claim holds."""
    stop = asyncio.Event()
    archive = ArchiveSettings.load(
        url=str(folder / "archive"), flush_s=0.2, consumer_group=environment["ROBOCALL_CONSUMER_GROUP"] + "-archive"
    )
    sink = Sink(
        load_settings(kafka_bootstrap_servers=bootstrap), archive, lambda one: stop.set() if claim(one) else None
    )
    await asyncio.wait_for(sink.run(stop), HANG_S)
    return sink.tally


# What is damaged on the broker's disk


def test_a_batch_that_is_damaged_on_disk_costs_its_own_calls_and_nothing_else(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """One flipped bit in the middle of three batches of calls, and of three batches of reports.

    The worker decides what is around it, live and after a restart that catches up over it; so does the archive.
    """
    with broker_process(tmp_path / "broker") as broker:
        environment |= {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=1)
        with workers(1, environment, tmp_path) as (worker,):
            produce(broker.bootstrap, [call(100)])
            wait_until(lambda: reported(worker, broker.bootstrap), "reports are heard")
            wait_until(lambda: worker.health().get("lag") == 0, "all is acknowledged")
            assert worker.stop() == 0
        for first in (0, 10, 20):
            produce(broker.bootstrap, [call(number) for number in range(first, first + 10)])
        for note in ("before", "within", "after"):
            produce(broker.bootstrap, [report(note)] * 2, topic=CALL_FEEDBACK)
        broker.stop()
        flip(tmp_path / "broker", CALL_EVENTS, b'"call-15"')
        flip(tmp_path / "broker", CALL_FEEDBACK, b'"within"')
        broker.start()

        answers, sound = Answers(broker.bootstrap), {*range(10), *range(20, 30)}
        with workers(1, environment, tmp_path) as (worker,):
            wait_until(lambda: set(answers.decided()) >= ids(sound | {100}), "what is around it is decided")
            wait_until(lambda: worker.health().get("lag") == 0, "all is acknowledged")
            wait_until(lambda: feedback(worker) >= 4, "the reports around it are heard")
            counted = metrics(worker)
            assert worker.stop() == 0
        with workers(1, environment | {"ROBOCALL_INSTANCE_ID": "another"}, tmp_path) as (worker,):
            wait_until(lambda: worker.health().get("status") == "ok", "a restart catches up over it")
            produce(broker.bootstrap, [call(200)])
            wait_until(lambda: "call-200" in answers.decided(), "a call after the restart is decided")
            assert worker.stop() == 0
        tally = asyncio.run(
            archived(broker.bootstrap, tmp_path, environment, lambda one: one.unreadable == 2 and not one.waiting)
        )

        assert answers.decided() == sorted(ids(sound | {100, 200}))
        assert answers.left_out() == [(0, 11, 20, "batch_damaged")]
        assert [code for _, _, _, code in answers.left_out(CALL_FEEDBACK)] == ["batch_damaged"]
        for topic in (CALL_EVENTS, CALL_FEEDBACK):
            assert counted[f'{Metric.UNREADABLE}{{code="batch_damaged",topic="{topic}"}}'] == 1
        assert tally.unreadable == 2


def flip(folder: Path, topic: str, text: bytes) -> None:
    """Change a bit of the one place in a partition's log where the text stands."""
    (segment,) = folder.glob(f"**/{topic}-0/*.log")
    data = bytearray(segment.read_bytes())
    assert data.count(text) >= 1
    data[data.index(text) + 2] ^= 1
    segment.write_bytes(bytes(data))


def report(note: str) -> bytes:
    verdict = {
        "time_ms": 1_780_000_000_000,
        "verdict": "robocall",
        "source": "analyst",
        "call_id": "call-1",
        "note": note,
    }
    return json.dumps(verdict).encode()


def feedback(worker: Worker) -> float:
    """Reports that the worker has heard."""
    return sum(value for name, value in metrics(worker).items() if name.startswith(f"{Metric.FEEDBACK}{{"))


def reported(worker: Worker, bootstrap: str) -> bool:
    """Make a report, as a group that is new begins with what is said from then on; whether one was heard so far."""
    if worker.health().get("status") == "ok":
        produce(bootstrap, [report("first")], topic=CALL_FEEDBACK)
    return bool(worker.health()) and feedback(worker) >= 1


# Transactions


def transactional(bootstrap: str) -> Producer:
    """A producer whose transactions may stay open for as long as brokers let any."""
    found = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"switch-{time.time_ns()}",
            "linger.ms": 0,
            "transaction.timeout.ms": 900_000,
            "log_level": 0,
        }
    )
    found.init_transactions(HANG_S)
    return found


def send(producer: Producer, number: int) -> None:
    """Have a call in the log, in a batch of its own."""
    producer.produce(CALL_EVENTS, value=call(number), partition=0, on_delivery=must_arrive)
    assert producer.flush(HANG_S) == 0


def has_nothing_unread(worker: Worker) -> bool:
    """And says so in green."""
    health = worker.health()
    return (health.get("status"), health.get("partitions"), health.get("lag")) == ("ok", 1, 0)


def committed(bootstrap: str, group: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    (found,) = consumer.committed([TopicPartition(CALL_EVENTS, 0)], timeout=10)
    consumer.close()
    return found.offset


def test_calls_of_aborted_transactions_are_not_decided_and_markers_are_nothing_unread(
    kafka_bootstrap: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """Two transactions between each other and a plain producer, one of them aborted; the log ends with markers.

    Lag is 0 then and what is committed is the end of the log. A marker that counted as unread made `/health` red.
    """
    fresh_topics(1)
    environment |= {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "ROBOCALL_HEALTH_STALL_S": "1"}
    answers = Answers(kafka_bootstrap)
    with workers(1, environment, tmp_path) as (worker,):
        kept, dropped = transactional(kafka_bootstrap), transactional(kafka_bootstrap)
        kept.begin_transaction()
        dropped.begin_transaction()
        for number in range(0, 20, 2):
            send(kept, number)
            send(dropped, number + 1)
        produce(kafka_bootstrap, [call(100)])
        dropped.abort_transaction(HANG_S)
        kept.commit_transaction(HANG_S)
        kept.begin_transaction()
        send(kept, 101)
        kept.commit_transaction(HANG_S)
        wait_until(lambda: "call-101" in answers.decided(), "the last call is decided")
        wait_until(lambda: has_nothing_unread(worker), "all is read")
        wait_until(lambda: committed(kafka_bootstrap, environment["ROBOCALL_CONSUMER_GROUP"]) == 25, "and committed")
        assert worker.stop() == 0

    assert answers.decided() == sorted(ids([*range(0, 20, 2), 100, 101]))
    tally = asyncio.run(
        archived(kafka_bootstrap, tmp_path, environment, lambda one: one.records >= 24 and not one.waiting)
    )
    assert tally.records == 24  # twelve calls and their decisions


def test_calls_behind_an_open_transaction_wait_for_its_end_and_that_is_no_stall(
    kafka_bootstrap: str, fresh_topics: FreshTopics, environment: dict[str, str], tmp_path: Path
) -> None:
    """A metric says how many; `read_uncommitted` waits for nobody."""
    fresh_topics(1)
    environment |= {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "ROBOCALL_HEALTH_STALL_S": "1"}
    hasty = environment | {
        "ROBOCALL_KAFKA_ISOLATION_LEVEL": "read_uncommitted",
        "ROBOCALL_CONSUMER_GROUP": f"hasty-{time.time_ns()}",
    }
    answers, held = Answers(kafka_bootstrap), f'{Metric.HELD_BACK}{{partition="0"}}'
    (tmp_path / "hasty").mkdir()
    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("status") == "ok", "the worker is ready")
        slow = transactional(kafka_bootstrap)
        slow.begin_transaction()
        send(slow, 1)
        produce(kafka_bootstrap, [call(2)])
        wait_until(lambda: metrics(worker).get(held) == 2, "both calls wait")
        with workers(1, hasty, tmp_path / "hasty") as (other,):
            wait_until(lambda: answers.decided() == ["call-1", "call-2"], "another group does not wait")
            wait_until(lambda: other.health().get("lag") == 0, "all is acknowledged")
            assert other.stop() == 0
        calm = hasty | {"ROBOCALL_KAFKA_ISOLATION_LEVEL": "read_committed"}
        with workers(1, calm, tmp_path / "hasty") as (other,):
            wait_until(lambda: other.health().get("status") == "ok", "who has read further waits in peace")
            assert other.stop() == 0
        assert answers.decided() == ["call-1", "call-2"]
        assert has_nothing_unread(worker)
        # The archive goes on, whose position is now behind what may be read.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ROBOCALL_KAFKA_ISOLATION_LEVEL", "read_uncommitted")
            asyncio.run(archived(kafka_bootstrap, tmp_path, environment, lambda one: one.records == 4))
        asyncio.run(archived(kafka_bootstrap, tmp_path, environment, lambda one: one.partitions > 0))
        slow.commit_transaction(HANG_S)
        wait_until(lambda: answers.decided() == ["call-1", "call-1", "call-2", "call-2"], "both are decided")
        wait_until(lambda: metrics(worker).get(held) == 0, "nothing waits")
        assert worker.stop() == 0
