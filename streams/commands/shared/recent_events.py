"""The latest call events of each partition, as far as they tell whether whoever publishes them does it right."""

import json
import math
from contextlib import suppress
from typing import Any, NamedTuple

from streams.kafka import placement
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CALL_EVENTS
from streams.settings import Settings

RECENT = 50
MOST_PARTITIONS = 32
FEWEST_SETUPS = 50
"""Of fewer set-ups nothing is said: their calls may not have ended yet."""
FEWEST_ENDS = 0.05
"""Of so many set-ups an end is wanted. Those of blocked and cancelled calls come from the bridge itself."""


class Recent(NamedTuple):
    """A record: its key, partition and value."""

    key: bytes
    partition: int
    value: bytes | None


class RecentEvents(NamedTuple):
    """What was read.

    Attributes:
        records: Those that have a key.
        partitions: How many there are.
    """

    records: list[Recent]
    partitions: int


async def read(settings: Settings) -> RecentEvents:
    """Read `RECENT` records of up to `MOST_PARTITIONS` partitions, which takes some tenths of a second each.

    Raises:
        aiokafka.errors.KafkaError: they cannot be read.
    """
    found: list[Recent] = []
    async with LogReader(settings, CALL_EVENTS, lambda *_: None) as reader:
        partitions = await reader.partitions()
        for partition in looked_at(partitions):
            end = await reader.end(partition)
            async for rows in reader.read(partition, max(0, end - RECENT), end):
                pairs = zip(rows.keys(), rows.values(), strict=True)
                found += (Recent(key, partition, value) for key, value in pairs if key is not None)
    return RecentEvents(found, partitions)


def looked_at(partitions: int) -> range:
    """Which of so many partitions are read: all, or up to `MOST_PARTITIONS` that stand alike far apart."""
    return range(0, partitions, max(1, math.ceil(partitions / MOST_PARTITIONS)))


def misplaced(events: RecentEvents) -> str | None:
    """Hold records against their keys; a sentence that says what to do, None where all fit."""
    placed = [(record.key, record.partition) for record in events.records]
    strays = placement.astray(placed, events.partitions)
    if not strays:
        return None
    share = f"{len(strays)} of {len(placed)} recent call events"
    count = placement.other_count([placed[index] for index in strays], events.partitions)
    if count is not None:
        return (
            f"{share} stand where {count} partitions would put them, there are {events.partitions}: their numbers are "
            "counted anew; that passes as old records expire"
        )
    names = sorted({_writer(events.records[index].value) for index in strays})
    return (
        f"{share} are not in the partition of their key, so the calls of a number may be counted in two places "
        f"({', '.join(names[:5])}): {placement.REMEDY}"
    )


def endless(events: RecentEvents) -> str | None:
    """A sentence that says what to do where calls come and hardly any of them ends; else None."""
    kinds = [_fields(record.value).get("type") for record in events.records]
    setups, ends = kinds.count("call_setup"), kinds.count("call_end")
    if setups < FEWEST_SETUPS or ends >= FEWEST_ENDS * setups:
        return None
    return (
        f"{ends} ends beside {setups} set-ups among the recent call events: a third of the features tell nothing. "
        "Publish call_end, or give a bridge call detail records or copies of SIP (docs/bridge.md)"
    )


def _fields(value: bytes | None) -> dict[str, Any]:
    """Fields of a record; none of what is no object."""
    with suppress(ValueError, RecursionError):
        event = json.loads(value or b"")
        if isinstance(event, dict):
            return event
    return {}


def _writer(value: bytes | None) -> str:
    """Who wrote a record, as far as it says."""
    event = _fields(value)
    name = next((name for name in ("switch_id", "trunk_group_id") if event.get(name)), None)
    return "a record that names no switch" if name is None else f"{name} {str(event[name])[:64]!r}"
