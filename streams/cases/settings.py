"""Settings of cases: environment variables `ROBOCALL_CASES_...`, read by the commands that people use."""

import getpass
import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.settings import PREFIX

CASES_PREFIX = f"{PREFIX}CASES_"
FIVE_YEARS_DAYS = 1_826


def _default_spool() -> Path:
    """`$XDG_STATE_HOME/robocall-detector/cases`; without that variable the same below `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "robocall-detector" / "cases"


class CaseSettings(PartSettings):
    """What an operator may set. How Kafka is reached stands in `streams.settings`."""

    model_config = SettingsConfigDict(env_prefix=CASES_PREFIX)

    operator: str | None = Field(
        None, min_length=1, max_length=128, description="Who stands in the records; else the user of the machine."
    )
    record: bool = Field(
        True, description="Whether changes of lists and models, and look-ups of numbers, become records."
    )
    spool: Path = Field(
        default_factory=_default_spool,
        description="Folder of records that Kafka could not take; the next command sends them.",
    )
    retention_days: int = Field(
        FIVE_YEARS_DAYS,
        ge=1,
        le=36_500,
        description="Days that a case is kept after its latest entry, once it has ended; five years.",
    )
    roles_file: Path | None = Field(
        None, description="YAML file of users and their roles, look_up, unmask and grant; without it everybody has all."
    )

    @property
    def who(self) -> str:
        """Who does what is recorded."""
        if self.operator:
            return self.operator
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # no such user, as in some containers
            return f"uid {os.getuid()}"
