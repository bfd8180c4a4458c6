"""What the topic `campaigns` says now: the latest record of each id."""

import asyncio
import sys

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.campaigns.records import CampaignRecord, decoded
from streams.errors import ClusterRefused
from streams.kafka.client import require_topics, why_unreachable
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CAMPAIGNS
from streams.settings import Settings


async def read_campaigns(settings: Settings) -> dict[str, CampaignRecord]:
    """Read the topic from its beginning to its end, which takes some tenths of a second a partition.

    Args:
        settings: How the brokers are spoken to.

    Returns:
        Records by id, those of merged campaigns too; what nobody can read is left out.

    Raises:
        KafkaUnreachable: no broker answers.
        TopicMissing: there is no such topic.
        ClusterRefused: this user may not read it.
    """
    partitions = (await require_topics(settings, [CAMPAIGNS]))[CAMPAIGNS]
    found: dict[str, CampaignRecord] = {}
    try:
        async with LogReader(settings, CAMPAIGNS, lambda *_: None) as reader:
            for partition in range(partitions):
                async for rows in reader.read(partition, 0, sys.maxsize):
                    for key, value in zip(rows.keys(), rows.values(), strict=True):
                        _take(found, key, value)
    except KafkaConnectionError as error:
        raise await why_unreachable(settings) from error
    except KafkaError as error:
        raise ClusterRefused("to read campaigns", f"Read on {CAMPAIGNS}", error) from error
    return found


def campaigns_now(settings: Settings) -> dict[str, CampaignRecord]:
    """Do the same for a command; it blocks."""
    return asyncio.run(read_campaigns(settings))


def _take(found: dict[str, CampaignRecord], key: bytes | None, value: bytes | None) -> None:
    name = (key or b"").decode(errors="replace")
    record = None if value is None else decoded(value)
    if record is None:
        found.pop(name, None)
    else:
        found[name] = record
