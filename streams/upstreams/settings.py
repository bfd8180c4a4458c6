"""Settings of the register of upstreams: environment variables `ROBOCALL_UPSTREAMS_...`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.settings import PREFIX, load_part

UPSTREAMS_PREFIX = f"{PREFIX}UPSTREAMS_"


class UpstreamsSettings(BaseSettings):
    """What an operator may set of it."""

    model_config = SettingsConfigDict(env_prefix=UPSTREAMS_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    file: Path | None = Field(
        None, description="YAML file that says who stands behind each trunk group; `robocall upstreams` keeps it."
    )
    old_after_days: int = Field(
        365, ge=1, le=3_650, description="Days after which an entry must be looked through again."
    )


def load_upstreams_settings(**overrides: object) -> UpstreamsSettings:
    """Read the environment, once a command; keyword arguments win over it.

    Raises:
        SettingsInvalid: a value is out of its bounds, or a variable with this prefix is no setting.
    """
    return load_part(UpstreamsSettings, "the register of upstreams", **overrides)
