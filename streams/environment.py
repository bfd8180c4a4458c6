"""How settings are read from environment variables: names are checked, and a complaint names the variable, no value."""

import os
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import SettingsInvalid

S = TypeVar("S", bound=BaseSettings)


class PartSettings(BaseSettings):
    """Settings of one part of the system: a subclass gives the prefix of their names, as its `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment, once a command; keyword arguments win over it.

        Raises:
            SettingsInvalid: a value is out of its bounds, or a variable with that prefix is no setting.
        """
        prefix = cls.model_config["env_prefix"]
        known = {prefix + name.upper() for name in cls.model_fields}
        strangers = sorted(name for name in os.environ if name.upper().startswith(prefix) and name.upper() not in known)
        if strangers:
            raise SettingsInvalid(f"{', '.join(strangers)}: no such setting; known are {', '.join(sorted(known))}")
        return read_environment(cls, overrides)


def read_environment(kind: type[S], overrides: Mapping[str, Any]) -> S:
    """Make settings of that class from the environment; the values that are given win over it.

    Raises:
        SettingsInvalid: a value is out of its bounds; the message names each variable and what is wrong with it.
    """
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise SettingsInvalid("; ".join(_complaints(error, kind.model_config["env_prefix"]))) from error


def _complaints(error: ValidationError, prefix: str) -> list[str]:
    """One line per wrong value, without the value: it may be a secret."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in item["loc"]).upper()
        message = item["msg"].removeprefix("Value error, ")
        lines.append(f"{prefix}{name}: {message}" if name else message)
    return lines
