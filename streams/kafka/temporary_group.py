"""A consumer group for a visit: demo and benchmark work on a cluster that others use, without touching their group."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NoError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from streams.errors import DemoFailed
from streams.kafka.topics import CALL_EVENTS

COORDINATOR_TIMEOUT_S = 30.0
NOT_YET = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)


def partitions_of(admin: KafkaAdminClient, topic: str) -> int:
    """Return how many partitions an existing topic really has. It blocks for the brokers, as long as `admin` waits.

    Raises:
        KafkaError: they do not answer, refuse, or do not have the topic.
    """
    (described,) = admin.describe_topics([topic])
    return len(described["partitions"])


@contextlib.contextmanager
def temporary_group(admin: KafkaAdminClient, prefix: str) -> Iterator[str]:
    """Give the name of a new group whose worker starts at the end of `call-events`; the group is deleted afterwards.

    A worker starts a new group at the oldest event, and would decide a day of a configured cluster's calls again. To
    commit offsets also makes a fresh broker create its offsets topic, so that the worker need not wait for it.
    """
    group = f"{prefix}-{uuid.uuid4().hex[:8]}"
    places = [TopicPartition(CALL_EVENTS, index) for index in range(partitions_of(admin, CALL_EVENTS))]
    ends: dict[Any, Any] = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    _commit(admin, group, {place: OffsetAndMetadata(end.offset, "", -1) for place, end in ends.items()})
    try:
        yield group
    finally:
        with contextlib.suppress(KafkaError):  # the cluster forgets an empty group by itself, later
            admin.delete_groups([group])


def _commit(admin: KafkaAdminClient, group: str, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
    """Commit for the group; a fresh broker answers "not yet" until it has made its offsets topic."""
    deadline = time.monotonic() + COORDINATOR_TIMEOUT_S
    while True:
        try:
            answers = admin.alter_group_offsets(group, offsets)
        except NOT_YET:
            failed = True
        else:
            failed = any(error is not NoError for error in answers.values())
        if not failed:
            return
        if time.monotonic() > deadline:
            raise DemoFailed(f"the brokers kept no offsets for group {group}; may this user read that group?")
        time.sleep(0.1)
