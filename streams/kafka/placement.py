"""Whether records stand in the partition of their key, as Kafka's default partitioner (murmur2) chooses it.

Windows are counted by partition. librdkafka's default partitioner (`consistent_random`, CRC32) puts a number elsewhere,
and a number that two kinds of producer write is in two partitions, each of which sees a part of its calls. What was
written before partitions were added stands where their number of then put it, and so does what comes before a client
has heard of it: such records agree on another number of partitions, those of another partitioner agree on none.
"""

import json
from collections.abc import Sequence
from contextlib import suppress

from streams.kafka.log_reader import LogReader
from streams.kafka.partitioner import partitions_of
from streams.kafka.topics import CALL_EVENTS
from streams.settings import Settings

REMEDY = "have its producer use the partitioner of Kafka's Java client (librdkafka: partitioner=murmur2)"
FEWEST = 16
"""Fewer records than these say nothing about another number of partitions: by chance they would agree on one."""
MOST_TIMES = 4
RECENT = 50
MOST_PARTITIONS = 32
Placed = tuple[bytes, int]
"""Key and partition of a record."""


def astray(placed: Sequence[Placed], partitions: int) -> list[int]:
    """Which records are not in the partition of their key, by index, ascending; `partitions` at least 1."""
    wanted = partitions_of([key for key, _ in placed], partitions)
    return [index for index, (_, partition) in enumerate(placed) if partition != wanted[index]]


def other_count(strays: Sequence[Placed], partitions: int) -> int | None:
    """Another number of partitions under which all of these are where they belong; None where there is none.

    One partition is no such number: whoever writes to partition 0 always would look like it.
    """
    if len(strays) < FEWEST:
        return None
    counts = (count for count in range(2, MOST_TIMES * partitions + 1) if count != partitions)
    return next((count for count in counts if not astray(strays, count)), None)


async def recent_complaint(settings: Settings) -> str | None:
    """Hold the latest records of `call-events` against their keys; a sentence that says what to do, None where all fit.

    Reads `RECENT` records of up to `MOST_PARTITIONS` partitions, which takes some tenths of a second each.

    Raises:
        aiokafka.errors.KafkaError: they cannot be read.
    """
    found: list[tuple[bytes, int, bytes | None]] = []
    async with LogReader(settings, CALL_EVENTS, lambda *_: None) as reader:
        partitions = await reader.partitions()
        for partition in range(0, partitions, max(1, partitions // MOST_PARTITIONS)):
            end = await reader.end(partition)
            async for rows in reader.read(partition, max(0, end - RECENT), end):
                pairs = zip(rows.keys(), rows.values(), strict=True)
                found += ((key, partition, value) for key, value in pairs if key is not None)
    placed = [(key, partition) for key, partition, _ in found]
    strays = astray(placed, partitions)
    if not strays:
        return None
    count = other_count([placed[index] for index in strays], partitions)
    if count is not None:
        return f"{len(strays)} of {len(found)} recent call events stand where {count} partitions would put them, there \
are {partitions}: their numbers are counted anew; that passes as old records expire"
    names = sorted({_writer(found[index][2]) for index in strays})
    return f"{len(strays)} of {len(found)} recent call events are not in the partition of their key, so the calls of a \
number may be counted in two places ({', '.join(names[:5])}): {REMEDY}"


def _writer(value: bytes | None) -> str:
    """Who wrote a record, as far as it says."""
    with suppress(ValueError, TypeError, AttributeError):
        event = json.loads(value or b"")
        for name in ("switch_id", "trunk_group_id"):
            if event.get(name):
                return f"{name} {str(event[name])[:64]!r}"
    return "a record that names no switch"
