"""Options of several commands: how an instant is read, and what of a command line is kept."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.commands.shared.options import Instant, epoch_ms, in_json, made_by

NOON_MS = 1_764_072_000_000
"""2025-11-25T12:00:00Z."""


@pytest.mark.parametrize(
    ("typed", "at_ms"),
    [
        ("2025-11-25", NOON_MS - 12 * 3_600_000),
        ("2025-11-25T12:00:00", NOON_MS),
        ("2025-11-25T12:00:00.250Z", NOON_MS + 250),
        ("2025-11-25T07:00:00-05:00", NOON_MS),
    ],
)
def test_an_instant_is_utc_unless_it_says_otherwise(typed: str, at_ms: int) -> None:
    assert epoch_ms(Instant().convert(typed, None, None)) == at_ms


@pytest.mark.parametrize("typed", ["yesterday", "2025-13-01", ""])
def test_what_is_no_instant_is_wrong_usage(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="is neither a day, 2026-11-25, nor an instant"):
        Instant().convert(typed, None, None)


def test_what_was_typed_is_kept_without_defaults_and_without_the_result(tmp_path: Path) -> None:
    """Values with blanks are quoted, a repeated option stands as often as it was given."""
    said: list[str] = []

    @click.command("learn")
    @click.option("--name")
    @click.option("--more", multiple=True)
    @click.option("--fast", is_flag=True)
    @click.option("--seed", default=7)
    @click.option("--out")
    @click.pass_context
    def learn(context: click.Context, /, **_options: object) -> None:
        said.append(made_by(context)["command"])

    arguments = ["--out", str(tmp_path), "--more", "a", "--more", "b", "--fast", "--name", "two words"]
    assert CliRunner().invoke(learn, arguments, catch_exceptions=False).exit_code == 0

    assert said == ["robocall learn --more a --more b --fast --name 'two words'"]


def test_json_has_no_blanks() -> None:
    assert in_json({"list": "block", "size": 2}) == '{"list":"block","size":2}'
