"""`docs/compliance.md`: every test that it names is there, so that no rule rests on one that is gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "compliance.md").read_text())))


def test_rules_name_tests() -> None:
    """A page without any would pass what is below."""
    assert len(NAMED) > 25


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    path = ROOT / file
    assert path.is_file()
    assert not test or re.search(rf"^def {test}\(", path.read_text(), re.MULTILINE), f"{file} has no {test}"
