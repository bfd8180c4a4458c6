"""Storage in an object store that fsspec knows: an object shows once its upload is complete.

Who may read the objects is for the policy of the bucket to say.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from fsspec.asyn import sync

from models.errors import StoredFileUnusable
from models.store.storage import Place, StoredFile, checked

_TIMES = ("LastModified", "mtime", "updated", "created")
"""What the libraries call the time of the last change."""


class Objects:
    """See `Storage`.

    Args:
        filesystem: of fsspec, without its cache of listings.
        root: bucket and prefix.
        place: for errors.
        timeout_s: how long one operation may take in all, seconds; None leaves that to the store's library.
    """

    def __init__(self, filesystem: Any, root: str, place: Place, timeout_s: float | None) -> None:
        self.url = place.url
        self.folder: Path | None = None
        self.filesystem = filesystem
        self._root = root
        self._place = place
        self._timeout_s = timeout_s

    def folders(self) -> list[str]:
        """See `Storage`."""
        with self._place.telling("list"):
            found = self._listed("ls", self._root)
        return sorted(self._below(entry) for entry in found if entry["type"] == "directory")

    def files(self, below: str = "", *, deep: bool = False) -> list[StoredFile]:
        """See `Storage`."""
        with self._place.telling("list"):
            found = self._listed("find" if deep else "ls", self._path(below))
        files = [entry for entry in found if entry["type"] == "file" and self._below(entry)]
        return sorted((self._described(entry) for entry in files), key=lambda file: file.path)

    def exists(self, path: str) -> bool:
        """See `Storage`."""
        with self._place.telling("read"):
            return bool(self._run("isfile", self._path(path)))

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """See `Storage`."""
        with self._reading(path):
            if self._run("size", self._path(path)) > limit_bytes:
                raise StoredFileUnusable(f"{self.url}/{path} is larger than {limit_bytes} bytes")
            content: bytes = self._run("cat_file", self._path(path))
        return content

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """See `Storage`. Whatever the block raises is taken for an error of the store, whose library has many."""
        with self._reading(path), self.filesystem.open(self._path(path), "rb") as file:
            yield file

    def fetch(self, path: str, into: Path) -> Path:
        """See `Storage`."""
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = into / Path(path).name
        with self._reading(path):
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            try:
                self._run("get_file", self._path(path), str(copy))
            except BaseException:
                copy.unlink(missing_ok=True)
                raise
        return copy

    def write(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        with self._place.telling("write"):
            self._run("pipe_file", self._path(path), content)

    def put(self, path: str, source: Path) -> None:
        """See `Storage`."""
        with self._place.telling("write"):
            self._run("put_file", str(source), self._path(path))

    @contextmanager
    def draft(self, path: str) -> Iterator[Path]:
        """See `Storage`. The draft is wherever this machine has temporary files, for its owner only."""
        with TemporaryDirectory(prefix="robocall-") as folder:
            draft = Path(folder, Path(path).name)
            with self._place.telling("write", OSError):
                yield draft
            self.put(path, draft)

    def delete(self, path: str) -> None:
        """See `Storage`."""
        with self._place.telling("delete from"), suppress(FileNotFoundError):
            self._run("rm_file", self._path(path))

    def remove_abandoned(self, below: str = "", *, deep: bool = False) -> None:
        """See `Storage`."""

    def address(self, path: str = "") -> str:
        """See `Storage`."""
        return str(self.filesystem.unstrip_protocol(self._path(path)))

    def _path(self, path: str) -> str:
        return f"{self._root}/{checked(path)}".rstrip("/")

    def _below(self, entry: Mapping[str, Any]) -> str:
        """Path of a listed entry below the root; empty for what stands for the root itself."""
        path = str(entry["name"]).rstrip("/")
        return path[len(self._root) + 1 :] if path.startswith(f"{self._root}/") else ""

    def _described(self, entry: Mapping[str, Any]) -> StoredFile:
        return StoredFile(self._below(entry), int(entry["size"]), _changed_ms(entry))

    def _listed(self, operation: str, path: str) -> list[dict[str, Any]]:
        """Entries of a listing; none where nothing was put yet.

        Raises:
            FileNotFoundError: the server says that there is no such bucket. A library that found nothing has no such
                answer of a server to blame.
        """
        try:
            found = self._run(operation, path, detail=True)
        except FileNotFoundError as error:
            if error.__cause__ is not None:
                raise
            return []
        return list(found.values()) if isinstance(found, dict) else found

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        with self._place.telling("read"):
            try:
                yield
            except FileNotFoundError as error:
                raise StoredFileUnusable(f"{self.url}/{path} is missing") from error

    def _run(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Run an operation of the store.

        Time-outs of the library do not end everything: S3 may keep an upload waiting for leave to go on for ever.
        """
        if not self.filesystem.async_impl:
            return getattr(self.filesystem, operation)(*arguments, **options)
        asynchronous = getattr(self.filesystem, f"_{operation}")
        return sync(self.filesystem.loop, asynchronous, *arguments, timeout=self._timeout_s, **options)


def _changed_ms(entry: Mapping[str, Any]) -> int:
    """Time of the last change of a listed object, 0 where the store does not say."""
    changed = next((entry[name] for name in _TIMES if entry.get(name)), 0)
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    seconds = changed.timestamp() if isinstance(changed, datetime) else changed
    return int(seconds * 1_000) if isinstance(seconds, int | float) else 0
