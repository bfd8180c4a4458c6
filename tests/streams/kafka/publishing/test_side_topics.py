"""What only informs, on a real broker: it gets there, or it is dropped and counted, and nobody waits for it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog.testing
from kafka import KafkaAdminClient

from streams.kafka import topics
from streams.kafka.publishing import side_topics
from streams.kafka.publishing.side_topics import FULL, SideTopics
from streams.kafka.topics import DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS, SIDE_TOPICS
from streams.settings import load_settings
from tests.broker_process import broker_process
from tests.topic_configs import configure
from tests.topic_reader import values
from tests.waiting import until

pytestmark = pytest.mark.kafka

MAX_WAITING_BYTES = 16 * 1024 * 1024
Story = Callable[[SideTopics, Counter[tuple[str, str]]], Awaitable[None]]
FreshTopics = Callable[..., list[str]]


def play(bootstrap: str, story: Story) -> Counter[tuple[str, str]]:
    """Run a story with the side topics of a worker; returns what was dropped, by topic and reason."""
    dropped: Counter[tuple[str, str]] = Counter()

    def count(topic: str, reason: str, records: int) -> None:
        dropped[topic, reason] += records

    async def whole() -> None:
        settings = load_settings(kafka_bootstrap_servers=bootstrap, side_waiting_bytes=MAX_WAITING_BYTES)
        side = SideTopics(settings, SIDE_TOPICS, count)
        await side.start()
        try:
            await story(side, dropped)
        finally:
            await side.stop()

    asyncio.run(whole())
    return dropped


def test_what_was_offered_is_at_the_broker_once_it_is_settled(kafka_bootstrap: str, fresh_topics: FreshTopics) -> None:
    """In order for a key, null values too: what a commit waits for. With nothing offered nothing is awaited."""
    fresh_topics(2)
    found: list[list[bytes | None]] = []

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        del dropped
        await side.settled()
        for number in range(300):
            side.offer(SCORED_CALLS, [(b"key", b"%d" % number)])
        side.offer(ENTITY_DECISIONS, [(b"number:1", b"block"), (b"number:1", None)])
        await until(lambda: not any(side.waiting_bytes().values()))
        await side.settled()
        found.extend((values(kafka_bootstrap, SCORED_CALLS, 300), values(kafka_bootstrap, ENTITY_DECISIONS, 2)))
        side.offer(DEAD_LETTERS, [(b"key", b"at the end")])

    assert play(kafka_bootstrap, story) == {}
    assert found == [[b"%d" % number for number in range(300)], [b"block", None]]
    assert values(kafka_bootstrap, DEAD_LETTERS, 1) == [b"at the end"]


def test_a_record_that_its_topic_refuses_costs_itself_only(
    kafka_bootstrap: str, kafka_admin: KafkaAdminClient, fresh_topics: FreshTopics
) -> None:
    """Its neighbours in the batch arrive; the log says it once, and not what was in it."""
    fresh_topics(1)
    configure(kafka_admin, DEAD_LETTERS, max_message_bytes="5000")

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        for size in (10, 20_000, 11, 30_000, 12):
            side.offer(DEAD_LETTERS, [(b"+12025550123", b"x" * size)])
        await until(lambda: sum(dropped.values()) == 2 and not side.waiting_bytes()[DEAD_LETTERS])

    with structlog.testing.capture_logs() as lines:
        dropped = play(kafka_bootstrap, story)

    assert dropped == {(DEAD_LETTERS, "MessageSizeTooLargeError"): 2}
    assert [len(value or b"") for value in values(kafka_bootstrap, DEAD_LETTERS, 3)] == [10, 11, 12]
    told = [line for line in lines if line["event"] == "records are dropped, calls go on"]
    assert [(line["topic"], line["reason"], line["records"]) for line in told] == [
        (DEAD_LETTERS, "MessageSizeTooLargeError", 1)
    ]
    assert "2025550123" not in str(lines)


def test_while_its_broker_is_away_a_topic_fills_to_a_bound_and_holds_no_commit(tmp_path: Path) -> None:
    """What is too much is dropped under the name of the trouble; what waits leaves when it can, in order."""
    large = b"x" * 300_000
    fitting = (MAX_WAITING_BYTES - len(b"kfirst")) // len(b"k" + large)
    troubles: list[str | None] = []

    with broker_process(tmp_path / "kafka") as broker:
        with topics.admin_client(load_settings(kafka_bootstrap_servers=broker.bootstrap)) as admin:
            topics.create(admin, partitions=1)

        async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
            broker.kill()
            side.offer(SCORED_CALLS, [(b"k", b"first")])
            await side.settled()
            assert side.waiting_bytes()[SCORED_CALLS] == len(b"kfirst")
            await until(side._ways[SCORED_CALLS]._publisher.trouble)
            troubles.append(side._ways[SCORED_CALLS]._publisher.trouble())
            side.offer(SCORED_CALLS, [(b"k", large)] * (fitting + 7))
            assert side.waiting_bytes()[SCORED_CALLS] <= MAX_WAITING_BYTES
            assert sum(dropped.values()) == 7
            broker.start(wait=False)
            await until(lambda: not side.waiting_bytes()[SCORED_CALLS])

        dropped = play(broker.bootstrap, story)

        assert dropped == {(SCORED_CALLS, troubles[0]): 7}
        assert values(broker.bootstrap, SCORED_CALLS, fitting + 1) == [b"first", *[large] * fitting]


def test_what_is_too_much_at_once_is_dropped_while_the_broker_is_well(
    kafka_bootstrap: str, fresh_topics: FreshTopics
) -> None:
    """A flood of dead letters costs a bounded amount of memory."""
    fresh_topics(1)

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        side.offer(DEAD_LETTERS, [(b"k", b"x" * 500_000)] * 40)
        assert dropped == {(DEAD_LETTERS, FULL): 40 - MAX_WAITING_BYTES // 500_001}

    play(kafka_bootstrap, story)


def test_a_missing_topic_is_used_once_it_is_there(
    kafka_bootstrap: str,
    kafka_admin: KafkaAdminClient,
    fresh_topics: FreshTopics,
    delete_topic: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looking for it does not create it; what comes before is dropped and counted, and so it is when it goes again."""
    fresh_topics(2)
    delete_topic(SCORED_CALLS)
    monkeypatch.setattr(side_topics, "LOOK_AGAIN_S", 0.05)

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        side.offer(SCORED_CALLS, [(b"k", b"too early")])
        assert dropped == {(SCORED_CALLS, "TopicMissing"): 1}
        assert SCORED_CALLS not in topics.existing(kafka_admin)
        await asyncio.to_thread(topics.create, kafka_admin, partitions=2)
        await until(lambda: side._ways[SCORED_CALLS]._closed is None)
        side.offer(SCORED_CALLS, [(b"k", b"in time")])
        await until(lambda: not side.waiting_bytes()[SCORED_CALLS])
        assert values(kafka_bootstrap, SCORED_CALLS, 1) == [b"in time"]
        await asyncio.to_thread(delete_topic, SCORED_CALLS)
        side.offer(SCORED_CALLS, [(b"k", b"too late")])
        await until(lambda: dropped[SCORED_CALLS, "UnknownTopicOrPartitionError"] == 1)

    play(kafka_bootstrap, story)


def test_a_start_without_a_broker_is_no_failure() -> None:
    """Decisions have their own opinion about that."""

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        side.offer(SCORED_CALLS, [(b"k", b"v")])
        await side.settled()
        assert dropped == {(SCORED_CALLS, "KafkaUnreachable"): 1}

    play("127.0.0.1:1", story)


def test_a_topic_that_it_was_not_made_for_is_refused() -> None:
    """A misspelt name must not pass in a test and fail in a worker."""

    async def story(side: SideTopics, dropped: Counter[tuple[str, str]]) -> None:
        del dropped
        with pytest.raises(KeyError):
            side.offer("nowhere", [(b"k", b"v")])

    play("127.0.0.1:1", story)
