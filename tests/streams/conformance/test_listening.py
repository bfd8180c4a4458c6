"""Listening on a real broker: what a producer does shows in its batches."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.conformance.calls import TestCalls, encoded
from streams.conformance.listening import Heard, Listener
from streams.conformance.producer import Traffic, judge
from streams.errors import TopicMissing
from streams.kafka.topics import CALL_EVENTS
from streams.settings import Settings
from tests.integration.odd_batches_case import MIB, produce
from tests.waiting import HANG_S

pytestmark = pytest.mark.kafka
CALLS = 40
GOOD: dict[str, Any] = {"partitioner": "murmur2", "enable.idempotence": True}


def publish(settings: Settings, **options: Any) -> None:
    """Set-ups of forty numbers, by librdkafka with these options."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, **options})
    calls = TestCalls()
    for number in range(CALLS):
        setup = calls.setup(f"call-{number}", f"+1202555{number:04}")
        producer.produce(CALL_EVENTS, key=setup["calling_number"], value=encoded(setup))
    assert producer.flush(HANG_S) == 0


async def heard(settings: Settings, **options: Any) -> tuple[list[Heard], Traffic]:
    """What a listener hears of a producer that begins after it."""
    found: list[Heard] = []
    async with Listener(settings, CALL_EVENTS) as listener:
        await asyncio.to_thread(publish, settings, **options)
        traffic = Traffic(listener.partitions)
        async for records in listener.listen(HANG_S):
            found += records
            traffic.add(records, records[-1].arrived_ms or 0 if records else 0)
            if len(found) == CALLS:
                break
    return found, traffic


def failed(traffic: Traffic) -> set[str]:
    """All but P08: how late set-ups come is the machine's affair here, and is judged in `test_producer.py`."""
    return {one.case.identifier for one in judge(traffic) if one.passed is False} - {"P08"}


def test_a_good_producer_is_heard_whole_and_passes(settings: Settings) -> None:
    """What was there before is not heard, though it was published by a wrong one."""
    publish(settings)

    records, traffic = asyncio.run(heard(settings, **GOOD))

    assert len({record.key for record in records}) == CALLS
    assert all(record.arrived_ms is not None for record in records)
    assert failed(traffic) == set()


def test_librdkafka_as_it_comes_fails_partitioner_and_idempotence(settings: Settings) -> None:
    _, traffic = asyncio.run(heard(settings))

    assert failed(traffic) == {"P03", "P04"}


def test_compressed_batches_are_heard(settings: Settings) -> None:
    records, _ = asyncio.run(heard(settings, **GOOD, **{"compression.type": "zstd"}))

    assert len(records) == CALLS


def test_a_batch_that_unpacks_to_more_than_a_worker_reads_is_left_out(settings: Settings) -> None:
    """60 MiB in some kilobytes; what comes behind it in every partition is heard."""

    async def listen() -> tuple[int, int]:
        found = 0
        async with Listener(settings, CALL_EVENTS) as listener:
            for partition in range(listener.partitions):
                produce(settings.kafka_bootstrap_servers, [b"\0" * (60 * MIB)], partition=partition, codec="zstd")
            await asyncio.to_thread(publish, settings, **GOOD)
            async for records in listener.listen(HANG_S):
                found += len(records)
                if found == CALLS:
                    break
        return found, listener.left_out

    assert asyncio.run(listen()) == (CALLS, 12)


def test_a_topic_that_is_missing_is_one_line(settings: Settings) -> None:
    async def listen() -> None:
        async with Listener(settings, "no-such-topic"):
            pass

    with pytest.raises(TopicMissing, match="robocall topics create"):
        asyncio.run(listen())
