"""Files that commands read and write: packed or not as their names say, `-` for the standard streams."""

import atexit
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

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


def private_folder() -> Path:
    """Make a folder of this user and process alone, removed at exit: a predictable name could be made by another."""
    folder = tempfile.mkdtemp(prefix="robocall-detector-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
