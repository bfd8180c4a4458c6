"""The compose file by the schema of the Compose Specification: no key is misspelt, misplaced or of a wrong type."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.deploy.compose_file import compose_with

FOLDER = Path(__file__).parent / "compose"
SCHEMA = jsonschema.Draft7Validator(json.loads((FOLDER / "compose-spec.json").read_text(encoding="utf-8")))


def test_the_schema_is_what_was_published() -> None:
    """The table names its digest and its licence."""
    table = (FOLDER / "VENDORED.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `([^`]+)` \|.*`([^`]+)`, `([^`]+)` \| `([0-9a-f]{64})` \|$", table, re.MULTILINE)
    name, licence, notice, digest = row

    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert "Apache License" in (FOLDER / licence).read_text(encoding="utf-8")
    assert "The Compose Specification" in (FOLDER / notice).read_text(encoding="utf-8")


@pytest.fixture
def compose() -> dict[str, Any]:
    """The file with nothing but the passwords, as after `deploy/passwords.sh`."""
    return compose_with({"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"})


def test_the_compose_file_fits(compose: dict[str, Any]) -> None:
    SCHEMA.validate(compose)


@pytest.mark.parametrize(
    ("key", "value"),
    [("cap_drops", ["ALL"]), ("read_only", ["/"]), ("healthcheck", {"tests": ["NONE"]}), ("security_opt", "any")],
)
def test_a_mistake_does_not_fit(compose: dict[str, Any], key: str, value: object) -> None:
    """Such as would leave a service with rights, or without a check."""
    compose["services"]["worker-1"][key] = value
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(compose)
