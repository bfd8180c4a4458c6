"""Where the group of the workers stands, asked from outside of it. Blocking."""

from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import GroupAuthorizationFailedError

from streams.errors import ClusterRefused
from streams.kafka.locating import Mark
from streams.kafka.temporary_group import NOT_YET
from streams.kafka.topics import CALL_EVENTS, admin_client
from streams.settings import Settings


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
        try:
            described: dict[str, Any] = admin.describe_groups([group])[group]
            offsets: dict[Any, Any] = admin.list_group_offsets(group)[group]
        except NOT_YET:
            return GroupView(0, {}, {})
        except GroupAuthorizationFailedError as error:
            raise ClusterRefused(f"to look at the group {group}", f"Describe on group {group}", error) from error
        marks = {
            place.partition: Mark.of(found.offset, found.metadata or "")
            for place, found in offsets.items()
            if place.topic == CALL_EVENTS and found.offset >= 0
        }
        places = [TopicPartition(CALL_EVENTS, partition) for partition in marks]
        oldest: dict[Any, Any] = (
            admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST)) if places else {}
        )
    return GroupView(
        len(described.get("members", ())), marks, {place.partition: found.offset for place, found in oldest.items()}
    )
