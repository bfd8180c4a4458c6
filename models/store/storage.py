"""The one way to keep files in a folder or an object store: what it promises, whichever of the two it is.

`models.store.opening.open_storage` finds the right one for a URL. The registry of models, the snapshots of the windows
and the archive of records all keep their files through it. It knows nothing of what is in the files.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from detector.contract.errors import RobocallError
from models.errors import StoredFileUnusable
from models.store.advice import storage_error


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A complete file, as a listing has it.

    Attributes:
        path: where it is below the URL of the storage, with `/`.
        size_bytes: its size.
        changed_ms: when it was put there, epoch milliseconds by the clock of the store; 0 where the store says nothing.
    """

    path: str
    size_bytes: int
    changed_ms: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Storage(Protocol):
    """Files below one URL. Whoever lists or reads meets whole files only, whatever dies while it writes.

    Every method blocks, in a folder for the disk and in an object store for the network: call them in a thread, never
    on an event loop. Threads and processes may share a place; of two that put the same path, one wins whole. A path has
    names joined by `/`, none of them empty, `.` or `..`; the empty path is the URL itself.

    Attributes:
        url: the URL, without the credentials in it, for messages.
        folder: the folder, where it is one on this machine; None for an object store.
        filesystem: fsspec's file system, for programs that open `address` themselves; None for a folder.

    Raises:
        StorageError: by every method, when the place does not answer, refuses or does not exist. A folder or a prefix
            that nobody has put anything into is no error: it is empty.
        StoredFileUnusable: by every method, for a path that would lead out of the place.
    """

    url: str
    folder: Path | None
    filesystem: Any | None

    def folders(self) -> list[str]:
        """Names of the folders of the first level, sorted."""

    def files(self, below: str = "", *, deep: bool = False) -> list[StoredFile]:
        """Complete files in a folder, sorted by path; with `deep` those in the folders below it too."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Content of a file.

        Raises:
            StoredFileUnusable: there is none, or it is larger than the limit; then nothing of it is read.
        """

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a file to read parts of it; memory does not grow with its size.

        Raises:
            StoredFileUnusable: there is none.
        """

    def fetch(self, path: str, into: Path) -> Path:
        """Make a file readable by its path on this machine.

        Args:
            path: the file.
            into: folder that gets a copy, for its owner only. Not used, not even made, when the storage is a folder:
                what is returned is the stored file itself then, so leave it alone.

        Raises:
            StoredFileUnusable: there is none.
        """

    def write(self, path: str, content: bytes) -> None:
        """Put a file in place of what was there. Readers meet the old content or the new."""

    def put(self, path: str, source: Path) -> None:
        """Put a copy of a local file; as `write`, but memory does not grow with its size."""

    def draft(self, path: str) -> AbstractContextManager[Path]:
        """Give a local path to write to; the file is put when the block ends, and given up when the block raises.

        Nothing is at the local path yet, or an empty file. As `write`, but memory does not grow with the size.
        """

    def delete(self, path: str) -> None:
        """Delete a file; one that is gone already is no error. A folder below the URL that it leaves empty goes too."""

    def remove_abandoned(self, below: str = "", *, deep: bool = False) -> None:
        """Delete what writers left behind that were killed: drafts older than `Drafts.abandoned_after_s`.

        An object store shows none: what a killed upload leaves there is for a rule of the bucket to delete.
        """

    def address(self, path: str = "") -> str:
        """The whole address for another program: a path on this machine, or a URL that `filesystem` opens."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """How a folder names a file that is being written, and when it is given up.

    Attributes:
        pattern: may have `{name}` and `{stem}` of the file, `{pid}` and `{random}`; it ends in text that no complete
            file ends in.
        abandoned_after_s: a draft that nobody has touched for so long belongs to a writer that was killed.
    """

    pattern: str
    abandoned_after_s: float

    @property
    def suffix(self) -> str:
        """What every draft ends in."""
        return self.pattern.rpartition("}")[2]

    def of(self, path: Path) -> Path:
        """Where the draft of a file stands: beside it."""
        name = self.pattern.format(name=path.name, stem=path.stem, pid=os.getpid(), random=secrets.token_hex(16))
        return path.with_name(name)


@dataclass(frozen=True, slots=True)
class Place:
    """What errors say of a storage.

    Attributes:
        holds: what is kept there, in the plural or with its article: `snapshots`, `the archive`.
        url: where, without credentials.
        setting: the setting that names it.
    """

    holds: str
    url: str
    setting: str

    @contextmanager
    def telling(self, doing: str, faults: type[Exception] | tuple[type[Exception], ...] = Exception) -> Iterator[None]:
        """Turn what a store raises into one error: every library of a store has errors of its own, without a root."""
        try:
            yield
        except RobocallError:
            raise
        except faults as error:
            raise storage_error(f"{doing} {self.holds} at", self.url, error, setting=self.setting) from error


def checked(path: str) -> str:
    """The path, if it stays inside.

    Raises:
        StoredFileUnusable: it would lead elsewhere.
    """
    if path and any(name in {"", ".", ".."} for name in path.split("/")):
        raise StoredFileUnusable(f"{path!r} is no path inside of a storage")
    return path
