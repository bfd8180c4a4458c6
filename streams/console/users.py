"""The users file: names, roles, digests of passwords, and the secret of the links. For its owner's eyes only.

It is replaced as a whole by `robocall console user`; the running console follows it. What cannot be read lets nobody
in, and gives nobody else the name of a local user.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import structlog

from detector.contract.errors import RobocallError
from streams.console.roles import Role, User

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
MOST_BYTES = 1024 * 1024
SECRET_BYTES = 64
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ENCODER = msgspec.json.Encoder()
_ADD = f"run `robocall console user add NAME --role {Role.ADMIN}`"

log = structlog.get_logger(__name__)


class UsersUnusable(RobocallError):
    """There are no users, or the file that names them cannot be used."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user, and what is kept of the password."""

    name: str
    role: Role
    password: str

    @property
    def user(self) -> User:
        """Who it is."""
        return User(self.name, self.role)


@dataclass(frozen=True, slots=True)
class UsersFile:
    """What the file holds.

    Attributes:
        secret: 64 bytes in hex; links of pages are made with it, so that they outlive a restart.
        users: each name once.
    """

    secret: str
    users: tuple[Account, ...] = ()

    def find(self, name: str) -> Account | None:
        """The account of that name."""
        return next((one for one in self.users if one.name == name), None)

    def with_account(self, account: Account) -> "UsersFile":
        """The same with an account added, or in place of the one of its name."""
        return replace(self, users=(*self.without(account.name).users, account))

    def without(self, name: str) -> "UsersFile":
        """The same without an account."""
        return replace(self, users=tuple(one for one in self.users if one.name != name))


_DECODER: Any = msgspec.json.Decoder(UsersFile)


def new_users() -> UsersFile:
    """A file of nobody yet, with a secret of its own."""
    return UsersFile(secrets.token_hex(SECRET_BYTES))


def read_users(path: Path) -> UsersFile:
    """Read the file. It blocks for the disk.

    Raises:
        FileNotFoundError: there is none.
        UsersUnusable: others than its owner may look at it, or it is no such file.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & _OTHERS or found.st_uid not in {os.getuid(), 0}:
                raise UsersUnusable(f"{path}: others may read or write it: chmod 600 it, and let it be yours")
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsersUnusable(f"{path}: {error.strerror}: whoever runs the console has to read it") from error
    try:
        users: UsersFile = _DECODER.decode(text)
        is_right = len(text) <= MOST_BYTES and len(bytes.fromhex(users.secret)) == SECRET_BYTES
    except (msgspec.DecodeError, ValueError) as error:
        raise UsersUnusable(f"{path}: no users file of the console: move it away, and add users anew") from error
    if not is_right:
        raise UsersUnusable(f"{path}: no users file of the console: move it away, and add users anew")
    return users


def write_users(path: Path, users: UsersFile) -> None:
    """Replace the file in one step, readable by its owner alone. It blocks for the disk.

    Raises:
        UsersUnusable: it cannot be written.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with _draft(draft) as descriptor:
            os.write(descriptor, _ENCODER.encode(users))
            os.fsync(descriptor)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsersUnusable(f"{path}: {error.strerror}") from error


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Users:
    """The users in force: those of the file as it is now. Asking costs a look at its date.

    Args:
        path: of the file.
        others: somebody else may sign in, whom a provider names: then nobody need be in the file, and it is made where
            there is none, for its secret.

    Raises:
        UsersUnusable: nobody could sign in, or the file cannot be used.
    """

    def __init__(self, path: Path, *, others: bool = False) -> None:
        self._path = path
        try:
            self._file = read_users(path)
        except FileNotFoundError as error:
            if not others:
                raise UsersUnusable(f"{path}: the console has no users yet: {_ADD} first") from error
            self._file = new_users()
            write_users(path, self._file)
        if not self._file.users and not others:
            raise UsersUnusable(f"{path}: nobody is in it: {_ADD} first")
        self.secret = bytes.fromhex(self._file.secret)
        self._is_readable = True
        self._seen = self._stamp()

    def find(self, name: str) -> Account | None:
        """The account of that name; None where there is none, or the file cannot be read any more."""
        return self._now().find(name)

    def why_taken(self, name: str) -> str:
        """Why nobody whom a provider names may have that name; empty where they may."""
        found = self._now()
        if not self._is_readable:
            return "the users file cannot be read, so the names of local users are not known"
        return f"{name} is the name of a local user" if found.find(name) is not None else ""

    def has_somebody(self) -> bool:
        """Whether there is a local user."""
        return bool(self._now().users)

    def _now(self) -> UsersFile:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._follow()
        return self._file

    def _follow(self) -> None:
        try:
            self._file, self._is_readable = read_users(self._path), True
        except FileNotFoundError:
            self._lost(f"{self._path}: it is gone: bring it back, or {_ADD}")
        except UsersUnusable as error:
            self._lost(str(error))

    def _lost(self, cause: str) -> None:
        self._file, self._is_readable = UsersFile(self._file.secret), False
        log.error("the users file cannot be read, so no local user may sign in", cause=cause)

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode, found.st_uid
