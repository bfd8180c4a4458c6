"""Files that commands read and write: packed or not as their names say, `-` for the standard streams."""

import atexit
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import combinations
from pathlib import Path
from typing import BinaryIO

import click

from models.data.files import create_packed, open_packed
from models.store.opening import open_storage
from models.store.storage import Drafts

STANDARD_STREAM = "-"
_FOR_ALL = 0o666
_DRAFTS = Drafts("{name}.{random}.tmp", abandoned_after_s=3_600.0)


def open_input(name: str, stack: ExitStack) -> BinaryIO:
    """A file to read, `.gz` and `.zst` unpacked on the way, `-` for standard input.

    Args:
        name: of the file.
        stack: closes it, and leaves standard input open. Reading blocks.

    Raises:
        OSError: it cannot be opened. Reading what is damaged raises one of `models.data.files.DAMAGED`.
    """
    return sys.stdin.buffer if name == STANDARD_STREAM else open_packed(Path(name), stack)


def open_output(name: str, stack: ExitStack) -> BinaryIO:
    """A file to write, `.gz` and `.zst` packed on the way, `-` for standard output.

    Args:
        name: of the file; what it holds is lost.
        stack: closes it, which writes the rest, and leaves standard output open. Writing blocks.

    Raises:
        OSError: it cannot be made. Writing and closing raise it too, when the disk is full.
    """
    return sys.stdout.buffer if name == STANDARD_STREAM else create_packed(Path(name), stack)


def write_whole(path: Path, content: bytes, *, holds: str, setting: str) -> None:
    """Put a file in the place of the one there, in one step: nobody reads half of it. It blocks for the disk.

    A link stays one, and a file that was for its owner alone stays so.

    Args:
        path: of the file.
        content: all of it.
        holds: what it is, for errors: `the policy`.
        setting: that names it, for errors.

    Raises:
        StorageError: the folder cannot be written.
    """
    final = path.resolve()
    is_private = final.exists() and not stat.S_IMODE(final.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    folder = open_storage(final.parent, holds=holds, setting=setting, drafts=_DRAFTS, is_private=is_private)
    folder.write(final.name, content)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep others off a file that is read, changed and written: by a lock beside it, which whoever changes it takes.

    It blocks until they are done. Other users may take the lock, too.

    Args:
        path: Of the file, which need not be there.

    Raises:
        OSError: no file can be made beside it.
    """
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        with suppress(PermissionError):  # another user's
            os.fchmod(lock, _FOR_ALL)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def is_refused(path: Path) -> bool:
    """Whether `write_whole` may not put a file there: this process may not write its folder. It blocks for the disk."""
    folder = path.resolve().parent
    return folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)


def require_distinct(inputs: Mapping[str, str | Path | None], outputs: Mapping[str, str | Path | None]) -> None:
    """Refuse a command line that would write a file which it also reads, or write one file twice.

    Args:
        inputs: files to read by the name of their option; None for one that was not given.
        outputs: files to write, likewise.

    Raises:
        click.UsageError: two options name the same file, by whatever path.
    """
    named = [(option, Path(name)) for option, name in [*outputs.items(), *inputs.items()] if name is not None]
    files = [(option, path) for option, path in named if _is_file(path)]
    for (option, path), (other, other_path) in combinations(files, 2):
        if option in outputs and _same(path, other_path):
            raise click.UsageError(f"{other} and {option} name the same file, {path}: give each its own")


def _is_file(path: Path) -> bool:
    """Whether it is an ordinary file, or would become one: /dev/null may be written twice."""
    return str(path) != STANDARD_STREAM and (path.is_file() or not path.exists())


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)  # by a hard link too
    return one.resolve() == other.resolve()


def private_folder() -> Path:
    """Make a folder of this user and process alone, removed at exit: a predictable name could be made by another."""
    folder = tempfile.mkdtemp(prefix="robocall-detector-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
