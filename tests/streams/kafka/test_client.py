"""A client that goes on after an error inside of it, and with a connection that was lost this instant."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.protocol.metadata import MetadataRequest

from streams.errors import KafkaUnreachable
from streams.kafka.client import _existing_topics, await_groups, keep_metadata_coming
from streams.settings import load_settings
from tests.waiting import HANG_S


async def _ask_twice(bootstrap: str) -> list[str]:
    asked: list[str] = []

    def listen(cluster: Any) -> None:
        asked.append("broken" if not asked else "well")
        if asked == ["broken"]:
            raise KeyError(cluster)

    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    keep_metadata_coming(client)
    await client.bootstrap()
    client.cluster.add_listener(listen)
    try:
        await asyncio.wait_for(client.force_metadata_update(), HANG_S)
        await asyncio.wait_for(client.force_metadata_update(), HANG_S)
    finally:
        await client.close()
    return asked


@pytest.mark.kafka
def test_metadata_comes_again_after_an_error_while_it_was_taken_in(kafka_bootstrap: str) -> None:
    """The task that asks ended in silence, and whoever waited for news waited for ever."""
    assert asyncio.run(_ask_twice(kafka_bootstrap)) == ["broken", "well", "well"]


async def _write_to_what_was_lost(bootstrap: str) -> bool:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        (broker,) = client.cluster.brokers()
        connection = await client._get_conn(broker.nodeId)
        connection._read_task.cancel()  # what notices the loss, an instant too late
        connection._writer.transport.abort()
        await connection._writer.wait_closed()
        with pytest.raises(KafkaConnectionError, match="connection lost"):
            connection.send(MetadataRequest([]))
        return bool(await asyncio.wait_for(client.force_metadata_update(), 10))
    finally:
        await client.close()


@pytest.mark.kafka
def test_a_connection_that_was_lost_this_instant_is_an_error_that_clients_expect(kafka_bootstrap: str) -> None:
    """A `RuntimeError` of uvloop ended tasks of aiokafka; the next request has a connection again."""
    assert uvloop.run(_write_to_what_was_lost(kafka_bootstrap))


@pytest.mark.kafka
def test_groups_that_the_broker_can_keep_are_not_waited_for(kafka_bootstrap: str) -> None:
    """Known or not: a group that nobody has heard of is as good as any."""
    asyncio.run(await_groups(load_settings(kafka_bootstrap_servers=kafka_bootstrap), ["nobody-s-group", "another"]))


def test_groups_are_not_waited_for_without_a_broker() -> None:
    with pytest.raises(KafkaUnreachable):
        asyncio.run(await_groups(load_settings(kafka_bootstrap_servers="127.0.0.1:1"), ["any"]))


def test_a_broker_that_is_away_is_not_asked_twice_for_topics() -> None:
    """Of three brokers one may be away: the client may ask that one first, and says that it is not ready."""
    found = {"topic": "call-events", "partitions": [{"partition": 0}, {"partition": 1}]}
    answers: Iterator[Exception | list[Any]] = iter([NodeNotReadyError("node 3"), [found]])

    class Admin:
        async def describe_topics(self) -> list[Any]:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert asyncio.run(_existing_topics(cast("Any", Admin()))) == {"call-events": 2}
