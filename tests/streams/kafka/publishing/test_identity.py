"""How a publisher comes to its number: on a real broker, and where brokers give none."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import structlog.testing

from streams.kafka.client import client_settings
from streams.kafka.publishing.identity import ANONYMOUS, Identities
from streams.kafka.publishing.publisher import Publisher
from streams.kafka.topics import CALL_DECISIONS
from streams.settings import load_settings
from tests.waiting import until


class Broker:
    """Answers with an error code, or gives an identity."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def get_random_node(self) -> int:
        return 0

    async def send(self, node: int, request: object) -> Any:
        del node, request
        return SimpleNamespace(error_code=self.codes.pop(0), producer_id=5, producer_epoch=0)


@pytest.mark.kafka
def test_a_broker_gives_one_and_another_one_where_it_was_lost(kafka_bootstrap: str, fresh_topics: Any) -> None:
    async def story() -> None:
        publisher = Publisher(client_settings(load_settings(kafka_bootstrap_servers=kafka_bootstrap)), [CALL_DECISIONS],
                              lambda failure: pytest.fail(str(failure)))  # fmt: skip
        await publisher.start()
        identities = publisher._identities
        await until(lambda: identities.current is not ANONYMOUS)  # a broker that has just started has none yet
        first = identities.current
        identities.renew(first)
        assert identities.current is ANONYMOUS
        identities.renew(first)
        await until(lambda: identities.current is not ANONYMOUS)
        assert identities.current.producer_id != first.producer_id
        await publisher.stop()

    fresh_topics(partitions=1)
    asyncio.run(story())


def test_brokers_that_refuse_one_are_asked_once_and_it_is_said() -> None:
    """31 is that the right IdempotentWrite is missing, as brokers before 3.0 want it."""
    identities, broker = Identities(), Broker(31)
    with structlog.testing.capture_logs() as lines:
        asyncio.run(identities.start(broker))

    assert identities.current is ANONYMOUS
    (line,) = lines
    assert "Grant IdempotentWrite" in line["event"]
    assert line["cause"] == "ClusterAuthorizationFailedError"


def test_a_broker_that_cannot_answer_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.publishing.identity.AGAIN_S", 0.0)
    identities, broker = Identities(), Broker(15, 15, 0)

    async def story() -> None:
        await identities.start(broker)
        assert identities.current is ANONYMOUS
        await until(lambda: identities.current is not ANONYMOUS)
        await identities.stop()

    asyncio.run(story())
    assert identities.current == (5, 0)


def test_who_wants_none_asks_nobody() -> None:
    identities = Identities(is_wanted=False)
    asyncio.run(identities.start(Broker()))

    assert identities.current is ANONYMOUS
