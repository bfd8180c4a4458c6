"""What the group hears when several tasks commit at once. The group is a list; tries again are the client's own."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams.kafka.faust_app import make_faust_app
from streams.kafka.locating import Place
from streams.settings import load_settings

CALLS = TP("calls", 0)


class Group:
    """Takes what is committed, each try when it is let: aiokafka sleeps between tries, and other commits pass."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.waiting: list[asyncio.Event] = []
        self._coordinator = SimpleNamespace(generation=1)

    def assignment(self) -> set[TP]:
        return {CALLS}

    def partitions_for_topic(self, topic: str) -> set[int]:
        del topic
        return {0}

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        may_go = asyncio.Event()
        self.waiting.append(may_go)
        await may_go.wait()
        self.taken += [one.offset for one in offsets.values()]


@pytest.fixture
def consumer() -> Iterator[Any]:
    """A consumer of an application that is never started; only the client beneath it is replaced."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app, _ = make_faust_app(load_settings(web_port=0), poll_topic="calls")
    app.consumer_generation_id = 1
    found: Any = app.consumer
    found._thread._consumer = Group()
    found._thread.seek = lambda *_: None
    yield found
    loop.close()
    asyncio.set_event_loop(None)


async def settle(group: Group, *commits: Any) -> list[bool]:
    """Let the tries go, the latest one first, until all commits are through."""
    tasks = [asyncio.ensure_future(commit) for commit in commits]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        if group.waiting:
            group.waiting.pop().set()
    return [task.result() for task in tasks]


def test_a_commit_that_is_tried_again_does_not_undo_a_later_one(consumer: Any) -> None:
    group, thread = consumer._thread._consumer, consumer._thread

    assert consumer.loop.run_until_complete(settle(group, thread.commit({CALLS: 5}), thread.commit({CALLS: 9})))

    assert group.taken == sorted(group.taken)
    assert group.taken[-1] == 9


def test_asking_after_a_standstill_does_not_undo_a_commit_that_is_on_its_way(consumer: Any) -> None:
    """It says what the group is known to have taken, which that commit may already have raised."""
    group, thread = consumer._thread._consumer, consumer._thread
    consumer._settle(CALLS, Place(4), True)
    consumer._awake_s -= consumer.app.conf.broker_session_timeout

    async def story() -> None:
        on_its_way = asyncio.ensure_future(thread.commit({CALLS: 9}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await settle(group, consumer._is_still_ours(), on_its_way)

    consumer.loop.run_until_complete(story())

    assert group.taken[-1] == 9
    assert group.taken == sorted(group.taken)


def test_what_a_cut_log_has_is_committed(consumer: Any) -> None:
    group, thread = consumer._thread._consumer, consumer._thread
    consumer.loop.run_until_complete(settle(group, thread.commit({CALLS: 9})))
    thread.read_from(CALLS, 4)

    consumer.loop.run_until_complete(settle(group, thread.commit({CALLS: 5})))

    assert group.taken == [9, 5]
