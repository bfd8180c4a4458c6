"""The broker goes away and comes back: nothing is lost, nothing stale is published, the worker goes on by itself."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka import topics
from streams.kafka.client import client_settings
from streams.kafka.partitioner import partitions_of
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.kafka.publishing.records import Perishable, Record
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS
from streams.settings import load_settings
from tests.broker_process import BrokerProcess, broker_process
from tests.integration.events_case import produce, setups
from tests.models.small_model import save_small_model
from tests.processes import workers
from tests.waiting import HANG_S, until, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 4
KEY = b"switch-1"
KEYS = [key for key in (b"key-%d" % n for n in range(64)) if partitions_of([key], PARTITIONS) == [0]]
"""Of one partition. The topic is compacted: of values with one key the broker may keep the latest alone."""
GROUP = "outage"
AWAY_S = 7.0


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker of this file's own, with the topics of the contract."""
    with broker_process(tmp_path_factory.mktemp("broker") / "kafka") as running:
        with topics.admin_client(load_settings(kafka_bootstrap_servers=running.bootstrap)) as admin:
            topics.create(admin, partitions=PARTITIONS)
        yield running


@pytest.fixture
def broker(own_broker: BrokerProcess) -> BrokerProcess:
    """That broker, running."""
    if not own_broker.is_running:
        own_broker.start()
    return own_broker


def read(bootstrap: str, topic: str, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    """Values of a topic from its beginning until there are enough of them and no more come."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[bytes] = []
    deadline = time.monotonic() + HANG_S
    while time.monotonic() < deadline:
        messages = consumer.consume(5_000, 0.5)
        values = [message.value() for message in messages if message.error() is None]
        found += [value for value in values if value is not None]
        if not values and enough(found):
            break
    consumer.close()
    return found


class Publishing:
    """A publisher and the deliveries given to it."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.failures: list[Exception] = []
        self.done: list[int] = []
        settings = client_settings(load_settings(kafka_bootstrap_servers=bootstrap))
        self._topic = topic
        self.publisher = Publisher(settings, [topic], self.failures.append)

    def give(self, number: int, *records: Record | Perishable) -> None:
        """Publish a delivery that is called by its number."""
        delivery = Delivery(lambda: self.done.append(number))
        self.publisher.publish(self._topic, records, delivery)
        delivery.seal()


def block(number: int, *, good_for_s: float) -> Perishable:
    expires_ms = round((time.time() + good_for_s) * 1_000)
    return Perishable(KEY, b"block %d" % number, expires_ms, lambda: b"late %d" % number)


async def _ride_out(publishing: Publishing, go: Callable[[], None], come_back: Callable[[], None]) -> None:
    publisher = publishing.publisher
    await publisher.start()
    publishing.give(0, (KEY, b"allow 0"))
    await until(lambda: publishing.done == [0])
    assert publisher.outage_s() == 0.0

    go()
    publishing.give(1, block(1, good_for_s=2), (KEY, b"allow 2"), block(3, good_for_s=3_600))
    await until(lambda: publisher.outage_s() > 0.0)
    publishing.give(2, (KEY, b"allow 4"), (KEY, None))
    await until(lambda: publisher.outage_s() > 2.5)
    assert publishing.done == [0]
    assert publisher.waiting() == 5

    come_back()
    await until(lambda: publishing.done == [0, 1, 2])
    assert publisher.waiting() == 0
    assert publisher.outage_s() == 0.0
    await publisher.stop()


def test_a_broker_that_was_killed_finds_everything_in_order_and_nothing_stale(broker: BrokerProcess) -> None:
    """What got old meanwhile is published in its late form alone; nothing twice, nothing missing."""
    publishing = Publishing(broker.bootstrap, DEAD_LETTERS)

    asyncio.run(_ride_out(publishing, broker.kill, lambda: broker.start(wait=False)))

    assert publishing.failures == []
    found = read(broker.bootstrap, DEAD_LETTERS, lambda values: b"allow 4" in values)
    assert found == [b"allow 0", b"late 1", b"allow 2", b"block 3", b"allow 4"]


async def _freeze_and_go_on(publishing: Publishing, broker: BrokerProcess) -> None:
    publisher = publishing.publisher
    await publisher.start()
    await until(lambda: publisher._identities.current.producer_id >= 0)
    publishing.give(0, (KEYS[0], b"0"))
    await until(lambda: publishing.done == [0])
    for number in range(1, 4):
        broker.pause()
        publishing.give(number, (KEYS[number], b"%d" % number))
        await until(lambda: publisher.outage_s() > 0.0)
        broker.resume()
        await until(lambda number=number: publishing.done[-1] == number)  # type: ignore[misc]
    await publisher.stop()


def test_what_a_frozen_broker_had_received_is_stored_once(broker: BrokerProcess) -> None:
    """It lies in its socket and is stored when it goes on; our repeat comes behind it, under the same number."""
    publishing = Publishing(broker.bootstrap, ENTITY_DECISIONS)

    asyncio.run(_freeze_and_go_on(publishing, broker))

    assert publishing.failures == []
    assert read(broker.bootstrap, ENTITY_DECISIONS, lambda values: b"3" in values) == [b"0", b"1", b"2", b"3"]


def test_a_frozen_broker_may_take_what_it_had_received_but_the_late_form_comes_last(broker: BrokerProcess) -> None:
    """The request lies in its socket: when it goes on it may store that, and then our repeat."""
    publishing = Publishing(broker.bootstrap, SCORED_CALLS)

    asyncio.run(_ride_out(publishing, broker.pause, broker.resume))

    assert publishing.failures == []
    found = read(broker.bootstrap, SCORED_CALLS, lambda values: b"allow 4" in values)
    assert found[0] == b"allow 0"
    assert found[-4:] == [b"late 1", b"allow 2", b"block 3", b"allow 4"]
    assert set(found) <= {b"allow 0", b"block 1", b"late 1", b"allow 2", b"block 3", b"allow 4"}


async def _stop_without_broker(publishing: Publishing, broker: BrokerProcess) -> None:
    await publishing.publisher.start()
    broker.kill()
    publishing.give(1, (KEY, b"allow 1"))
    await asyncio.wait_for(publishing.publisher.stop(), HANG_S)


def test_stopping_without_a_broker_acknowledges_nothing_and_is_no_failure(broker: BrokerProcess) -> None:
    """It gives up by itself."""
    publishing = Publishing(broker.bootstrap, DEAD_LETTERS)

    asyncio.run(_stop_without_broker(publishing, broker))

    assert publishing.done == []
    assert publishing.failures == []
    assert publishing.publisher.waiting() == 1


def call_ids(values: list[bytes]) -> list[str]:
    return [json.loads(value)["call_id"] for value in values]


def committed(bootstrap: str) -> list[TopicPartition]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP})
    try:
        return consumer.committed([TopicPartition(CALL_EVENTS, partition) for partition in range(4)], timeout=10)
    finally:
        consumer.close()


