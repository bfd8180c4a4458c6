"""The topic says the latest of each campaign, and no more of one that went."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from detector.campaigns.grouping import Campaigns
from detector.contract.events import Verdict
from streams.campaigns.records import encoded, record_of
from streams.campaigns.topic import campaigns_now
from streams.campaigns.verdicts import verdict_on
from streams.kafka.topics import CAMPAIGNS
from streams.settings import load_settings
from tests.detector.campaigns.calls_of import suspect
from tests.waiting import HANG_S

pytestmark = pytest.mark.kafka


def test_the_latest_record_of_each_campaign_counts(
    kafka_bootstrap: str, fresh_topics: Callable[[int], list[str]]
) -> None:
    fresh_topics(2)
    grouping, producer = Campaigns(), Producer({"bootstrap.servers": kafka_bootstrap})
    for n in range(8):
        name = grouping.add(suspect(n))
        if name:
            producer.produce(CAMPAIGNS, encoded(record_of(grouping.by_id[name], {})), key=name)
    producer.produce(CAMPAIGNS, encoded(record_of(grouping.by_id[name], {})), key="gone")
    producer.produce(CAMPAIGNS, None, key="gone")
    for verdict in (Verdict.ROBOCALL, Verdict.LEGITIMATE):
        key, value = verdict_on(record_of(grouping.by_id[name], {}), verdict, who="M. Lee", why="a school")
        producer.produce(CAMPAIGNS, value, key=key)
    producer.produce(CAMPAIGNS, b"of a build that is to come", key="odd")
    assert producer.flush(HANG_S) == 0

    found = campaigns_now(load_settings(kafka_bootstrap_servers=kafka_bootstrap))

    assert {one: record.calls for one, record in found.records.items()} == {name: 8}
    assert {one: (said.verdict, said.who, said.why) for one, said in found.verdicts.items()} == {
        name: (Verdict.LEGITIMATE, "M. Lee", "a school")
    }
