"""Where published snapshots lie: a folder, or any object store that fsspec knows. A name, once there, is complete.

A folder gets a file under a temporary name first, and the real name only when the bytes are on the disk. An object
store shows an object once its upload is complete. Errors are those of the system or of the store's library.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Protocol

from fsspec.asyn import sync
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

COPY_BYTES = 1024 * 1024
TEMPORARY = ".tmp"
ABANDONED_S = 3_600
"""A temporary file this old belongs to a worker that died while it published."""
CONNECT_S = 5.0
SILENCE_S = 20.0
ATTEMPTS = 3


class Place(Protocol):
    """Files by name, all in one flat place."""

    def names(self) -> dict[str, int]:
        """Every complete file, with the time of its last change in epoch milliseconds; empty where nothing is yet."""

    def put(self, path: Path, name: str) -> None:
        """Copy a file to the place: under its name completely, or not at all."""

    def get(self, name: str, folder: Path) -> Path:
        """Make a file readable; in `folder` if it has to be copied."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""


class Folder:
    """A folder of the file system, made for its owner alone when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> dict[str, int]:
        """See `Place`; temporary files are not among them."""
        found: dict[str, int] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):  # removed by another worker this very moment
                        if not entry.name.endswith(TEMPORARY) and entry.is_file():
                            found[entry.name] = entry.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return {}
        return found

    def put(self, path: Path, name: str) -> None:
        """See `Place`; readable by its owner only. Left-overs of workers that died here are removed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f"{name}{TEMPORARY}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as target, path.open("rb") as source:
                copyfileobj(source, target, COPY_BYTES)
                target.flush()
                os.fsync(target.fileno())
            temporary.rename(self._folder / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._settle()
        self._remove_abandoned()

    def get(self, name: str, folder: Path) -> Path:
        """See `Place`; it is the file itself, nothing is copied."""
        del folder
        path = self._folder / name
        path.stat()
        return path

    def remove(self, name: str) -> None:
        """See `Place`."""
        (self._folder / name).unlink(missing_ok=True)

    def _settle(self) -> None:
        """See the folder's new entry to the disk, without which a power cut may take the name back."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove_abandoned(self) -> None:
        before_s = time.time() - ABANDONED_S
        for temporary in self._folder.glob(f"*{TEMPORARY}"):
            with suppress(FileNotFoundError):
                if temporary.stat().st_mtime < before_s:
                    temporary.unlink()


class Objects:
    """A prefix of an object store. Who may read the objects is for the bucket's policy to say.

    Args:
        store: fsspec's file system.
        prefix: bucket and prefix.
        timeout_s: how long one operation may take in all.
    """

    def __init__(self, store: Any, prefix: str, timeout_s: float) -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")
        self._timeout_s = timeout_s

    def names(self) -> dict[str, int]:
        """See `Place`.

        Raises:
            FileNotFoundError: the bucket does not exist. A prefix without objects is an empty place.
        """
        try:
            listing: list[dict[str, Any]] = self._run("ls", self._prefix, detail=True)
        except FileNotFoundError:
            if not self._run("exists", self._prefix.partition("/")[0]):
                raise
            return {}
        files = [info for info in listing if info["type"] == "file"]
        return {info["name"].rpartition("/")[2]: _changed_ms(info) for info in files}

    def put(self, path: Path, name: str) -> None:
        """See `Place`."""
        self._run("put_file", str(path), f"{self._prefix}/{name}")

    def get(self, name: str, folder: Path) -> Path:
        """See `Place`; the copy is readable by its owner only."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        try:
            self._run("get_file", f"{self._prefix}/{name}", str(path))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def remove(self, name: str) -> None:
        """See `Place`."""
        with suppress(FileNotFoundError):
            self._run("rm_file", f"{self._prefix}/{name}")

    def _run(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Run an operation of the store.

        Time-outs of the library do not end everything: S3 may keep an upload waiting for leave to go on for ever.
        """
        if not self._store.async_impl:
            return getattr(self._store, operation)(*arguments, **options)
        asynchronous = getattr(self._store, f"_{operation}")
        return sync(self._store.loop, asynchronous, *arguments, timeout=self._timeout_s, **options)


def open_place(url: str, *, timeout_s: float) -> Place:
    """Find the place that a URL or a plain path names; nothing is connected to yet.

    Args:
        url: path, `file://...`, `s3://bucket/prefix`, or what else fsspec and its installed libraries know.
        timeout_s: how long one operation of an object store may take in all; three attempts at most.

    Raises:
        ImportError: the library for this kind of URL is not installed.
        ValueError: no such kind of URL is known.
    """
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if url.startswith(("s3://", "s3a://")):
        patience = {"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S, "retries": {"total_max_attempts": 1}}
        options["config_kwargs"] = patience
    store, path = url_to_fs(url, **options)
    if isinstance(store, LocalFileSystem):
        return Folder(Path(path))
    store.retries = ATTEMPTS  # s3fs repeats what botocore gave up, five times if it is not told
    return Objects(store, path, timeout_s)


def _changed_ms(info: Mapping[str, Any]) -> int:
    """Time of the last change of a listed object, 0 where the store does not say."""
    changed = next((info[name] for name in ("LastModified", "mtime", "created") if name in info), 0)
    seconds = changed.timestamp() if isinstance(changed, datetime) else changed
    return int(seconds * 1_000) if isinstance(seconds, int | float) else 0
