"""`robocall console user`: who may sign in. It works on the users file alone, which a running console follows."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from streams.console.passwords import LONGEST, SHORTEST, hash_password
from streams.console.roles import Role
from streams.console.settings import ConsoleSettings
from streams.console.users import NAME, Account, UsersFile, new_users, read_users, write_users

ROLE_OPTION = click.option(
    "--role", required=True, type=click.Choice([role.value for role in Role]), help="What the user may do."
)


@click.group()
def user() -> None:
    """Say who may sign in: add, list, password, role, remove. The file is that of ROBOCALL_CONSOLE_USERS_FILE.

    \b
      operator       looks, judges campaigns, keeps lists, releases, opens redress
      redress        sees whole numbers, releases, opens and decides redress
      investigator   sees whole numbers, judges campaigns, keeps lists, traces
      model_owner    judges campaigns, answers what the model asks, changes model and policy
      admin          all of it

    A password is asked for twice, or is the first line of standard input:

    \b
      robocall console user add ada --role admin
      pass show console/ada | robocall console user add ada --role admin
    """


@user.command()
@click.argument("name")
@ROLE_OPTION
def add(name: str, role: str) -> None:
    """Add a user; the first makes the file."""
    if not NAME.fullmatch(name):
        raise click.UsageError("a name has small letters, digits, `.`, `_`, `-` and `@`, 64 characters at most")
    path = _path()
    users = _users_or_none(path) or new_users()
    if users.find(name) is not None:
        raise click.UsageError(f"{name} is there already: `robocall console user password {name}` gives a new password")
    write_users(path, users.with_account(Account(name, Role(role), hash_password(_asked_password()))))
    click.echo(f"{name} may sign in as {role}")


@user.command()
@click.argument("name")
def password(name: str) -> None:
    """Give a user a new password; whoever is signed in by the old one is signed out."""
    path = _path()
    users = _users(path)
    account = _account(users, name)
    write_users(path, users.with_account(Account(name, account.role, hash_password(_asked_password()))))
    click.echo(f"{name} has a new password")


@user.command()
@click.argument("name")
@click.argument("role", metavar="ROLE", type=click.Choice([role.value for role in Role]))
def role(name: str, role: str) -> None:
    """Give a user another ROLE: operator, redress, investigator, model_owner or admin. It holds at once."""
    path = _path()
    users = _users(path)
    account = _account(users, name)
    write_users(path, users.with_account(replace(account, role=Role(role))))
    click.echo(f"{name} is {role} now")


@user.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take a user out; whoever is signed in as this user is signed out."""
    path = _path()
    users = _users(path)
    _account(users, name)
    write_users(path, users.without(name))
    click.echo(f"{name} is out")


@user.command("list")
def list_users() -> None:
    """Names and roles, one a line."""
    for account in _users(_path()).users:
        click.echo(f"{account.name}\t{account.role}")


def _path() -> Path:
    return ConsoleSettings.load().users_file


def _users_or_none(path: Path) -> UsersFile | None:
    try:
        return read_users(path)
    except FileNotFoundError:
        return None


def _users(path: Path) -> UsersFile:
    users = _users_or_none(path)
    if users is None:
        raise click.ClickException(f"{path}: no users yet: `robocall console user add NAME --role admin` adds one")
    return users


def _account(users: UsersFile, name: str) -> Account:
    account = users.find(name)
    if account is None:
        raise click.ClickException(f"there is no {name}: `robocall console user list` says who there is")
    return account


def _asked_password() -> str:
    """The password, from the terminal twice or the first line of a pipe."""
    if sys.stdin.isatty():
        found: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        found = click.get_text_stream("stdin").readline().rstrip("\r\n")
    if not SHORTEST <= len(found) <= LONGEST:
        raise click.ClickException(f"a password has {SHORTEST} to {LONGEST} characters")
    return found
