"""Settings of the running system: environment variables `ROBOCALL_...`, typed, bounded, documented; read once at start.

Inner packages never see this object: they get small frozen settings of their own, made from it where parts are joined:
of a worker in `streams.worker.parts`.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from detector.contract.decisions import Mode
from detector.features.window_constants import DAY_MS, HOUR_MS
from models.serve.signing import Signing
from streams.environment import read_environment

PREFIX = "ROBOCALL_"
MAX_PORT = 65_535
MAX_PARTITIONS = 1_024
NO_SNAPSHOTS = "off"

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
LogLevel = Literal["debug", "info", "warning", "error"]


def _default_snapshot_url() -> str:
    """`$XDG_STATE_HOME/robocall-detector/snapshots`; without that variable the same below `~/.local/state`.

    The XDG Base Directory Specification keeps there what outlives a process and is no cache. The page of settings shows
    the first line.
    """
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state) / "robocall-detector" / "snapshots")


class Settings(BaseSettings):
    """What an operator may set. Units are in the names: `_s`, `_ms`, `_ratio`; counts have none."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=3, description="Brokers to start from, `host:port`, comma separated."
    )
    kafka_security_protocol: SecurityProtocol = Field("PLAINTEXT", description="How the brokers are spoken to.")
    kafka_sasl_mechanism: SaslMechanism = Field("SCRAM-SHA-512", description="Used with a SASL protocol only.")
    kafka_sasl_username: str | None = Field(None, description="SASL user; needed with a SASL protocol.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password; needed with a SASL protocol.")
    kafka_ssl_cafile: FilePath | None = Field(None, description="PEM of the authority that signed the brokers.")
    kafka_ssl_certfile: FilePath | None = Field(None, description="PEM of this client's certificate (mutual TLS).")
    kafka_ssl_keyfile: FilePath | None = Field(None, description="PEM of this client's private key (mutual TLS).")
    kafka_acks: Literal["all", "1"] = Field(
        "all", description="Brokers that must have a decision before its call event counts as answered."
    )
    kafka_fetch_max_wait_ms: int = Field(
        100,
        ge=1,
        le=1_500,
        description="Longest that the broker holds a fetch without records; a new event ends it at once.",
    )

    kafka_isolation_level: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed",
        description="`read_uncommitted` decides calls of transactions that are open or aborted too.",
    )
    side_waiting_bytes: int = Field(
        64 * 1024 * 1024,
        ge=4 * 1024 * 1024,
        le=8 * 1024**3,
        description="What may wait for each of `dead-letters`, `entity-decisions`, `scored-calls`; more is dropped.",
    )
    kafka_max_batch_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024 * 1024,
        le=256 * 1024 * 1024,
        description="Bytes that a compressed batch of records unpacks to at most; a larger one is a dead letter.",
    )
    kafka_max_batch_records: int = Field(
        65_536, ge=1_000, le=1_000_000, description="Records that a batch has at most; one with more is a dead letter."
    )

    consumer_group: str = Field("robocall-detector", min_length=1, max_length=200, description="Kafka consumer group.")
    instance_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Name of this worker, its own and the same after a restart: then a restart moves no partition.",
    )
    session_timeout_s: float = Field(
        10.0,
        ge=6,
        le=300,
        description="A worker that is silent for this long loses its partitions. Set it longer than a restart.",
    )
    commit_interval_s: float = Field(
        0.5, ge=0.05, le=10, description="How often offsets are committed. A crash repeats at most this much."
    )
    partitions: int = Field(
        12,
        ge=1,
        le=MAX_PARTITIONS,
        description="Partitions that `call-events` has; counts seen in one partition are multiplied by it.",
    )
    max_batch_events: int = Field(
        2_048, ge=16, le=2_048, description="Most events screened in one go; bounds how long the event loop is held."
    )
    scored_sample_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of calls whose features go to `scored-calls`; a repeat takes the same calls.",
    )

    decision_deadline_ms: int = Field(
        250,
        ge=50,
        le=HOUR_MS,
        description="A decision that would be older becomes `allow` (`late`). Set it to what your switches wait, 100 "
        "to 250 ms, less the ways to and from Kafka: nobody executes a block that comes later.",
    )
    shed_after_ms: int | None = Field(
        None,
        ge=10,
        le=HOUR_MS,
        description="A call that waited longer for its turn is allowed unscored (`overload`). Without it: four fifths "
        "of the deadline, 200 ms; the rest is for judging.",
    )
    clock_ahead_ms: int = Field(
        60_000,
        ge=1_000,
        le=DAY_MS,
        description="An event further ahead of its arrival has a wrong clock; it is counted at its arrival.",
    )
    clock_behind_ms: int = Field(
        1_800_000,
        ge=1_000,
        le=DAY_MS,
        description="The same for an event this far behind; leave room for what a switch buffers.",
    )

    snapshot_url: str = Field(
        default_factory=_default_snapshot_url,
        min_length=1,
        description="Folder or URL (`s3://bucket/path`) for snapshots of the windows; `off` for none.",
    )
    snapshot_interval_s: float = Field(
        10.0,
        ge=0.5,
        le=3_600,
        description="Pause between two snapshots. After a crash at most this much is counted again.",
    )
    warm_up_s: float = Field(
        3_600.0, ge=0, le=90_000, description="How far back the topic is counted where there is no usable snapshot."
    )
    warm_up_events: int = Field(
        500_000, ge=0, le=100_000_000, description="Most events of a partition that are counted then, the latest ones."
    )

    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="Redis or Valkey; `rediss://` for TLS. May be unreachable."
    )
    await_lists: bool | None = Field(
        None,
        description="Whether every call passes until the lists in Redis, or those kept of an earlier time, are known. "
        "Without it: where `ROBOCALL_REDIS_URL` is set.",
    )
    redis_tls_cafile: FilePath | None = Field(None, description="PEM of the authority that signed the Redis server.")

    assigned_codes_file: FilePath | None = Field(None, description="Codes that are assigned; f4 tells the others.")
    name_campaigns: bool = Field(False, description="Whether decisions that label or block name their campaign.")
    numbers_url: str | None = Field(
        None,
        min_length=1,
        description="Folder or URL (`s3://bucket/path`) of the do-not-originate lists that `robocall dno` keeps.",
    )
    policy_file: Path | None = Field(
        None, description="Policy of the carrier. Without one the shipped default holds, or while its folder is empty."
    )
    model_dir: Path | None = Field(
        None, description="Folder of a model artifact. Without one the shipped model serves."
    )
    models_url: str | None = Field(
        None,
        min_length=1,
        description="Registry of models, folder or URL (`s3://bucket/path`); else the folder of `model_dir`.",
    )
    signing_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Signs snapshots, lists, models and promotions; then only signed ones are used. Secret, of "
        "all workers.",
    )
    signing_key_other: SecretStr | None = Field(
        None, min_length=16, description="What was signed with this key is used as well, while the key is replaced."
    )
    release_grace_s: float = Field(
        86_400.0,
        ge=60,
        le=2_592_000,
        description="How long neither model nor rules block what `robocall release` has released. A day: by then the "
        "windows have forgotten what it was blocked for.",
    )
    mode: Mode | None = Field(None, description="Takes the place of the mode in the policy, and of all its overrides.")
    redress_url: str | None = Field(None, description="Takes the place of `redress.url` in the policy.")
    enforce_unmeasured: str | None = Field(
        None,
        description="`NAME: REASON`: the policy's thresholds enforce without a measure; takes the place of "
        "`budgets.enforce_unmeasured` in the policy.",
    )

    max_hot_numbers: int = Field(
        131_072,
        ge=1_000,
        le=20_000_000,
        description="Busy calling numbers with exact windows, 1 KiB each; as many have margins where the model has a "
        "group weight.",
    )
    max_cold_numbers: int = Field(
        2_097_152, ge=1_000, le=200_000_000, description="Other calling numbers, 64 bytes each."
    )
    max_trunks: int = Field(
        65_536,
        ge=16,
        le=1_000_000,
        description="Trunk groups, counted once in each partition of this worker: 5,000 in 12 partitions are 60,000. "
        "10 KB each, used as they come.",
    )
    max_blocks: int = Field(
        32_768, ge=100, le=10_000_000, description="Number blocks: an NPA-NXX within a trunk group."
    )
    max_origins: int = Field(
        32_768,
        ge=100,
        le=10_000_000,
        description="Origins, a signer with its `origid`, in each partition of a worker; 3 KB each.",
    )
    max_called: int = Field(131_072, ge=100, le=20_000_000, description="Called numbers.")
    keep_days: bool = Field(
        False,
        description="Remember the last 28 days of numbers, origins, blocks and trunk groups, 72 bytes each, before a "
        "model reads them: then one of schema f3 is not blind on its first days. Such a model remembers in any case.",
    )
    keep_signatures: bool = Field(
        False,
        description="Remember signatures by trunk group, origin and signer as well as days, likewise for a model of "
        "schema f4. It tells something only where calls are verified (`robocall verify`, or the bridge).",
    )

    web_host: str = Field("127.0.0.1", description="Address of `/metrics` and `/health`; they have no password.")
    web_port: int = Field(6066, ge=0, le=65_535, description="Port of `/metrics` and `/health`; 0 turns them off.")
    health_stall_s: float = Field(
        30.0, ge=1, le=3_600, description="Unread events and no progress for this long make `/health` red."
    )
    log_level: LogLevel = Field("info", description="Least severe line that is written.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto` writes text on a terminal and JSON elsewhere."
    )
    log_key: SecretStr | None = Field(
        None, description="Key of the digests that stand for numbers in logs. Without one each process makes its own."
    )

    @field_validator("log_level", "mode", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("enforce_unmeasured")
    @classmethod
    def _order(cls, value: str | None) -> str | None:
        if value is not None and not all(part.strip() for part in (value.partition(":")[0], value.partition(":")[2])):
            raise ValueError("say who answers for it and why, as in `M. Lee: trial on our own test lines`")
        return value

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        servers = [part.strip() for part in value.split(",") if part.strip()]
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not (port.isascii() and port.isdigit()) or "/" in server:
                raise ValueError(f"{server!r} is not host:port")
            if not 1 <= int(port) <= MAX_PORT:
                raise ValueError(f"the port of {server!r} is not within 1 and {MAX_PORT}")
        return ",".join(servers)

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(value.get_secret_value())
            port = parts.port
        except ValueError:  # its text quotes the address, in which there may be a password
            port = 0
        if port == 0:
            raise ValueError(f"host or port is wrong: redis://host:port/database, port within 1 and {MAX_PORT}")
        if parts.scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError(f"a SASL protocol needs {PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD")
        if self.sheds_after_ms > self.decision_deadline_ms:
            raise ValueError(f"{PREFIX}SHED_AFTER_MS must not be above {PREFIX}DECISION_DEADLINE_MS")
        if self.signing_key_other is not None and self.signing_key is None:
            raise ValueError(f"{PREFIX}SIGNING_KEY_OTHER needs {PREFIX}SIGNING_KEY")
        if bool(self.kafka_ssl_certfile) != bool(self.kafka_ssl_keyfile):
            raise ValueError(f"{PREFIX}KAFKA_SSL_CERTFILE and {PREFIX}KAFKA_SSL_KEYFILE go together")
        return self

    @property
    def kafka_servers(self) -> list[str]:
        """The brokers to start from, each `host:port`."""
        return self.kafka_bootstrap_servers.split(",")

    @property
    def own_models(self) -> str | None:
        """Registry of models; None for the package's own, which are as safe as its code."""
        beside = None if self.model_dir is None else str(self.model_dir.absolute().parent)
        return self.models_url or beside

    @property
    def sheds_after_ms(self) -> int:
        """How long a call may wait for its turn, milliseconds."""
        return self.decision_deadline_ms * 4 // 5 if self.shed_after_ms is None else self.shed_after_ms

    @property
    def clock_bound_s(self) -> float:
        """So far a clock may be from the brokers' before it is said: half of what a call may wait, seconds."""
        return min(self.sheds_after_ms, self.decision_deadline_ms) / 2_000

    @property
    def awaits_lists(self) -> bool:
        """Whether somebody keeps lists: calls pass until they are known."""
        return "redis_url" in self.model_fields_set if self.await_lists is None else self.await_lists

    @property
    def keeps_lists(self) -> bool:
        """Whether lists that were read are kept for the next start: always, unless it was said that there are none."""
        return self.await_lists is not False and self.snapshot_url != NO_SNAPSHOTS

    @property
    def signing(self) -> Signing:
        """The keys that snapshots, models and promotions are signed with."""
        keys = (self.signing_key, self.signing_key_other)
        return Signing(*(None if key is None else key.get_secret_value().encode() for key in keys))

    @property
    def redis_address(self) -> str:
        """The Redis URL for people: without user and password."""
        parts = urlsplit(self.redis_url.get_secret_value())
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def load_settings(**overrides: object) -> Settings:
    """Read the environment; keyword arguments win over it.

    Raises:
        SettingsInvalid: a value is out of its bounds; the message names each variable and what is wrong with it.
    """
    return read_environment(Settings, overrides)
