"""The line on a real broker: from now on, kept as asked, published whole."""

import asyncio

import pytest

from streams.conformance.line import Got, Line
from streams.errors import KafkaUnreachable, TopicMissing
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_DECISIONS
from streams.settings import Settings, load_settings
from tests.waiting import HANG_S

pytestmark = pytest.mark.kafka


def is_kept(got: Got) -> bool:
    return got.value != b"not ours"


def test_what_comes_from_now_on_is_kept_where_it_is_wanted(settings: Settings) -> None:
    async def talk() -> list[Got]:
        async with Line(settings, CALL_DECISIONS, keep=is_kept) as before:
            await before.publish(CALL_DECISIONS, "k", b"before")
        async with Line(settings, CALL_DECISIONS, keep=is_kept) as line:
            for value in (b"not ours", b"first", b"second"):
                await line.publish(CALL_DECISIONS, "k", value)
            assert await line.until(lambda: len(line.got) == 2, HANG_S)
            assert not await line.until(lambda: False, 0)
            return line.got

    got = asyncio.run(talk())

    assert [one.value for one in got] == [b"first", b"second"]
    assert {one.partition for one in got} == set(partitions_of([b"k"], 12))


def test_a_topic_that_is_missing_is_one_line(settings: Settings) -> None:
    async def talk() -> None:
        async with Line(settings, "no-such-topic", keep=is_kept):
            pass

    with pytest.raises(TopicMissing, match="robocall topics create"):
        asyncio.run(talk())


def test_no_broker_is_one_line() -> None:
    async def talk() -> None:
        async with Line(load_settings(kafka_bootstrap_servers="127.0.0.1:1"), CALL_DECISIONS, keep=is_kept):
            pass

    with pytest.raises(KafkaUnreachable, match="no Kafka broker answers"):
        asyncio.run(talk())
