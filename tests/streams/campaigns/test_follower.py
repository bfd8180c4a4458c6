"""A worker's names are those of the topic, and come as campaigns come."""

import asyncio
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from detector.campaigns.grouping import Campaigns
from detector.campaigns.names import CampaignNames
from detector.contract.events import Verdict
from detector.testing import call_setup
from streams.campaigns.follower import follow_names, take_records
from streams.campaigns.records import decoded, encoded, record_of
from streams.campaigns.verdicts import verdict_on
from streams.kafka.topics import CAMPAIGNS
from streams.settings import load_settings
from tests.detector.campaigns.calls_of import suspect
from tests.waiting import HANG_S


def _records(trunk: str) -> list[tuple[str, bytes]]:
    grouping = Campaigns()
    for n in range(8):
        grouping.add(suspect(n, trunk_group_id=trunk))
    return [(name, encoded(record_of(one, {}))) for name, one in grouping.by_id.items()]


def test_records_of_a_file_are_taken_and_others_left_out() -> None:
    names = CampaignNames()
    [(name, value)] = _records("t-1")
    assert take_records(names, [b"junk", value, b"{}"]) == 1
    assert names.find(call_setup(trunk_group_id="t-1")) == name
    merged = value.replace(b'"merged_into":null', b'"merged_into":"c0"')
    assert take_records(names, [merged]) == 1
    assert names.find(call_setup(trunk_group_id="t-1")) == ""


@pytest.mark.kafka
def test_names_follow_the_topic(kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]]) -> None:
    fresh_topics(2)
    producer, names = Producer({"bootstrap.servers": kafka_bootstrap}), CampaignNames()

    def put(key: str, value: bytes | None) -> None:
        producer.produce(CAMPAIGNS, value, key=key)
        assert producer.flush(HANG_S) == 0

    async def until(trunk: str, name: str) -> None:
        async with asyncio.timeout(HANG_S):
            while names.find(call_setup(trunk_group_id=trunk)) != name:  # noqa: ASYNC110 - the topic wakes nobody
                await asyncio.sleep(0.05)

    async def follow() -> None:
        follower = follow_names(load_settings(kafka_bootstrap_servers=kafka_bootstrap), names)
        task = asyncio.create_task(follower.run())
        [(first, value)], [(second, other)] = _records("t-1"), _records("t-2")
        put(first, value)
        await until("t-1", first)
        put(second, other)
        await until("t-2", second)
        for verdict, named in ((Verdict.LEGITIMATE, ""), (Verdict.ROBOCALL, first)):
            record = decoded(value)
            assert record is not None
            said, what = verdict_on(record, verdict, who="M. Lee", why=None)
            put((said or b"").decode(), what)
            await until("t-1", named)
        put(first, None)
        await until("t-1", "")
        task.cancel()

    asyncio.run(follow())
