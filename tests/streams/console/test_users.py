"""The users file: for its owner alone, replaced as a whole, followed while the console runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.console.roles import Role
from streams.console.users import Account, Users, UsersUnusable, new_users, read_users, write_users

ADA = Account("ada", Role.ADMIN, "digest")


def test_what_is_written_is_read_again_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Nothing else is left in the folder."""
    path = tmp_path / "users.json"
    users = new_users().with_account(ADA)

    write_users(path, users)

    assert read_users(path) == users
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_is_there_once() -> None:
    """The later account wins."""
    users = new_users().with_account(ADA).with_account(Account("ada", Role.OPERATOR, "other"))

    assert [(one.name, one.role) for one in users.users] == [("ada", Role.OPERATOR)]
    assert users.without("ada").users == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_may_look_at_is_refused(mode: int, tmp_path: Path) -> None:
    """The message says what to do."""
    path = tmp_path / "users.json"
    write_users(path, new_users().with_account(ADA))
    path.chmod(mode)

    with pytest.raises(UsersUnusable, match="chmod 600"):
        read_users(path)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"secret":"00","users":[]}', b'{"secret":"zz"}', b"\xff"])
def test_what_is_no_users_file_is_refused_in_one_line(text: bytes, tmp_path: Path) -> None:
    """Also one with a secret that is too short for links."""
    path = tmp_path / "users.json"
    path.touch(0o600)
    path.write_bytes(text)

    with pytest.raises(UsersUnusable, match="no users file") as refused:
        read_users(path)

    assert "\n" not in str(refused.value)


def test_a_console_without_users_says_how_to_make_one(tmp_path: Path) -> None:
    """No file, and a file with nobody in it."""
    path = tmp_path / "users.json"
    with pytest.raises(UsersUnusable, match="robocall console user add NAME --role admin"):
        Users(path)

    write_users(path, new_users())
    with pytest.raises(UsersUnusable, match="robocall console user add NAME --role admin"):
        Users(path)


def test_a_running_console_follows_the_file(tmp_path: Path) -> None:
    """Whoever is added may sign in at once, whoever is removed may not."""
    path = tmp_path / "users.json"
    file = new_users().with_account(ADA)
    write_users(path, file)
    users = Users(path)

    write_users(path, file.without("ada").with_account(Account("bob", Role.OPERATOR, "digest")))

    assert users.find("ada") is None
    assert users.find("bob") is not None


def test_a_file_that_cannot_be_read_any_more_lets_nobody_in(tmp_path: Path) -> None:
    """It is read again once its owner has put it right."""
    path = tmp_path / "users.json"
    write_users(path, new_users().with_account(ADA))
    users = Users(path)

    path.chmod(0o644)
    assert users.find("ada") is None

    path.chmod(0o600)
    assert users.find("ada") == ADA


@pytest.mark.parametrize(
    ("lose", "cause"),
    [
        (lambda path: path.chmod(0o644), "chmod 600 it"),
        (lambda path: path.write_bytes(b"{}"), "add users anew"),
        (lambda path: path.unlink(), "bring it back, or run `robocall console user add NAME --role admin`"),
    ],
)
def test_the_log_says_once_that_no_local_user_may_sign_in_why_and_what_to_do(
    lose: Callable[[Path], Any], cause: str, tmp_path: Path
) -> None:
    path = tmp_path / "users.json"
    write_users(path, new_users().with_account(ADA))
    users = Users(path)

    with capture_logs() as lines:
        lose(path)
        assert users.find("ada") is None
        assert not users.has_somebody()

    (line,) = lines
    assert line["event"] == "the users file cannot be read, so no local user may sign in"
    assert cause in line["cause"]


def test_while_the_file_cannot_be_read_every_name_counts_as_that_of_a_local_user(tmp_path: Path) -> None:
    """Else somebody whom a provider names would be taken for one of them."""
    path = tmp_path / "users.json"
    write_users(path, new_users().with_account(ADA))
    users = Users(path, others=True)
    assert (users.why_taken("ada"), users.why_taken("bob")) == ("ada is the name of a local user", "")

    path.unlink()
    assert "cannot be read" in users.why_taken("ada")
    assert "cannot be read" in users.why_taken("bob")

    write_users(path, new_users().with_account(ADA))
    assert users.why_taken("bob") == ""


def test_where_others_may_sign_in_the_file_is_made_for_its_secret_alone(tmp_path: Path) -> None:
    """So that links outlive a restart; whoever is added later is followed."""
    path = tmp_path / "users.json"
    users = Users(path, others=True)

    assert Users(path, others=True).secret == users.secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert not users.has_somebody()
    write_users(path, read_users(path).with_account(ADA))
    assert users.has_somebody()
    with pytest.raises(UsersUnusable, match=r"users\.json: No such file"):
        Users(tmp_path / "no folder" / "users.json", others=True)
