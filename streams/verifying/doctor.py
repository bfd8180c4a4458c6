"""What `robocall doctor` says of raw set-ups, where a topic of them is used."""

from collections.abc import Iterator

from streams.kafka.group_view import group_lag
from streams.kafka.temporary_group import partitions_of
from streams.kafka.topics import admin_client, check, existing
from streams.settings import Settings
from streams.verifying.raw_topic import raw_topic_in_use
from streams.verifying.settings import VerifySettings

MANY_RECORDS = 10_000
"""Raw records that wait: as many as the alert `VerifyBehind` takes for a sign of too few verifiers."""


def raw_calls(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Say whether the topic is as it should be, and how far `robocall verify` is behind; nothing where none is used.

    Called by `robocall doctor`. It blocks for the brokers.

    Args:
        settings: how Kafka is reached.

    Returns:
        Whether it is well, and a sentence that says what was found or what to do.

    Raises:
        SettingsInvalid: a setting of `robocall verify` is wrong.
        KafkaUnreachable: no broker answers.
        ClusterRefused: the user may not see topic or group.
    """
    topic = raw_topic_in_use()
    if topic is None:
        return
    group = VerifySettings.load().consumer_group
    with admin_client(settings) as admin:
        for complaint in check(admin, partitions=settings.partitions, wanted=(topic,)):
            yield False, complaint
        if not existing(admin, (topic,)):
            return
        found = group_lag(admin, group, topic.name, partitions_of(admin, topic.name))
    waiting = f"{found.records:,} raw records of {topic.name} wait"
    if not found.members:
        yield False, f"{waiting}, and nobody is in the group {group}: start `robocall verify`"
    else:
        more = found.records > MANY_RECORDS
        said = f"{waiting} for {found.members:,} in the group {group}"
        yield not more, f"{said}: start more of them, up to one a partition" if more else said
