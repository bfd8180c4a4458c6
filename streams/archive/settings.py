"""Settings of the archive: environment variables `ROBOCALL_ARCHIVE_...`, read by `robocall archive` alone."""

import re
from collections.abc import Mapping

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK, CASE_RECORDS, SCORED_CALLS
from streams.settings import PREFIX

ARCHIVE_PREFIX = f"{PREFIX}ARCHIVE_"
ARCHIVED = (CALL_EVENTS, CALL_DECISIONS, SCORED_CALLS, CALL_FEEDBACK, CASE_RECORDS)
"""Topics that are archived."""

DEFAULT_RETENTION_DAYS = 400
CASE_RETENTION_DAYS = 1_826
"""Five years, as the topic of cases itself unless told otherwise."""
MIB = 1024 * 1024
_RULE = re.compile(r"([a-z-]+)=([0-9]{1,5})")


class ArchiveSettings(PartSettings):
    """What an operator may set. How Kafka is reached stands in `streams.settings`."""

    model_config = SettingsConfigDict(env_prefix=ARCHIVE_PREFIX)

    url: str = Field("archive", min_length=1, description="Folder, or address that fsspec knows: `s3://bucket/prefix`.")
    consumer_group: str = Field(
        "robocall-archive", min_length=1, max_length=200, description="Kafka group of the sinks; not the detector's."
    )
    flush_s: float = Field(300.0, ge=0.1, le=3_600, description="Longest that a record waits before it is in a file.")
    flush_bytes: int = Field(
        128 * MIB, ge=64 * 1024, le=8_192 * MIB, description="Records held in memory before files are written early."
    )
    compact_s: float = Field(
        3_600.0,
        ge=0,
        le=86_400,
        description="How often `archive run` merges small files, in a process of its own of low priority; 0 = never.",
    )
    number_key: SecretStr | None = Field(
        None, description="Secret of 16 characters or more: phone numbers are stored as keyed digests."
    )
    web_host: str = Field("127.0.0.1", min_length=1, description="Address that the metrics are served on.")
    web_port: int = Field(0, ge=0, le=65_535, description="Port of the metrics of `archive run`; 0 = none.")
    retention: str = Field(
        "",
        description="Days kept by topic, `call-events=30,scored-calls=90`; 400 days for one that is not named, "
        "of `case-records` 1826.",
    )

    @field_validator("number_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:  # noqa: PLR2004 - the description says it
            raise ValueError("must have 16 characters or more: `openssl rand -hex 32` makes a good one")
        return value

    @field_validator("retention")
    @classmethod
    def _readable(cls, value: str) -> str:
        for rule in filter(None, (part.strip() for part in value.split(","))):
            found = _RULE.fullmatch(rule)
            if not found or found[1] not in ARCHIVED or int(found[2]) < 1:
                raise ValueError(f"{rule!r} is not TOPIC=DAYS with 1 day or more and a topic of {', '.join(ARCHIVED)}")
        return value

    @property
    def retention_days(self) -> Mapping[str, int]:
        """Days that each archived topic is kept."""
        unless_set = dict.fromkeys(ARCHIVED, DEFAULT_RETENTION_DAYS) | {CASE_RECORDS: CASE_RETENTION_DAYS}
        return unless_set | {name: int(days) for name, days in _RULE.findall(self.retention)}

    @property
    def key(self) -> str | None:
        """The secret of the digests, None where numbers are stored as they are."""
        return None if self.number_key is None else self.number_key.get_secret_value()
