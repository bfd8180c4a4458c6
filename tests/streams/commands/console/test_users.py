"""`robocall console user`: who may sign in, from the terminal and from a pipe."""

from pathlib import Path

import pytest
from click.testing import Result

from streams.console.passwords import is_password
from streams.console.roles import Role
from streams.console.users import read_users
from tests.typed import typed

PASSWORD, OTHER = "a long password", "another password"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A users file that is not there yet."""
    found = tmp_path / "users.json"
    monkeypatch.setenv("ROBOCALL_CONSOLE_USERS_FILE", str(found))
    return found


def console(line: str, given: str = "") -> Result:
    return typed("console", *line.split(), text=given)


def test_users_come_change_and_go(path: Path) -> None:
    """The file has digests of passwords alone."""
    assert console("user add ada --role admin", f"{PASSWORD}\n").output == "ada may sign in as admin\n"
    assert console("user add bob --role operator", OTHER).exit_code == 0
    assert console("user list").output == "ada\tadmin\nbob\toperator\n"
    assert console("user password ada", OTHER).exit_code == 0
    assert console("user role bob redress").output == "bob is redress now\n"
    assert console("user list").output == "ada\tadmin\nbob\tredress\n"
    assert is_password(OTHER, read_users(path).users[1].password)
    assert console("user remove bob").exit_code == 0

    (ada,) = read_users(path).users

    assert (ada.name, ada.role) == ("ada", Role.ADMIN)
    assert is_password(OTHER, ada.password)
    assert OTHER not in path.read_text()


@pytest.mark.parametrize(
    ("line", "given", "said"),
    [
        ("user add Ada --role admin", PASSWORD, "small letters"),
        ("user add ada --role boss", PASSWORD, "boss"),
        ("user add ada --role admin", "short", "12 to 256 characters"),
        ("user add ada --role admin", "x" * 257, "12 to 256 characters"),
        ("user add ada --role admin", "", "12 to 256 characters"),
        ("user role ada boss", "", "boss"),
        ("user role ada admin", "", "user add NAME --role admin"),
        ("user list", "", "user add NAME --role admin"),
        ("user remove ada", "", "user add NAME --role admin"),
        ("user password ada", PASSWORD, "user add NAME --role admin"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(line: str, given: str, said: str, path: Path) -> None:
    """In one line that says what to do."""
    answer = console(line, given)

    assert answer.exit_code != 0
    assert said in answer.output
    assert not path.exists()


def test_a_name_that_is_there_or_is_not_is_said(path: Path) -> None:
    """Adding twice is mostly a mistake: it would change a password."""
    console("user add ada --role admin", PASSWORD)

    assert "user password ada" in console("user add ada --role operator", PASSWORD).output
    assert "user list" in console("user remove bob").output
    assert len(read_users(path).users) == 1
