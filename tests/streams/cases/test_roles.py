"""Roles: a file gives them by user; without one everybody has all; one that cannot be read gives none."""

from pathlib import Path

import pytest

from streams.cases.roles import NotAllowed, Role, require, roles_of
from streams.cases.settings import CaseSettings
from streams.errors import SettingsInvalid
from tests.typed import typed


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Roles of two users, of whom one runs the test."""
    path = tmp_path / "roles.yaml"
    path.write_text("mlee: [look_up, grant]\naroe: [look_up]\n")
    monkeypatch.setenv("ROBOCALL_CASES_ROLES_FILE", str(path))
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "aroe")
    return path


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    "command",
    [
        "cases list --unmask x", "cases show change-1 --unmask x", "redress show redress-1 --unmask x",
        "blocked +12025550123 --unmask x", "lookup +12025550123 --unmask x", "traceback show t --unmask x",
        "traceback export t", "campaigns list --unmask x", "campaigns show c1 --unmask x",
        "referral make {file} --campaign x --why x --out {file}.zip",
    ],
)  # fmt: skip
def test_who_may_only_look_up_sees_no_whole_number(command: str, file: Path) -> None:
    assert isinstance(typed(*command.format(file=file).split()).exception, NotAllowed)


def test_without_a_file_everybody_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOCALL_CASES_ROLES_FILE", raising=False)
    for role in Role:
        require(role)


@pytest.mark.usefixtures("file")
def test_a_user_has_the_roles_of_the_file_and_a_stranger_none(monkeypatch: pytest.MonkeyPatch) -> None:
    require(Role.LOOK_UP)
    with pytest.raises(NotAllowed, match=r"aroe may not grant: .*roles.yaml gives no such role"):
        require(Role.GRANT)
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "stranger")
    assert roles_of(CaseSettings.load()) == frozenset()


@pytest.mark.parametrize("text", ["mlee: [look_up, rule]", "- mlee", "mlee: 3", "", "a: [", "\x00", "mlee: !!bool x"])
def test_a_file_that_says_something_else_lets_nobody_on(file: Path, text: str) -> None:
    """A misspelt role must not look like one that was never given."""
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match="a line for each user, `mlee: "):
        require(Role.LOOK_UP)
    file.unlink()
    with pytest.raises(SettingsInvalid, match="FileNotFoundError"):
        require(Role.LOOK_UP)


@pytest.mark.parametrize(
    "command",
    [
        "redress grant redress-1 --why x", "redress reject redress-1 --why x", "release +12025550123 --by x",
        "cases hold change-1 --why x", "cases prune", "lists add allow +12025550123", "lists remove allow --all",
        "traceback import {file}", "traceback close t --why x", "erase +12025550123 --yes", "dno remove x",
        "dno import {file} --name x --date 2026-11-20", "policy save {file} --why x", "models promote x",
        "models rollback", "upstreams import {file}", "upstreams check --rmd {file} --record",
    ],
)  # fmt: skip
def test_who_may_only_look_up_changes_nothing(command: str, file: Path) -> None:
    """It ends before Redis or Kafka are asked: there are none here."""
    assert isinstance(typed(*command.format(file=file).split()).exception, NotAllowed)


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    "command",
    [
        "lookup +12025550123", "blocked +12025550123", "redress list", "redress show redress-1",
        "redress open --calling +12025550123 --why x", "cases list", "cases show change-1",
        "campaigns list", "campaigns show c1", "traceback list", "traceback show t",
        "traceback open --call-id x --why x", "traceback answer requests.csv",
    ],
)  # fmt: skip
def test_who_may_nothing_sees_nothing(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "stranger")
    assert isinstance(typed(*command.split()).exception, NotAllowed)