def committed_events(bootstrap: str) -> int:
    try:
        return sum(max(0, partition.offset) for partition in committed(bootstrap))
    except KafkaException:  # a broker that has just come back does not know its groups yet
        return -1


def read_committed(bootstrap: str) -> list[bytes]:
    """Every event that the group will not be given again."""
    ends = {partition.partition: partition.offset for partition in committed(bootstrap)}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"reader-{time.time_ns()}"})
    consumer.assign([TopicPartition(CALL_EVENTS, partition, OFFSET_BEGINNING) for partition in ends])
    found: list[bytes] = []
    while len(found) < sum(max(0, end) for end in ends.values()):
        messages = consumer.consume(5_000, 5.0)
        assert messages, "the topic is shorter than what was committed"
        for message in messages:
            value, offset = message.value(), message.offset()
            if value is not None and offset is not None and offset < ends[message.partition() or 0]:
                found.append(value)
    consumer.close()
    return found


def test_a_worker_goes_on_by_itself_and_ends_when_told_with_the_broker_away(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    """The broker killed under load for a while, then killed for good with SIGTERM after it."""
    lines = [
        line.encode()
        for traffic in generate(TrafficSpec(seed=5, hours=0.5, calls_per_second=10.0))
        for line in traffic.json_lines()
    ]
    first, second = lines[:6_000], lines[6_000:12_000]
    environment = {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "ROBOCALL_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROBOCALL_MODEL_DIR": str(save_small_model(tmp_path / "model")),
        "ROBOCALL_CONSUMER_GROUP": GROUP,
        "ROBOCALL_SESSION_TIMEOUT_S": "6",
    }
    with workers(1, environment, tmp_path) as (worker,):
        wait_until(lambda: worker.health().get("partitions", 0) == 4, "ready")
        produce(broker.bootstrap, first)
        broker.kill()
        time.sleep(AWAY_S)  # the length of the outage
        broker.start()
        answered = read(broker.bootstrap, CALL_DECISIONS, lambda values: set(call_ids(values)) >= setups(first))
        wait_until(lambda: committed_events(broker.bootstrap) == len(first), "everything committed")

        produce(broker.bootstrap, second)
        broker.kill()
        status = worker.stop()

    assert set(call_ids(answered)) == setups(first)
    assert status == 0
    broker.start()
    wait_until(lambda: committed_events(broker.bootstrap) >= 0, "the broker knows the group")
    taken = setups(read_committed(broker.bootstrap))
    decided = read(broker.bootstrap, CALL_DECISIONS, lambda values: taken <= set(call_ids(values)))
    assert taken <= set(call_ids(decided))
