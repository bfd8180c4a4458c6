"""What screening may expect of whoever publishes: the real ones on a real broker, and those of the tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from streams.kafka.client import client_settings
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.kafka.publishing.side_topics import SideTopics
from streams.kafka.topics import CALL_DECISIONS, DEAD_LETTERS, SIDE_TOPICS
from streams.settings import load_settings
from streams.worker.reports import Informs
from streams.worker.screen_calls import Publishes
from tests.streams.worker.fakes import Side, Topics


@dataclass
class Case:
    """A publisher, what takes records that only inform, and a way to wait until decisions are safe."""

    port: Publishes
    side: Informs
    make_safe: Callable[[], Awaitable[object]]


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Case]:
    topics = Topics()

    async def make_safe() -> None:
        topics.make_safe()

    yield Case(topics, Side(), make_safe)


@asynccontextmanager
async def on_a_broker(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    servers: str = request.getfixturevalue("kafka_bootstrap")
    failures: list[Exception] = []
    settings = load_settings(kafka_bootstrap_servers=servers)
    publisher = Publisher(client_settings(settings), [CALL_DECISIONS], failures.append)
    side = SideTopics(settings, SIDE_TOPICS, lambda *lost: pytest.fail(str(lost)))
    await publisher.start()
    await side.start()

    async def make_safe() -> None:
        async with asyncio.timeout(60):
            await publisher._watch.idle.wait()

    try:
        yield Case(publisher, side, make_safe)
        assert failures == []
    finally:
        await side.stop()
        await publisher.stop()


Open = Callable[[pytest.FixtureRequest], Any]
PUBLISHERS = [
    pytest.param(in_memory, id="in_memory"),
    pytest.param(on_a_broker, id="on_a_broker", marks=pytest.mark.kafka),
]


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Callable[[Callable[[Case], Awaitable[None]]], None]:
    """A function that runs a story with each publisher."""
    opened: Open = request.param
    if opened is on_a_broker:
        request.getfixturevalue("fresh_topics")(2)

    def run(story: Callable[[Case], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with opened(request) as case:
                await story(case)

        asyncio.run(whole())

    return run


Play = Callable[[Callable[[Case], Awaitable[None]]], None]
of_every_publisher = pytest.mark.parametrize("play", PUBLISHERS, indirect=True)


def test_a_delivery_is_set_aside_once_when_all_that_is_left_is_and_done_later() -> None:
    """Not while others of its records may arrive soon, nor before it is sealed."""
    told: list[str] = []
    delivery = Delivery(lambda: told.append("done"), lambda: told.append("aside"))
    delivery.expect(5)
    delivery.set_aside(1)
    delivery.set_aside(1)
    delivery.arrived(2)
    delivery.seal()
    assert told == []
    delivery.arrived(1)
    assert told == ["aside"]
    delivery.arrived(1)
    delivery.arrived(1)
    assert told == ["aside", "done"]


@of_every_publisher
def test_a_delivery_is_done_once_when_all_is_safe_and_it_is_sealed(play: Play) -> None:
    """Taking records waits for nothing, so nothing is safe when `publish` returns."""

    async def story(case: Case) -> None:
        done: list[int] = []
        delivery = Delivery(lambda: done.append(1))
        case.port.publish(CALL_DECISIONS, [(b"key", b"1"), (b"key", b"2")], delivery)
        case.port.publish(CALL_DECISIONS, [(b"other key", None)], delivery)
        await case.make_safe()
        assert done == []
        delivery.seal()
        assert done == [1]

    play(story)


@of_every_publisher
def test_a_delivery_that_is_sealed_first_waits_for_its_records(play: Play) -> None:
    async def story(case: Case) -> None:
        done: list[int] = []
        delivery = Delivery(lambda: done.append(1))
        case.port.publish(CALL_DECISIONS, [(b"key", b"1")], delivery)
        delivery.seal()
        assert done == []
        await case.make_safe()
        assert done == [1]

    play(story)


@of_every_publisher
def test_nothing_to_publish_is_nothing_to_wait_for(play: Play) -> None:
    async def story(case: Case) -> None:
        done: list[int] = []
        delivery = Delivery(lambda: done.append(1))
        case.port.publish(CALL_DECISIONS, [], delivery)
        delivery.seal()
        await case.make_safe()
        assert done == [1]

    play(story)


@of_every_publisher
def test_a_topic_that_it_was_not_made_for_is_refused(play: Play) -> None:
    """A misspelt name must not pass in a test and fail in a worker."""

    async def story(case: Case) -> None:
        with pytest.raises(KeyError):
            case.port.publish("nowhere", [(b"key", b"1")], Delivery(lambda: None))
        with pytest.raises(KeyError):
            case.side.offer("nowhere", [(b"key", b"1")])
        case.side.offer(DEAD_LETTERS, [(b"key", b"1")])

    play(story)
