"""Settings of the register of upstreams: environment variables `ROBOCALL_UPSTREAMS_...`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

UPSTREAMS_PREFIX = f"{PREFIX}UPSTREAMS_"


class UpstreamsSettings(PartSettings):
    """What an operator may set of it."""

    model_config = SettingsConfigDict(env_prefix=UPSTREAMS_PREFIX)

    file: Path | None = Field(
        None, description="YAML file that says who stands behind each trunk group; `robocall upstreams` keeps it."
    )
    old_after_days: int = Field(
        365, ge=1, le=3_650, description="Days after which an entry must be looked through again."
    )
