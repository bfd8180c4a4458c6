"""The compose file as `docker compose` reads it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def compose_with(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables put in; others have their defaults."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    told: dict[str, Any] = yaml.safe_load(VARIABLE.sub(lambda found: variables.get(found[1], found[2]), text))
    return told


def services_with(variables: Mapping[str, str]) -> dict[str, Any]:
    """Its services, likewise."""
    services: dict[str, Any] = compose_with(variables)["services"]
    return services
