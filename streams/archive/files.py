"""Files of the archive: their names, which of them count, and how they appear and go in one step.

A file is `TOPIC/day=YYYY-MM-DD/pPARTITION-FIRST-LAST-SCHEMA.parquet`: it holds what the archive has of the offsets
FIRST to LAST of that partition, in the columns that SCHEMA is a digest of. The files are the only memory of what was
archived: where a sink goes on, and which of two files with the same records counts, follows from their names
(`chosen`). Storage is whatever fsspec knows.
"""

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from detector.contract.errors import RobocallError

ROWS_PER_GROUP = 100_000
UNFINISHED = ".unfinished"
_NAME = re.compile(r"day=(\d{4}-\d{2}-\d{2})/p(\d{5})-(\d{20})-(\d{20})-([0-9a-f]{8})\.parquet")
_LOCAL_FAULTS = (OSError, pa.ArrowException)


class ArchiveUnusable(RobocallError):  # noqa: N818 - the name states what is wrong
    """The archive cannot be read or written, or does not fit the topics."""


@dataclass(frozen=True, slots=True, order=True)
class ArchiveFile:
    """One file of a topic. Offsets `first` to `last`, both inclusive."""

    topic: str
    partition: int
    first: int
    last: int
    day: str
    schema_id: str
    size_bytes: int = 0
    modified_s: float = 0.0

    @property
    def path(self) -> str:
        """Path below the root of the archive."""
        name = f"p{self.partition:05}-{self.first:020}-{self.last:020}-{self.schema_id}.parquet"
        return f"{self.topic}/day={self.day}/{name}"


@dataclass(frozen=True, slots=True)
class Part:
    """A file that counts, from offset `begin` on: what is before that, another file holds as well."""

    file: ArchiveFile
    begin: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Files that count, by partition and offset, and those whose every offset another one holds."""

    parts: list[Part]
    superseded: list[ArchiveFile]


def chosen(files: Iterable[ArchiveFile]) -> Chosen:
    """Choose files so that every offset counts exactly once, however often it was written.

    The earlier beginning wins, then the longer file: so a compacted file wins over its parts, whether or not they were
    deleted already, and of two sinks that wrote the same records one counts.
    """
    found = Chosen([], [])
    ends: dict[tuple[str, int], int] = {}
    for file in sorted(files, key=lambda one: (one.topic, one.partition, one.first, -one.last, one.day, one.schema_id)):
        place = (file.topic, file.partition)
        end = ends.get(place, 0)
        if file.last < end:
            found.superseded.append(file)
            continue
        found.parts.append(Part(file, max(file.first, end)))
        ends[place] = file.last + 1
    return found


class ArchiveStore:
    """A folder or object store that holds an archive.

    Args:
        url: a path, or an address that fsspec knows. Credentials and end point of S3 come from the usual AWS variables.

    Raises:
        ArchiveUnusable: nobody knows such an address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # Listings are never remembered: another process writes here.
            self.filesystem, root = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
        except (ValueError, ImportError) as error:
            raise ArchiveUnusable(f"ROBOCALL_ARCHIVE_URL={url}: {error}") from error
        self.root: str = root.rstrip("/")
        self.is_local = isinstance(self.filesystem, LocalFileSystem)
        # Each object store has errors of its own, with no common root.
        self._fault_types: tuple[type[Exception], ...] = _LOCAL_FAULTS if self.is_local else (Exception,)

    def files(self, topic: str) -> list[ArchiveFile]:
        """List the complete files of a topic, in no particular order."""
        with self._faults("list"):
            try:
                found: dict[str, Any] = self.filesystem.find(f"{self.root}/{topic}", detail=True)
            except FileNotFoundError:
                return []
        files = []
        for path, info in found.items():
            name = _NAME.fullmatch("/".join(path.split("/")[-2:]))
            if name:
                day, partition, first, last, schema_id = name.groups()
                place = (topic, int(partition), int(first), int(last), day, schema_id)
                files.append(ArchiveFile(*place, int(info["size"]), _modified_s(info)))
        return files

    def address(self, file: ArchiveFile) -> str:
        """The file's address for a program that opens it through `filesystem`."""
        return f"{self.root}/{file.path}"

    @contextmanager
    def open(self, file: ArchiveFile) -> Iterator[Any]:
        """Open a file as `pyarrow.parquet.ParquetFile`."""
        with (
            self._faults("read"),
            self.filesystem.open(self.address(file), "rb") as raw,
            pq.ParquetFile(raw) as parquet,
        ):
            yield parquet

    @contextmanager
    def create(self, file: ArchiveFile, schema: Any) -> Iterator[Any]:
        """Write a file through a `pyarrow.parquet.ParquetWriter`; it appears whole when the block ends, or not at all.

        A folder gets it by renaming a temporary file that is on the disk, an object store by one put.
        """
        with self._faults("write"), self._draft(file) as draft:
            with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
                yield writer
            if self.is_local:
                _publish(draft, Path(self.address(file)))
            else:
                self.filesystem.put_file(str(draft), self.address(file))

    @contextmanager
    def _draft(self, file: ArchiveFile) -> Iterator[Path]:
        """A temporary file: in the folder itself, so that it can be renamed, else wherever this machine has them."""
        if self.is_local:
            folder = Path(self.address(file)).parent
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = Path(tempfile.gettempdir())
        draft = folder / f".{Path(file.path).stem}-{uuid.uuid4().hex}{UNFINISHED}"
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def delete(self, file: ArchiveFile) -> None:
        """Delete a file; one that is gone already is no error. A folder that it leaves empty goes as well."""
        with self._faults("delete"), contextlib.suppress(FileNotFoundError):
            self.filesystem.rm_file(self.address(file))
        if self.is_local:
            with contextlib.suppress(OSError):  # not empty
                Path(self.address(file)).parent.rmdir()

    def unfinished(self, topic: str) -> list[Path]:
        """Temporary files that a killed writer left in a folder; an object store has none."""
        return sorted(Path(self.root, topic).glob(f"day=*/.*{UNFINISHED}")) if self.is_local else []

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except RobocallError:
            raise
        except self._fault_types as error:
            if doing == "read" and isinstance(error, FileNotFoundError):
                raise ArchiveUnusable(f"a file of {self.url} went meanwhile (compact, prune): run it again") from error
            raise ArchiveUnusable(
                f"cannot {doing} the archive at {self.url} ({error}): check ROBOCALL_ARCHIVE_URL"
            ) from error


def _modified_s(info: dict[str, Any]) -> float:
    """Epoch seconds of the last change, under whatever name this kind of storage has it; 0 where it tells none."""
    found = info.get("mtime") or info.get("LastModified") or info.get("updated") or 0.0
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    return found.timestamp() if isinstance(found, datetime) else float(found)


def _publish(draft: Path, final: Path) -> None:
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def day_of(timestamp_ms: int) -> str:
    """UTC day of an instant, `YYYY-MM-DD`."""
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC).date().isoformat()
