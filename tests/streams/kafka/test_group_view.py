"""How far a group is behind, by partition, on a real broker; what its members say of themselves is not written out."""

import asyncio
import logging
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from streams.kafka.group_view import GroupLag, group_lag
from streams.kafka.topics import CALL_EVENTS, admin_client
from streams.settings import Settings, load_settings
from tests.conftest import FreshTopics
from tests.integration.console.console_stack import publish

GROUP = "lagging"


class LikeFaust(RoundRobinPartitionAssignor):  # type: ignore[misc]
    """Says that its metadata are of a version whose further fields it leaves out, as Faust's assignor does."""

    name = "like-faust"
    version = 4

    @classmethod
    def metadata(cls, topics: Any) -> Any:
        return ConsumerProtocolMemberMetadata(cls.version, list(topics), b'{"url": "http://worker-of-ours"}')


def asked(settings: Settings) -> GroupLag:
    with admin_client(settings) as admin:
        return group_lag(admin, GROUP, CALL_EVENTS, 2)


@pytest.mark.kafka
def test_members_and_records_by_partition(
    kafka_bootstrap: str, fresh_topics: FreshTopics, caplog: pytest.LogCaptureFixture
) -> None:
    """A group that nobody has had yet is behind by everything; what it commits counts."""
    fresh_topics(2)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap)
    publish(kafka_bootstrap, *[b"{}"] * 3, topic=CALL_EVENTS, key=b"one")
    before = asked(settings)
    assert (before.members, before.records, sorted(before.behind.values())) == (0, 3, [0, 3])

    async def read() -> GroupLag:
        consumer = AIOKafkaConsumer(
            CALL_EVENTS,
            bootstrap_servers=kafka_bootstrap,
            group_id=GROUP,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            partition_assignment_strategy=(LikeFaust,),
        )
        await consumer.start()
        try:
            await consumer.getone()
            await consumer.commit()
            return await asyncio.to_thread(asked, settings)
        finally:
            await consumer.stop()

    during = asyncio.run(read())

    assert (during.members, during.records, sorted(during.behind)) == (1, 2, [0, 1])
    assert [one for one in caplog.records if one.name.startswith("kafka.") and one.levelno >= logging.WARNING] == []
