"""The topics of the contract: names, keys, partitions and retention. `robocall topics` creates and checks them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAlreadyExistsError, for_code

from detector.contract.errors import RobocallError
from detector.features.window_constants import DAY_MS, HOUR_MS
from streams.errors import ClusterRefused, KafkaUnreachable
from streams.kafka import fleet_secret
from streams.kafka.client import ssl_context, why_unreachable
from streams.settings import Settings

CALL_EVENTS = "call-events"
CALL_DECISIONS = "call-decisions"
ENTITY_DECISIONS = "entity-decisions"
CALL_FEEDBACK = "call-feedback"
SCORED_CALLS = "scored-calls"
DEAD_LETTERS = "dead-letters"
CASE_RECORDS = "case-records"
CAMPAIGNS = "campaigns"

MIB = 1024 * 1024
ANSWER_TIMEOUT_MS = 10_000


class TopicCreationFailed(RobocallError):
    """The cluster refused to create a topic."""


@dataclass(frozen=True)
class Topic:
    """One topic of the contract.

    `retention_ms` is None for a compacted topic. `max_message_bytes` bounds one batch of records. `stamped_by_broker`:
    the time stamp of a record is the broker's at its arrival, so that no switch's clock decides what is late.
    """

    name: str
    key: str
    retention_ms: int | None
    max_message_bytes: int = MIB
    stamped_by_broker: bool = False

    def config(self) -> dict[str, str]:
        """Return the broker's settings of this topic."""
        settings = {"max.message.bytes": str(self.max_message_bytes)}
        if self.stamped_by_broker:
            settings["message.timestamp.type"] = "LogAppendTime"
        if self.retention_ms is None:
            # Short segments: only closed ones are compacted, and a consumer reads all that is left.
            return {"cleanup.policy": "compact", "segment.ms": str(6 * HOUR_MS), **settings}
        # Retention works on closed segments, so a segment must not live much longer than what it keeps.
        segment_ms = min(self.retention_ms // 24, DAY_MS)
        kept = {"retention.ms": str(self.retention_ms), "segment.ms": str(segment_ms)}
        return {"cleanup.policy": "delete", **kept, **settings}


TOPICS = (
    Topic(CALL_EVENTS, key="calling_number", retention_ms=25 * HOUR_MS, stamped_by_broker=True),
    Topic(CALL_DECISIONS, key="switch_id, else call_id", retention_ms=7 * DAY_MS),
    Topic(ENTITY_DECISIONS, key="number:+1... or trunk:...", retention_ms=None),
    Topic(CALL_FEEDBACK, key="calling_number", retention_ms=400 * DAY_MS),
    Topic(SCORED_CALLS, key="calling_number", retention_ms=30 * DAY_MS),
    # A dead letter carries the original record, up to 512 KiB of it, as base64.
    Topic(DEAD_LETTERS, key="the original key", retention_ms=30 * DAY_MS, max_message_bytes=2 * MIB),
    # Whole cases: what is not compacted yet is the way that they went.
    Topic(CASE_RECORDS, key="case id", retention_ms=None),
    Topic(CAMPAIGNS, key="campaign id", retention_ms=None),
)
SIDE_TOPICS = (DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS)
"""What a worker writes that only informs: no call waits for them, and a worker does without."""
TOPIC_BY_NAME: Mapping[str, Topic] = {topic.name: topic for topic in TOPICS}
FLEET_SECRET = Topic(fleet_secret.TOPIC, key="name of the secret", retention_ms=None, max_message_bytes=4_096)
"""Between workers alone, so no part of the contract: switches need no access to it. It has one partition."""


def admin_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of a kafka-python client for these settings, TLS and SASL included.

    It connects to nothing; it reads the certificates where there are any.

    Raises:
        OSError: a certificate or key cannot be read or used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_servers,
        "security_protocol": settings.kafka_security_protocol,
        "bootstrap_timeout_ms": ANSWER_TIMEOUT_MS,
        "request_timeout_ms": ANSWER_TIMEOUT_MS,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_password:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return options


@contextlib.contextmanager
def admin_client(settings: Settings) -> Iterator[KafkaAdminClient]:
    """Connect to the configured cluster for administration.

    Raises:
        KafkaUnreachable: no broker answers within 10 s.
        KafkaRefusedUs: one does, and refuses the password, the certificate or the protocol.
        ClusterRefused: the user may not ask what was asked meanwhile.
    """
    try:
        client = KafkaAdminClient(**admin_options(settings))
    except (KafkaError, OSError) as error:
        raise asyncio.run(why_unreachable(settings)) from error
    with client:
        try:
            yield client
        except (KafkaConnectionError, KafkaTimeoutError) as error:
            raise KafkaUnreachable(settings.kafka_bootstrap_servers) from error
        except KafkaError as error:
            needs = "Describe and DescribeConfigs on topics, and Create to create them"
            raise ClusterRefused("a question about topics", needs, error) from error


def identity(settings: Settings, topic: str) -> str:
    """Return what tells this topic from one of the same name that was deleted: name and topic id (KIP-516).

    Raises:
        KafkaUnreachable: no broker answers.
        ClusterRefused: the user may not see the topic.
    """
    with admin_client(settings) as admin:
        described: dict[str, Any] = admin.describe_topics([topic])[0]
    identifier = described.get("topic_id")
    return f"{topic}.{identifier}" if identifier else topic  # brokers before 2.8 have none


def existing(admin: KafkaAdminClient, wanted: Sequence[Topic] = TOPICS) -> set[str]:
    """Return the names of those of the topics that the cluster has."""
    return set(admin.list_topics()) & {topic.name for topic in wanted}


def create(
    admin: KafkaAdminClient,
    *,
    partitions: int,
    replication_factor: int | None = None,
    wanted: Sequence[Topic] = TOPICS,
) -> list[str]:
    """Create the missing topics and wait until they can be used; return their names. Existing ones stay as they are.

    All topics get the same number of partitions, so that topics of the same key are read by the same worker.
    `replication_factor` None leaves it to the cluster; with 3 or more, 2 replicas must have a record (acks=all).
    `wanted` are the topics of the contract, and what else is used.

    Raises:
        TopicCreationFailed: the cluster refused one; the message says which and why.
    """
    present = existing(admin, wanted)
    missing = [topic for topic in wanted if topic.name not in present]
    return _create(admin, missing, partitions, replication_factor)


def create_secret(admin: KafkaAdminClient, settings: Settings, *, replication_factor: int | None = None) -> list[str]:
    """Create the topic of the fleet's secret unless it is there, and put a secret into it unless it has one.

    Raises:
        TopicCreationFailed: the cluster refused the topic; the message says why.
        SecretUnknown: the cluster did not take a secret in time.
    """
    missing = [] if FLEET_SECRET.name in admin.list_topics() else [FLEET_SECRET]
    created = _create(admin, missing, 1, replication_factor)
    asyncio.run(fleet_secret.ensure(settings))
    return created


def _create(
    admin: KafkaAdminClient, missing: Sequence[Topic], partitions: int, replication_factor: int | None
) -> list[str]:
    if not missing:
        return []
    safety = {"min.insync.replicas": "2"} if (replication_factor or 0) >= 3 else {}  # noqa: PLR2004 - 2 of 3
    wanted = {
        topic.name: {
            "num_partitions": partitions,
            "replication_factor": replication_factor or -1,
            "configs": topic.config() | safety,
        }
        for topic in missing
    }
    answer = admin.create_topics(wanted, raise_errors=False)
    created = []
    for result in answer["topics"]:
        error = for_code(result["error_code"])
        if result["error_code"] == 0:
            created.append(str(result["name"]))
        elif error is not TopicAlreadyExistsError:  # somebody else was quicker: as good
            reason = result.get("error_message") or error.__name__
            raise TopicCreationFailed(f"the cluster refused to create {result['name']}: {reason}")
    admin.wait_for_topics([topic.name for topic in missing])
    return created


def check(admin: KafkaAdminClient, *, partitions: int, wanted: Sequence[Topic] = TOPICS) -> list[str]:
    """Return what is wrong with the topics, one sentence each with what to do; empty when all is well."""
    present = existing(admin, wanted)
    complaints = [
        f"{topic.name} is missing: run `robocall topics create`" for topic in wanted if topic.name not in present
    ]
    if not present:
        return complaints
    described = {topic["name"]: topic for topic in admin.describe_topics(sorted(present))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(present)]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    for topic in wanted:
        if topic.name in present:
            found = {name: entry["value"] for name, entry in configs[topic.name].items()}
            complaints += _wrong_partitions(topic, described[topic.name], partitions)
            complaints += _wrong_config(topic, found)
    return complaints


def _wrong_partitions(topic: Topic, described: Mapping[str, Any], wanted: int) -> list[str]:
    """Compare the partitions: their number, and that each has a leader."""
    complaints = []
    found = described["partitions"]
    if len(found) != wanted:
        complaints.append(
            f"{topic.name} has {len(found)} partitions, {wanted} are configured: "
            f"set ROBOCALL_PARTITIONS={len(found)}, or recreate the topic (adding partitions moves keys)"
        )
    leaderless = [one["partition_index"] for one in found if one["leader_id"] < 0]
    if leaderless:
        complaints.append(f"{topic.name} has partitions without a leader ({leaderless}): check the brokers")
    return complaints


def _wrong_config(topic: Topic, found: Mapping[str, str]) -> list[str]:
    """Compare what a wrong value of which loses data or memory: cleanup, retention, record size."""
    complaints = []
    wanted = topic.config()
    if found["cleanup.policy"] != wanted["cleanup.policy"]:
        complaints.append(_advice(topic, "cleanup.policy", found["cleanup.policy"]))
    elif topic.retention_ms is not None and not _keeps(int(found["retention.ms"]), topic.retention_ms):
        complaints.append(_advice(topic, "retention.ms", found["retention.ms"]))
    if topic.stamped_by_broker and found["message.timestamp.type"] != wanted["message.timestamp.type"]:
        complaints.append(_advice(topic, "message.timestamp.type", found["message.timestamp.type"]))
    if int(found["max.message.bytes"]) < topic.max_message_bytes:
        complaints.append(_advice(topic, "max.message.bytes", found["max.message.bytes"]))
    return complaints


def _keeps(found_ms: int, wanted_ms: int) -> bool:
    """Longer than asked for is fine; -1 is for ever."""
    return found_ms < 0 or found_ms >= wanted_ms


def _advice(topic: Topic, setting: str, found: str) -> str:
    wanted = topic.config()[setting]
    return (
        f"{topic.name} has {setting}={found}, needed is {wanted}: kafka-configs.sh --alter "
        f"--topic {topic.name} --add-config {setting}={wanted}"
    )
