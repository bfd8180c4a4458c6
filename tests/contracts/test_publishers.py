"""What screening may expect of whoever publishes: the real publisher on a real broker, and the one of the tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from streams.kafka.client import client_settings
from streams.kafka.publisher import Delivery, Publisher
from streams.kafka.topics import CALL_DECISIONS, DEAD_LETTERS
from streams.settings import load_settings
from streams.worker.assembly import PUBLISHED
from streams.worker.screen_calls import Publishes
from tests.streams.worker.fakes import Topics


@dataclass
class Case:
    """A publisher, and a way to wait until what it took is safe."""

    port: Publishes
    make_safe: Callable[[], Awaitable[object]]


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Case]:
    topics = Topics()

    async def make_safe() -> None:
        topics.make_safe()

    yield Case(topics, make_safe)


@asynccontextmanager
async def on_a_broker(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    servers: str = request.getfixturevalue("kafka_bootstrap")
    failures: list[Exception] = []
    publisher = Publisher(client_settings(load_settings(kafka_bootstrap_servers=servers)), PUBLISHED, failures.append)
    await publisher.start()

    async def make_safe() -> None:
        async with asyncio.timeout(60):
            await publisher._watch.idle.wait()

    try:
        yield Case(publisher, make_safe)
        assert failures == []
    finally:
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


@of_every_publisher
def test_a_delivery_is_done_once_when_all_is_safe_and_it_is_sealed(play: Play) -> None:
    """Over several topics; taking records waits for nothing, so nothing is safe when `publish` returns."""

    async def story(case: Case) -> None:
        done: list[int] = []
        delivery = Delivery(lambda: done.append(1))
        case.port.publish(CALL_DECISIONS, [(b"key", b"1"), (b"key", b"2")], delivery)
        case.port.publish(DEAD_LETTERS, [(b"key", None)], delivery)
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

    play(story)
