"""What the topic `campaigns` says now: the latest record of each id, and what people said of it."""

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.campaigns.records import VERDICT_KEY, CampaignRecord, CampaignVerdict, decoded, verdict_in
from streams.errors import ClusterRefused
from streams.kafka.client import require_topics, why_unreachable
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CAMPAIGNS
from streams.settings import Settings

T = TypeVar("T")


@dataclass(slots=True)
class KnownCampaigns:
    """What was read.

    Attributes:
        records: By id, those of merged campaigns too.
        verdicts: What people said, by id of the campaign.
    """

    records: dict[str, CampaignRecord] = field(default_factory=dict)
    verdicts: dict[str, CampaignVerdict] = field(default_factory=dict)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record of the topic in the place of the one before; what nobody can read counts like a null value."""
        name = (key or b"").decode(errors="replace")
        if name.startswith(VERDICT_KEY):
            _put(self.verdicts, name.removeprefix(VERDICT_KEY), verdict_in(value))
        else:
            _put(self.records, name, None if value is None else decoded(value))


async def read_campaigns(settings: Settings) -> KnownCampaigns:
    """Read the topic from its beginning to its end, all partitions at once.

    Args:
        settings: How the brokers are spoken to.

    Raises:
        KafkaUnreachable: no broker answers.
        TopicMissing: there is no such topic.
        ClusterRefused: this user may not read it.
    """
    partitions = (await require_topics(settings, [CAMPAIGNS]))[CAMPAIGNS]
    found = KnownCampaigns()
    try:
        async with LogReader(settings, CAMPAIGNS, lambda *_: None) as reader:
            async for _, rows in reader.read_all(dict.fromkeys(range(partitions), (0, sys.maxsize))):
                for key, value in zip(rows.keys(), rows.values(), strict=True):
                    found.take(key, value)
    except KafkaConnectionError as error:
        raise await why_unreachable(settings) from error
    except KafkaError as error:
        raise ClusterRefused("to read campaigns", f"Read on {CAMPAIGNS}", error) from error
    return found


def campaigns_now(settings: Settings) -> KnownCampaigns:
    """Do the same for a command; it blocks."""
    return asyncio.run(read_campaigns(settings))


def _put(place: dict[str, T], name: str, value: T | None) -> None:
    if value is None:
        place.pop(name, None)
    else:
        place[name] = value
