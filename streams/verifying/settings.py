"""Settings of `robocall verify`: environment variables `ROBOCALL_VERIFY_...`. Whom it trusts is in `streams.trust`."""

import re

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.kafka import fleet_secret
from streams.kafka.topics import TOPIC_BY_NAME
from streams.settings import PREFIX

VERIFY_PREFIX = f"{PREFIX}VERIFY_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,248}")  # what Kafka takes, and no topic of its own


class VerifySettings(PartSettings):
    """What an operator may set. How Kafka is reached stands in `streams.settings`."""

    model_config = SettingsConfigDict(env_prefix=VERIFY_PREFIX)

    topic: str = Field(
        "unverified-calls",
        min_length=1,
        max_length=249,
        description="Topic that switches publish raw set-ups to; it has as many partitions as `call-events`.",
    )
    consumer_group: str = Field(
        "robocall-verify", min_length=1, max_length=200, description="Kafka group of the verifiers; not the detector's."
    )
    wait_ms: int = Field(
        50, ge=0, le=10_000, description="Longest that a call waits for a certificate, from its arrival in that topic."
    )
    web_host: str = Field("127.0.0.1", min_length=1, description="Address that the metrics are served on.")
    web_port: int = Field(0, ge=0, le=65_535, description="Port of the metrics; 0 = none.")

    @field_validator("topic")
    @classmethod
    def _is_another(cls, value: str) -> str:
        if value in {*TOPIC_BY_NAME, fleet_secret.TOPIC} or _NAME.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not for raw set-ups, which need one of their own (letters, digits, `._-`)")
        return value
