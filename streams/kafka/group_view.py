"""Where a group stands, that of the workers or another, asked from outside of it. Blocking."""

import logging
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import GroupAuthorizationFailedError

from streams.errors import ClusterRefused
from streams.kafka.locating import Mark
from streams.kafka.temporary_group import NOT_YET
from streams.kafka.topics import CALL_EVENTS, admin_client
from streams.settings import Settings

logging.getLogger("kafka.admin._groups").setLevel(logging.ERROR)
"""It warns of each member of a Faust group, with all of its metadata, which it cannot decode: we only count them."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """What the brokers say.

    Attributes:
        members: workers that are in the group now.
        marks: what it has committed, by partition.
        oldest: offset of the oldest record that is kept, by partition.
    """

    members: int
    marks: dict[int, Mark]
    oldest: dict[int, int]

    def committed(self, topic: str, partition: int) -> int | None:
        """Offset that the group has taken in a log, by the log's name in the store of snapshots; None = in no such."""
        mark = self.marks.get(partition)
        if mark is None or (mark.topic_id is not None and topic != f"{CALL_EVENTS}.{mark.topic_id}"):
            return None
        return mark.offset


@dataclass(frozen=True, slots=True)
class GroupLag:
    """What a group still has to read of a topic.

    Attributes:
        members: that are in the group now.
        behind: records that it has not committed, by partition; of one that it has never committed all that are kept,
            of a topic that was made anew none until its end has passed what was committed.
    """

    members: int
    behind: dict[int, int]

    @property
    def records(self) -> int:
        """Those of all partitions."""
        return sum(self.behind.values())


def group_view(settings: Settings) -> GroupView:
    """Ask the brokers.

    Returns:
        Nobody and no offset where the cluster has not had a group yet.

    Raises:
        KafkaUnreachable: no broker answers.
        ClusterRefused: the user may not see the group.
    """
    group = settings.consumer_group
    with admin_client(settings) as admin:
        members, offsets = _asked(admin, group)
        marks = {
            place.partition: Mark.of(found.offset, found.metadata or "")
            for place, found in offsets.items()
            if place.topic == CALL_EVENTS and found.offset >= 0
        }
        places = [TopicPartition(CALL_EVENTS, partition) for partition in marks]
        oldest = _offsets(admin, places, OffsetSpec.EARLIEST)
    return GroupView(members, marks, {place.partition: offset for place, offset in oldest.items()})


def group_lag(admin: KafkaAdminClient, group: str, topic: str, partitions: int) -> GroupLag:
    """Ask the brokers how far a group is behind.

    Args:
        admin: connected, as of `streams.kafka.topics.admin_client`.
        group: any; one that the cluster has not had yet has read nothing.
        topic: one that exists.
        partitions: of that topic.

    Raises:
        ClusterRefused: the user may not see the group.
    """
    members, offsets = _asked(admin, group)
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    oldest, ends = (_offsets(admin, places, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST))
    committed = {place: found.offset for place, found in offsets.items()}
    behind = {
        place.partition: max(0, end - max(committed.get(place, -1), oldest[place])) for place, end in ends.items()
    }
    return GroupLag(members, behind)


def _asked(admin: KafkaAdminClient, group: str) -> tuple[int, dict[Any, Any]]:
    """How many members a group has, and what it has committed, by place."""
    try:
        described: dict[str, Any] = admin.describe_groups([group])[group]
        offsets: dict[Any, Any] = admin.list_group_offsets(group)[group]
    except NOT_YET:
        return 0, {}
    except GroupAuthorizationFailedError as error:
        raise ClusterRefused(f"to look at the group {group}", f"Describe on group {group}", error) from error
    return len(described.get("members", ())), offsets


def _offsets(admin: KafkaAdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
    found: dict[Any, Any] = admin.list_partition_offsets(dict.fromkeys(places, spec)) if places else {}
    return {place: one.offset for place, one in found.items()}
