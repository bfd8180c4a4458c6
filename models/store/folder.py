"""Storage in a folder of this machine: a file is written beside its name, seen to the disk, and then renamed."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO

from models.errors import StoredFileUnusable
from models.store.storage import Drafts, Place, StoredFile, checked

TURNS = 100
"""Tries to make a file in a folder that others keep deleting; each of theirs needs a file of their own to be gone."""


class Folder:
    """See `Storage`. The folder is made when the first file is put.

    Args:
        root: the folder.
        place: for errors.
        drafts: names of files that are being written.
        is_private: files and folders that this makes are for their owner only, whatever the user's mask.
    """

    def __init__(self, root: Path, place: Place, drafts: Drafts, *, is_private: bool) -> None:
        self.url = place.url
        self.folder: Path | None = root
        self.filesystem = None
        self._root = root
        self._begins_with = os.path.join(root, "")  # noqa: PTH118 - listings are cut as text: a path each is slow
        self._place = place
        self._drafts = drafts
        self._is_private = is_private

    def folders(self) -> list[str]:
        """See `Storage`; a link to a folder is none."""
        with self._place.telling("list"):
            return sorted(entry.name for entry in _entries(self._root) if entry.is_dir(follow_symlinks=False))

    def files(self, below: str = "", *, deep: bool = False) -> list[StoredFile]:
        """See `Storage`."""
        with self._place.telling("list"):
            found = [self._described(entry) for entry in self._walk(self._path(below), deep=deep)]
        complete = [file for file in found if file is not None and not file.path.endswith(self._drafts.suffix)]
        return sorted(complete, key=lambda file: file.path)

    def exists(self, path: str) -> bool:
        """See `Storage`."""
        with self._place.telling("read"):
            return self._path(path).is_file()

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """See `Storage`."""
        with self.open(path) as file:
            if os.fstat(file.fileno()).st_size > limit_bytes:
                raise StoredFileUnusable(f"{self.url}/{path} is larger than {limit_bytes} bytes")
            return file.read()

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """See `Storage`. Of what the block raises, only the system's errors are those of the storage."""
        with self._place.telling("read", OSError):
            try:
                file = self._path(path).open("rb")
            except FileNotFoundError as error:
                raise StoredFileUnusable(f"{self.url}/{path} is missing") from error
            with file:
                yield file

    def fetch(self, path: str, into: Path) -> Path:
        """See `Storage`; it is the file itself, nothing is copied."""
        del into
        with self.open(path):
            return self._path(path)

    def write(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        with self.draft(path) as draft:
            draft.write_bytes(content)

    def put(self, path: str, source: Path) -> None:
        """See `Storage`."""
        with self.draft(path) as draft:
            copyfile(source, draft)

    @contextmanager
    def draft(self, path: str) -> Iterator[Path]:
        """See `Storage`. Of what the block raises, only the system's errors are those of the storage."""
        final = self._path(path)
        draft = self._drafts.of(final)
        with self._place.telling("write", OSError):
            self._begin(draft)
            try:
                yield draft
                _settle(draft)
                draft.replace(final)
            finally:
                draft.unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # deleted by somebody else already, folder and all
                _settle(final.parent)  # without which a power cut may take the name back

    def _begin(self, draft: Path) -> None:
        """Make the draft, empty, and its folder: again where somebody who found that empty deletes it in between."""
        folder_mode, mode, flags = (0o700, 0o600, os.O_EXCL) if self._is_private else (0o777, 0o666, 0)
        for turn in range(1, TURNS + 1):
            try:
                draft.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
                os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | flags, mode))
            except (FileNotFoundError, FileExistsError):  # the second: a folder that was there and is gone
                if turn == TURNS or draft.parent.is_file():
                    raise
            else:
                return

    def delete(self, path: str) -> None:
        """See `Storage`."""
        file = self._path(path)
        with self._place.telling("delete from"):
            file.unlink(missing_ok=True)
        if file.parent != self._root:
            with suppress(OSError):  # not empty
                file.parent.rmdir()

    def remove_abandoned(self, below: str = "", *, deep: bool = False) -> None:
        """See `Storage`."""
        before_s = time.time() - self._drafts.abandoned_after_s
        with self._place.telling("delete from"):
            for entry in self._walk(self._path(below), deep=deep):
                if entry.name.endswith(self._drafts.suffix):
                    with suppress(FileNotFoundError):
                        if entry.stat().st_mtime < before_s:
                            Path(entry.path).unlink()

    def address(self, path: str = "") -> str:
        """See `Storage`."""
        return str(self._path(path))

    def _path(self, path: str) -> Path:
        return self._root / checked(path)

    def _walk(self, folder: Path, *, deep: bool) -> Iterator["os.DirEntry[str]"]:
        for entry in _entries(folder):
            if entry.is_file():
                yield entry
            elif deep and entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), deep=True)

    def _described(self, entry: "os.DirEntry[str]") -> StoredFile | None:
        """None when somebody has deleted it this very moment."""
        with suppress(FileNotFoundError):
            found = entry.stat()
            path = entry.path[len(self._begins_with) :]
            return StoredFile(path, found.st_size, found.st_mtime_ns // 1_000_000)
        return None


def open_to_others(folder: Path | None) -> Path | None:
    """Find where others than this user and root may put or change files: a folder, or one of those in it.

    Args:
        folder: of a `Storage`; None where that is no folder.

    Returns:
        The first such folder; None where all is well, or nothing is there yet.
    """
    if folder is None or not folder.is_dir():
        return None
    below = sorted(Path(entry.path) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False))
    return next((one for one in (folder, *below) if _is_open(one.stat())), None)


def _is_open(found: os.stat_result) -> bool:
    return found.st_uid not in (os.getuid(), 0) or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _settle(path: Path) -> None:
    """See a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
