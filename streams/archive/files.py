"""Files of the archive: their names, which of them count, and how they appear and go in one step.

A file is `TOPIC/day=YYYY-MM-DD/pPARTITION-FIRST-LAST-SCHEMA.parquet`: it holds what the archive has of the offsets
FIRST to LAST of that partition, in the columns that SCHEMA is a digest of. The files are the only memory of what was
archived: where a sink goes on, and which of two files with the same records counts, follows from their names
(`chosen`). Storage is whatever fsspec knows.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from detector.contract.errors import RobocallError
from models.errors import StoredFileUnusable
from models.store.folder import open_to_others
from models.store.opening import open_storage
from models.store.storage import Drafts, StoredFile

ROWS_PER_GROUP = 100_000
SOUGHT = ("calling_number", "called_number", "call_id", "decision_id")
"""Columns that people look calls up by. What they look for is in few row groups: Bloom filters say in which."""
FALSE_HITS = 0.01
"""Share of row groups that such a filter takes for holding what they do not hold."""
ABANDONED_S = 24 * 3_600.0
"""Age at which the draft of a file belongs to a writer that was killed."""
DRAFTS = Drafts(".{stem}-{random}.unfinished", ABANDONED_S)
_NAME = re.compile(r"day=(\d{4}-\d{2}-\d{2})/p(\d{5})-(\d{20})-(\d{20})-([0-9a-f]{8})\.parquet")


class ArchiveUnusable(RobocallError):
    """A file of the archive cannot be used, or the archive does not fit the topics."""


@dataclass(frozen=True, slots=True, order=True)
class ArchiveFile:
    """One file of a topic.

    Attributes:
        topic: Its topic.
        partition: Its partition of that topic.
        first: First offset that it stands for.
        last: Last one, itself inclusive.
        day: UTC day of arrival, `YYYY-MM-DD`.
        schema_id: Of its columns (`streams.archive.schema.schema_id`).
        size_bytes: As the store says; 0 for one that is not written yet.
        modified_s: When it appeared by the store's clock, epoch seconds; likewise.
    """

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
    """A folder or object store that holds an archive. Every method blocks.

    Args:
        url: a path, or an address that fsspec knows. Credentials and end point of S3 come from the usual AWS variables.

    Raises:
        StorageError: nobody knows such an address; by every method, when the place does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        # Records hold phone numbers, so they are for their owner only.
        self._storage = open_storage(
            url, holds="the archive", setting="ROBOCALL_ARCHIVE_URL", drafts=DRAFTS, is_private=True
        )

    @property
    def url(self) -> str:
        """Where the archive is, without credentials."""
        return self._storage.url

    @property
    def filesystem(self) -> Any | None:
        """Fsspec's file system, through which another program opens an `address`; None for a folder."""
        return self._storage.filesystem

    def complaint(self) -> str | None:
        """What to say of a folder where others may change what was archived; None where all is well."""
        folder = open_to_others(self._storage.folder)
        return None if folder is None else f"others may change what the archive keeps in {folder}: chmod go-w"

    def files(self, topic: str, day: str | None = None) -> list[ArchiveFile]:
        """List the complete files of a topic, or those of one of its days, in no particular order."""
        below = topic if day is None else f"{topic}/day={day}"
        found = (_archived(topic, stored) for stored in self._storage.files(below, deep=True))
        return [file for file in found if file is not None]

    def address(self, file: ArchiveFile | None = None) -> str:
        """Address of a file, or of the whole archive, for another program: a path, or a URL for `filesystem`."""
        return self._storage.address("" if file is None else file.path)

    @contextmanager
    def open(self, file: ArchiveFile) -> Iterator[Any]:
        """Open a file as `pyarrow.parquet.ParquetFile`, which reads what is asked of it until the block ends.

        Raises:
            ArchiveUnusable: it went meanwhile, or is no Parquet file.
            StorageError: the place does not answer or refuses; also by the block, where a page of the file is damaged.
        """
        try:
            with self._storage.open(file.path) as raw, pq.ParquetFile(raw) as parquet:
                yield parquet
        except StoredFileUnusable as error:
            raise ArchiveUnusable(f"a file of {self.url} went meanwhile (compact, prune): run it again") from error
        except pa.ArrowException as error:
            raise ArchiveUnusable(f"cannot read {file.path} in the archive at {self.url} ({error})") from error

    @contextmanager
    def create(self, file: ArchiveFile, schema: Any, sought_rows: int = 0) -> Iterator[Any]:
        """Write a file through a `pyarrow.parquet.ParquetWriter`; it appears whole when the block ends, or not at all.

        One of the same name is replaced.

        Args:
            file: Its name.
            schema: Its columns.
            sought_rows: Rows of its largest row group, if the columns that calls are looked up by get Bloom filters;
                0 = none. Each takes a little more than a byte a row.

        Raises:
            ArchiveUnusable: pyarrow cannot write what it is given.
        """
        filters = {name: {"ndv": max(1, sought_rows), "fpp": FALSE_HITS} for name in SOUGHT if name in schema.names}
        options = {"compression": "zstd", "bloom_filter_options": filters if sought_rows else None}
        try:
            with self._storage.draft(file.path) as draft, pq.ParquetWriter(draft, schema, **options) as writer:
                yield writer
        except pa.ArrowException as error:
            raise ArchiveUnusable(f"cannot write {file.path} to the archive at {self.url} ({error})") from error

    def delete(self, file: ArchiveFile) -> None:
        """Delete a file; one that is gone already is no error. A folder that it leaves empty goes as well."""
        self._storage.delete(file.path)

    def remove_abandoned(self, topic: str) -> None:
        """Delete the drafts of killed writers that are older than a day; an object store has none."""
        self._storage.remove_abandoned(topic, deep=True)


def _archived(topic: str, stored: StoredFile) -> ArchiveFile | None:
    """The file of the archive that a stored file is; None for a stranger."""
    name = _NAME.fullmatch("/".join(stored.path.split("/")[-2:]))
    if name is None:
        return None
    day, partition, first, last, schema_id = name.groups()
    place = (topic, int(partition), int(first), int(last), day, schema_id)
    return ArchiveFile(*place, stored.size_bytes, stored.changed_ms / 1_000)


def day_of(timestamp_ms: int) -> str:
    """UTC day of an instant, `YYYY-MM-DD`."""
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC).date().isoformat()
