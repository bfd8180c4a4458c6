"""Settings of verifying: environment variables `ROBOCALL_TRUST_...`, read by whoever verifies signatures."""

import os
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, FilePath, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from detector.trust.parties import NORTH_AMERICA
from streams.environment import PartSettings
from streams.settings import PREFIX

TRUST_PREFIX = f"{PREFIX}TRUST_"
MIB = 1024 * 1024
DAY_S = 86_400


def _default_cache_url() -> str:
    """`$XDG_CACHE_HOME/robocall-detector/certificates`; without that variable the same below `~/.cache`.

    The page of settings shows the first line.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(cache) / "robocall-detector" / "certificates")


def _default_state_url() -> str:
    """`$XDG_STATE_HOME/robocall-detector/trust`; without that variable the same below `~/.local/state`.

    It is no cache: who deletes it may be given an older list. The page of settings shows the first line.
    """
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state) / "robocall-detector" / "trust")


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


class TrustSettings(PartSettings):
    """What an operator may set of verifying."""

    model_config = SettingsConfigDict(env_prefix=TRUST_PREFIX)

    anchors_url: str | None = Field(
        None,
        min_length=1,
        description="Authorities that are trusted: a file or `https://` address, of PEM or the STI-PA's signed list.",
    )
    crl_url: str | None = Field(
        None, min_length=1, description="Withdrawn certificates: a file or `https://` address. None: nobody looks."
    )
    administrator_file: FilePath | None = Field(
        None,
        description="PEM of the policy administrator's certificates, which sign the list of authorities and the CRL.",
    )
    renewal_s: float = Field(
        3_600.0,
        ge=5,
        le=7 * DAY_S,
        description="Pause between two looks at these lists; a failed look is repeated sooner.",
    )
    state_url: str = Field(
        default_factory=_default_state_url,
        min_length=1,
        description="Folder or URL of the last good lists, so that a restart does not go back behind them.",
    )

    cache_url: str = Field(
        default_factory=_default_cache_url,
        min_length=1,
        description="Folder or URL (`s3://bucket/path`) of certificates that were fetched; processes may share it.",
    )
    cache_entries: int = Field(
        10_000, ge=10, le=1_000_000, description="Most chains that are kept, in memory and in that place each."
    )
    cache_bytes: int = Field(
        64 * MIB, ge=MIB, le=8_192 * MIB, description="Most bytes of chains that are kept, in each of both."
    )
    kept_s: float = Field(
        float(DAY_S), ge=60, le=30 * DAY_S, description="How long a chain is kept where its server does not say."
    )
    longest_kept_s: float = Field(
        7.0 * DAY_S, ge=60, le=90 * DAY_S, description="Longest that a chain is kept, whatever its server says."
    )
    refused_kept_s: float = Field(
        60.0, ge=1, le=3_600, description="How long an address that failed is not asked again. In memory alone."
    )

    connect_timeout_s: float = Field(2.0, ge=0.1, le=30, description="Longest that connecting to one address takes.")
    fetch_timeout_s: float = Field(
        5.0, ge=0.2, le=60, description="Longest that a fetch takes in all: name, connection, answer."
    )
    max_fetches: int = Field(16, ge=1, le=256, description="Fetches that run at a time.")
    max_waiting_fetches: int = Field(
        512, ge=1, le=100_000, description="Fetches that run or wait for their turn; a further one is `not_checked`."
    )
    allowed_networks: str = Field(
        "",
        description="Networks of a lab, `10.1.0.0/16,fd00::/8`: certificates are fetched from there too.",
    )
    tls_cafile: FilePath | None = Field(
        None, description="PEM of authorities for the HTTPS of certificate servers. Without one: the system's."
    )
    max_seen_tokens: int = Field(
        1_000_000, ge=1_000, le=100_000_000, description="Tokens that are remembered to find replays, 400 bytes each."
    )

    country: str = Field(
        NORTH_AMERICA,
        pattern=r"^[1-9][0-9]{0,2}$",
        description="Country code of numbers in set-ups that do not say theirs, without `+`.",
    )

    threads: int = Field(
        2, ge=1, le=64, description="Threads that verify calls with long headers; more than processors gain nothing."
    )

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        for one in _listed(value):
            try:
                ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one!r} is no network, as in 10.1.0.0/16: {error}") from error
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "TrustSettings":
        if self.longest_kept_s < self.kept_s:
            raise ValueError(f"{TRUST_PREFIX}LONGEST_KEPT_S must not be below {TRUST_PREFIX}KEPT_S")
        return self

    @property
    def networks(self) -> list[str]:
        """The networks of a lab."""
        return _listed(self.allowed_networks)
