"""Small files in a folder or an object store, through fsspec: listed, read with a bound, written whole or not at all.

Knows nothing of models. A URL is a path, `file://`, `s3://bucket/prefix` (with the extra `s3`) or whatever fsspec has.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from detector.contract.errors import RobocallError
from models.errors import ArtifactCorrupt, RegistryUnreachable

PART = ".part"


class ObjectStore:
    """Files below one URL, named by paths with `/`. Blocking: not for an event loop.

    Raises:
        RegistryUnreachable: by every method, when the store does not answer or refuses.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        with self._reached():
            # Without its listings cache fsspec would not see what another process has put there since.
            found: tuple[Any, str] = url_to_fs(self.url, use_listings_cache=False)
        self._files, root = found
        self._root = root.rstrip("/")

    @property
    def local(self) -> Path | None:
        """The folder, where it is one on this machine."""
        return Path(self._root) if isinstance(self._files, LocalFileSystem) else None

    def folders(self) -> list[str]:
        """Names of the folders of the first level, sorted; none where there is nothing yet."""
        with self._reached():
            found = self._listed(self._root)
        return sorted(_name(entry["name"]) for entry in found if entry["type"] == "directory")

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; none where there is no such folder."""
        with self._reached():
            found = self._listed(self._path(folder))
        names = (_name(entry["name"]) for entry in found if entry["type"] == "file")
        return sorted(name for name in names if not name.endswith(PART))

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        with self._reached():
            return bool(self._files.isfile(self._path(path)))

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Content of a file.

        Raises:
            ArtifactCorrupt: there is no such file, or it is larger than the limit.
        """
        with self._reached():
            try:
                if self._files.size(self._path(path)) > limit_bytes:
                    raise ArtifactCorrupt(f"{self.url}/{path} is larger than {limit_bytes} bytes")
                content: bytes = self._files.cat_file(self._path(path))
            except FileNotFoundError as error:
                raise ArtifactCorrupt(f"{self.url}/{path} is missing") from error
        return content

    def write(self, path: str, content: bytes) -> None:
        """Put a file; whoever reads meanwhile gets the old content or the new."""
        place = self._path(path)
        with self._reached():
            if self.local is None:
                self._files.pipe_file(place, content)  # one request, so an object appears whole
                return
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            unfinished = Path(f"{place}.{os.getpid()}{PART}")
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(place)

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _listed(self, path: str) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._files.ls(path, detail=True)
        except FileNotFoundError:
            return []
        return found

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn whatever a store's client raises into one error: each has exceptions of its own."""
        try:
            yield
        except RobocallError:
            raise
        except Exception as error:
            raise RegistryUnreachable(self.url, error) from error


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
