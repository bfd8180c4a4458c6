"""Deliveries, and batches on a real broker."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import structlog.testing
from aiokafka import errors
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import KafkaUnreachable, PublishFailed, TopicMissing
from streams.kafka.client import client_settings, require_topics
from streams.kafka.publishing.identity import Identities
from streams.kafka.publishing.outbox import MAX_BATCH_BYTES, Fate, Outbox
from streams.kafka.publishing.publisher import Delivery, Publisher, _Watch, may_pass
from streams.kafka.publishing.records import Perishable, Record
from streams.kafka.publishing.sender import Sender
from streams.kafka.topics import CALL_DECISIONS
from streams.settings import load_settings
from tests.topic_reader import records
from tests.waiting import HANG_S

FreshTopics = Callable[..., list[str]]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_delivery_is_done_once_when_all_arrived_and_it_is_sealed(sizes: list[int], order: random.Random) -> None:
    """Whatever the order of arrivals, and wherever the seal falls among them."""
    done: list[int] = []
    delivery = Delivery(lambda: done.append(1))
    for size in sizes:
        delivery.expect(size)
    steps = [*sizes, 0]  # 0 is the seal
    order.shuffle(steps)

    for position, step in enumerate(steps):
        if step:
            delivery.arrived(step)
        else:
            delivery.seal()
        assert len(done) == (position == len(steps) - 1)


def test_a_delivery_of_nothing_is_done_when_sealed() -> None:
    """A poll of call ends alone brings no decision."""
    done: list[int] = []
    delivery = Delivery(lambda: done.append(1))
    assert done == []
    delivery.seal()
    assert done == [1]


def test_an_unreachable_broker_is_named() -> None:
    """One line that says what to do."""
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match=r"127\.0\.0\.1:1: start one or set ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"):
        asyncio.run(require_topics(settings, [CALL_DECISIONS]))


RETRIABLE = [
    errors.KafkaTimeoutError(),
    errors.KafkaConnectionError(),
    errors.NodeNotReadyError(),
    errors.RequestTimedOutError(),
    errors.LeaderNotAvailableError(),
    errors.NotLeaderForPartitionError(),
    errors.NotEnoughReplicasError(),
    errors.NotEnoughReplicasAfterAppendError(),
    errors.KafkaStorageError(),
    errors.UnknownTopicOrPartitionError(),
    TimeoutError(),
    ConnectionResetError(),
]
FINAL = [
    errors.TopicAuthorizationFailedError("topic"),
    errors.MessageSizeTooLargeError(),
    errors.RecordListTooLargeError(),
    errors.InvalidTopicError(),
    errors.InvalidTimestampError(),
    errors.ProducerClosed(),
    errors.KafkaError("Unexpected error during batch delivery"),  # what is left of aiokafka's sender after a bug
    TypeError(),
]


@pytest.mark.parametrize("error", [*RETRIABLE, *FINAL], ids=lambda error: type(error).__name__)
def test_what_may_pass_is_tried_again_and_what_is_final_is_not(error: Exception) -> None:
    """A broker that is away comes back; a refusal stays one."""
    assert may_pass(error) is (error in RETRIABLE)


@pytest.mark.parametrize(("may_lose", "expected"), [(False, 4), (True, 2)])
def test_a_broker_that_is_in_and_out_of_trouble_fills_no_log_with_what_may_be_lost(
    *, may_lose: bool, expected: int
) -> None:
    """Two outages within a minute; each has two ends, and of decisions all four are told."""
    watch = _Watch(lambda _: None, may_lose=may_lose)
    outbox: Any = Outbox(Sender(cast("Any", None), acks=1, timeout_ms=1), "calls", 0, watch, Identities(), lambda: 0)

    with structlog.testing.capture_logs() as lines:
        for since_s in (100.0, 130.0):
            assert watch.undelivered(outbox, 1, errors.RequestTimedOutError(), since_s) is Fate.AGAIN
            assert watch.trouble == "RequestTimedOutError"
            watch.recovered(outbox)
            assert watch.trouble is None

    assert len(lines) == expected


@dataclass
class Told:
    """What a publisher told, and whether the delivery is done."""

    failures: list[PublishFailed] = field(default_factory=list)
    is_done: bool = False


async def _publish(
    bootstrap: str, records: Sequence[Record | Perishable], *, stand_still_s: float = 0.0, topic: str = CALL_DECISIONS
) -> Told:
    """Publish one delivery; with the process standing still for a while before anything can leave."""
    told, finished = Told(), asyncio.Event()

    def failed(error: PublishFailed) -> None:
        told.failures.append(error)
        finished.set()

    def done() -> None:
        told.is_done = True
        finished.set()

    settings = client_settings(load_settings(kafka_bootstrap_servers=bootstrap))
    publisher = Publisher(settings, [topic], failed)
    await publisher.start()
    delivery = Delivery(done)
    publisher.publish(topic, records, delivery)
    delivery.seal()
    assert publisher.waiting() == len(records)
    time.sleep(stand_still_s)  # noqa: ASYNC251 - as SIGSTOP does
    await asyncio.wait_for(finished.wait(), HANG_S)
    await publisher.stop()
    assert publisher.waiting() == 0 or told.failures
    return told


@pytest.mark.kafka
def test_more_than_a_batch_holds_leaves_in_several(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """One partition, four batches' worth of records: none is lost, the order stays, null values included."""
    fresh_topics(3)
    sent: list[tuple[bytes, bytes | None]] = [
        (b"switch-1", None if number % 50 == 0 else bytes([number % 256]) * 20_000)
        for number in range(4 * MAX_BATCH_BYTES // 20_000)
    ]

    told = asyncio.run(_publish(kafka_bootstrap, sent))

    assert told == Told(is_done=True)
    assert records(kafka_bootstrap, CALL_DECISIONS, len(sent)) == sent


@pytest.mark.kafka
def test_many_keys_come_through_complete(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Several partitions at once."""
    fresh_topics(12)
    sent = [(f"switch-{number % 40}".encode(), f"{number}".encode()) for number in range(5_000)]

    told = asyncio.run(_publish(kafka_bootstrap, sent))

    assert told == Told(is_done=True)
    assert Counter(records(kafka_bootstrap, CALL_DECISIONS, len(sent))) == Counter(sent)


@pytest.mark.kafka
def test_a_record_that_no_batch_can_hold_is_a_failure(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Told once, with topic and partition; the delivery is never done."""
    fresh_topics(1)

    told = asyncio.run(_publish(kafka_bootstrap, [(b"k", b"x" * (2 * MAX_BATCH_BYTES))]))

    assert [(failure.topic, failure.partition) for failure in told.failures] == [(CALL_DECISIONS, 0)]
    assert not told.is_done


@pytest.mark.kafka
def test_an_error_of_any_kind_while_sending_is_a_failure(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """A bug must stop the worker: a batch that is silently dropped leaves its poll unanswered for ever."""
    fresh_topics(1)

    told = asyncio.run(_publish(kafka_bootstrap, [Perishable(b"key", b"block", 0, lambda: cast("Any", 7))]))

    assert [(failure.topic, failure.partition) for failure in told.failures] == [(CALL_DECISIONS, 0)]
    assert "TypeError" in str(told.failures[0])
    assert not told.is_done


def _block(number: int, expires_ms: int) -> Perishable:
    return Perishable(b"switch-1", b"block %d" % number, expires_ms, lambda: b"late %d" % number)


@pytest.mark.kafka
def test_what_got_old_while_the_process_stood_still_leaves_in_its_late_form(
    kafka_bootstrap: str, fresh_topics: FreshTopics
) -> None:
    """A worker that wakes up as a zombie must not send a stale block; what is not old and what allows stays."""
    fresh_topics(1)
    now_ms = time.time_ns() // 1_000_000
    old, new = now_ms + 200, now_ms + 3_600_000

    told = asyncio.run(
        _publish(
            kafka_bootstrap,
            [_block(0, old), (b"switch-1", b"allow"), _block(1, new), _block(2, old)],
            stand_still_s=0.5,
        )
    )

    assert told == Told(is_done=True)
    assert [value for _, value in records(kafka_bootstrap, CALL_DECISIONS, 4)] == [
        b"late 0",
        b"allow",
        b"block 1",
        b"late 2",
    ]


def _cannot(number: str) -> bytes:
    raise KeyError(number)


@pytest.mark.kafka
def test_a_late_form_that_cannot_be_made_is_a_failure(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """Neither a stale block nor silence; what the error says may be a phone number and is not repeated."""
    fresh_topics(1)
    record = Perishable(b"k", b"block", 0, lambda: _cannot("+12025550123"))

    told = asyncio.run(_publish(kafka_bootstrap, [record]))

    assert [(failure.topic, failure.partition) for failure in told.failures] == [(CALL_DECISIONS, 0)]
    assert "KeyError" in str(told.failures[0])
    assert "2025550123" not in str(told.failures[0])
    assert not told.is_done


@pytest.mark.kafka
def test_missing_topics_are_named(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """And not created by asking for them."""
    fresh_topics(1)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)
    for _ in range(2):
        with pytest.raises(TopicMissing, match="missing topics: nowhere; run `robocall topics create`"):
            asyncio.run(require_topics(settings, [CALL_DECISIONS, "nowhere"]))
