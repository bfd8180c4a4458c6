"""Whether records stand in the partition of their key, as Kafka's default partitioner (murmur2) chooses it.

Windows are counted by partition. librdkafka's default partitioner (`consistent_random`, CRC32) puts a number elsewhere,
and a number that two kinds of producer write is in two partitions, each of which sees a part of its calls. What was
written before partitions were added stands where their number of then put it, and so does what comes before a client
has heard of it: such records agree on another number of partitions, those of another partitioner agree on none.
"""

from collections.abc import Sequence

from streams.kafka.partitioner import partitions_of

REMEDY = "have its producer use the partitioner of Kafka's Java client (librdkafka: partitioner=murmur2)"
FEWEST = 16
"""Fewer records than these say nothing about another number of partitions: by chance they would agree on one."""
MOST_TIMES = 4
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
