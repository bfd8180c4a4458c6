"""The topic of raw set-ups, as a topic to be made and looked at where somebody uses it."""

import os
from dataclasses import replace

from streams.kafka.topics import CALL_EVENTS, TOPIC_BY_NAME, Topic
from streams.verifying.settings import VERIFY_PREFIX, VerifySettings


def raw_topic_in_use() -> Topic | None:
    """The topic that `ROBOCALL_VERIFY_TOPIC` names; None where nobody has set that: then nothing is to be made.

    It is like `call-events`, which its records go on to: key, retention, size, time stamps of the broker.

    Raises:
        SettingsInvalid: a setting of `robocall verify` is wrong.
    """
    if not os.environ.get(f"{VERIFY_PREFIX}TOPIC"):
        return None
    return replace(TOPIC_BY_NAME[CALL_EVENTS], name=VerifySettings.load().topic)
