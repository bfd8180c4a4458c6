"""The demo's calls on a real Kafka: history as fast as it is decided, then each call when it is due."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, TopicPartition

from models.traffic.first.generate import generate
from models.traffic.span import DEFAULT_START_MS
from streams.commands.demo import pace
from streams.commands.demo.traffic import AT_ONCE, BATCH_BYTES, CallTraffic, demo_spec
from streams.commands.demo.view import Sent
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_EVENTS

PARTITIONS = 4
HISTORY_H = 0.05
HISTORY_S = HISTORY_H * 3_600
SECONDS = 3.0
LOOKS = 10


async def nothing_behind() -> int:
    """What a worker has to decide that is faster than anybody."""
    return 0


async def played(bootstrap: str, sent: Sent) -> list[float]:
    """Play all of it; gives when history began and ended, and when the live part did, epoch milliseconds."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES) as producer:
        instants = [time.time() * 1e3]
        traffic = CallTraffic(
            producer, PARTITIONS, rate=20, seed=7, history_hours=HISTORY_H, seconds=SECONDS, sent=sent,
            behind=nothing_behind,
        )  # fmt: skip
        await traffic.play_history(lambda *_: None)
        instants.append(time.time() * 1e3)
        await traffic.play_live()
        instants.append(time.time() * 1e3)
    return instants


def read(bootstrap: str) -> list[tuple[int, dict[str, Any]]]:
    """Partition and event of each record that the topic holds."""
    found: list[tuple[int, dict[str, Any]]] = []
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"demo-{time.time_ns()}"})
    places = [TopicPartition(CALL_EVENTS, partition, 0) for partition in range(PARTITIONS)]
    wanted = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.assign(places)
    while len(found) < wanted:
        messages = consumer.consume(5_000, 0.5)
        found += [(message.partition() or 0, json.loads(message.value() or b"")) for message in messages]
    consumer.close()
    return found


@pytest.mark.kafka
@pytest.mark.slow
def test_history_comes_at_once_and_live_calls_when_they_are_due(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]
) -> None:
    """Setups of three minutes before, then of three seconds; truths are of the live ones alone."""
    fresh_topics(PARTITIONS)
    sent = Sent()

    began, caught_up, ended = asyncio.run(played(kafka_bootstrap, sent))

    setups = [event for _, event in read(kafka_bootstrap) if event["type"] == "call_setup"]
    times = {record["call_id"]: record["setup_time_ms"] for record in setups}
    history = [at for call_id, at in times.items() if call_id not in sent.truths]
    live = [times[call_id] for call_id in sent.truths]
    assert min(history) == pytest.approx(began - HISTORY_S * 1e3, abs=5_000)
    assert len(history) > 20 * HISTORY_S / 2
    assert caught_up - began < HISTORY_S * 1e3 / 3
    assert len(live) == sent.calls > 0
    assert min(live) > max(caught_up, max(history) - 1)
    assert max(live) - min(live) <= SECONDS * 1e3
    assert ended >= max(live)
    assert len(sent.live) > sent.calls


def played_history(bootstrap: str, sent: Sent, behind: Callable[[], Awaitable[int]]) -> list[str]:
    """Play history alone; gives what was told."""
    told = list[str]()

    async def play() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES) as producer:
            traffic = CallTraffic(
                producer, PARTITIONS, rate=20, seed=7, history_hours=HISTORY_H, seconds=SECONDS, sent=sent,
                behind=behind,
            )  # fmt: skip
            await traffic.play_history(lambda detail="", *_: told.append(detail))

    asyncio.run(play())
    return told


@pytest.mark.kafka
@pytest.mark.slow
def test_live_calls_wait_until_the_worker_has_decided_all_of_history(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_topics(PARTITIONS)
    monkeypatch.setattr(pace, "FEW", 1_000_000)
    answers = iter([700, 9, 0, 5])

    async def behind() -> int:
        return next(answers)

    told = played_history(kafka_bootstrap, Sent(), behind)

    assert next(answers) == 5
    assert told[-3:] == ["700 events to be decided", "9 events to be decided", "0 events to be decided"]


@pytest.mark.kafka
@pytest.mark.slow
def test_history_waits_for_a_worker_that_is_slower(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]
) -> None:
    """It decides nothing for some looks. Before, all of history was sent by then, and its calls passed unjudged."""
    fresh_topics(PARTITIONS)
    looks, sent = list[int](), Sent()
    places = [TopicPartition(CALL_EVENTS, partition) for partition in range(PARTITIONS)]
    consumer = Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": f"demo-{time.time_ns()}"})

    async def behind() -> int:
        looks.append(sum(consumer.get_watermark_offsets(place)[1] for place in places))
        return looks[-1] if len(looks) < LOOKS else 0

    played_history(kafka_bootstrap, sent, behind)
    events = read(kafka_bootstrap)
    consumer.close()

    assert looks[:LOOKS] == [looks[0]] * LOOKS
    assert pace.FEW < looks[0] <= pace.FEW + AT_ONCE
    assert looks[-1] == len(events) > 2 * pace.FEW
    assert sent.history == sum(event["type"] == "call_setup" for _, event in events)


@pytest.mark.kafka
@pytest.mark.slow
def test_an_event_is_in_the_partition_of_its_key(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]) -> None:
    """Of history, which is sent by partition, as of live calls."""
    fresh_topics(PARTITIONS)

    asyncio.run(played(kafka_bootstrap, Sent()))

    found = read(kafka_bootstrap)
    keys = [str(event["calling_number"]).encode() for _, event in found]
    assert [partition for partition, _ in found] == partitions_of(keys, PARTITIONS)
    assert len({partition for partition, _ in found}) == PARTITIONS


def first_live(seconds: float) -> list[str]:
    """Events of the first live seconds of a demo that goes on for so long."""
    spec = demo_spec(DEFAULT_START_MS, rate=10, seed=7, history_hours=0.5, seconds=seconds)
    parts = generate(spec)
    return [
        line
        for part in itertools.takewhile(lambda part: part.times_ms()[:1].sum() < DEFAULT_START_MS + 30_000, parts)
        for line, at in zip(part.json_lines(), part.times_ms(), strict=True)
        if at >= DEFAULT_START_MS
    ]


def test_who_calls_does_not_depend_on_how_long_the_demo_runs() -> None:
    """Campaigns of a span that is about to end have to hurry: they began together, and with them the live part."""
    assert first_live(5) == first_live(3_600) != []
