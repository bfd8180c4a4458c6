"""Keep the archive tidy: small files merged to large ones, days past their retention deleted.

Files of past days are merged as far as they may be. Those of the running day are merged by the dozen, and then again
with others of their size: so a partition has some twenty at any hour, and a record is rewritten some five times a day.

Merged files are made for looking calls up: rows stay in order of arrival, so that the statistics of a row group say
which times it has, and Bloom filters say which numbers (`streams.archive.calls`).

Both may be killed at any instant and started again. A merged file appears whole beside its parts and counts instead of
them (`streams.archive.files.chosen`); they are deleted a while later, when no reader can still have listed them.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, Part, chosen
from streams.archive.schema import OFFSET, schema_id
from streams.archive.sink import NUMBERS, PLAIN, REFUSED, file_metadata, latest_files

LARGEST_BYTES = 512 * 1024 * 1024
"""Files are not merged beyond this size."""
FEWEST_OF_TODAY = 12
"""So many neighbours of a day that still grows are merged at least: an hour of a sink at its defaults."""
GRACE_S = 3_600.0
"""How long parts stay after they were merged: longer than any query takes."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Parts of one partition and day that became one file, the offsets without a hole."""

    file: ArchiveFile
    parts: tuple[Part, ...]


def runs(parts: Iterable[Part], today: str, largest_bytes: int = LARGEST_BYTES) -> Iterator[list[Part]]:
    """Group the parts that are to be merged: neighbours of one partition and day.

    Args:
        parts: Of a topic, by partition and offset.
        today: The day that still grows, `YYYY-MM-DD`; of later ones too as many are merged as of that.
        largest_bytes: Of a merged file.
    """
    run: list[Part] = []
    for part in parts:
        if run and not _continues(run, part, largest_bytes):
            yield from _worth(run, today)
            run = []
        run.append(part)
    yield from _worth(run, today)


def _worth(run: list[Part], today: str) -> Iterator[list[Part]]:
    """What of a run is merged. Of a day that grows a file waits until those behind it are as large together."""
    fewest = 2
    if run and run[0].file.day >= today:
        fewest = FEWEST_OF_TODAY
        sizes = [part.file.size_bytes for part in run]
        while sizes and sizes[0] > sum(sizes[1:]):
            del sizes[0]
        run = run[len(run) - len(sizes) :]
    if len(run) >= fewest:
        yield run


def _continues(run: list[Part], part: Part, largest_bytes: int) -> bool:
    last = run[-1].file
    return (
        (last.topic, last.partition, last.day) == (part.file.topic, part.file.partition, part.file.day)
        and part.begin == last.last + 1  # records that are missing stay visible as a hole between two files
        and sum(one.file.size_bytes for one in run) + part.file.size_bytes <= largest_bytes
    )


def compact(store: ArchiveStore, topic: str, today: str) -> Iterator[Merged]:
    """Merge the small files of a topic, those of `today` (`YYYY-MM-DD`) by the dozen; yields after each merged file.

    Called by `robocall archive compact`, in a process of its own, while the sink may write. It blocks: files are read
    and written between two yields. Stopping anywhere loses nothing, since the parts stay until `clear` deletes them.
    Where a part was written anew meanwhile, a number was erased from it: then the merged file goes, and a later run
    merges again.

    Raises:
        StorageError: a file cannot be read or written, or a page of it is damaged.
        ArchiveUnusable: a file went meanwhile, or is no Parquet file.
    """
    for run in runs(chosen(store.files(topic)).parts, today):
        # The first one whole, or the merged file would not take its place.
        parts = [Part(run[0].file, run[0].file.first), *run[1:]]
        merged = _merge(store, parts)
        now = {file.path: file for file in store.files(topic, run[0].file.day)}
        if any(now.get(part.file.path) != part.file for part in run):
            store.delete(merged)
        else:
            yield Merged(merged, tuple(run))


def _merge(store: ArchiveStore, run: list[Part]) -> ArchiveFile:
    schemas, numbers, refused, n_rows = [], PLAIN, 0, 0
    for part in run:
        with store.open(part.file) as parquet:
            schemas.append(parquet.schema_arrow)
            metadata: Mapping[bytes, bytes] = parquet.metadata.metadata
            numbers = metadata[NUMBERS].decode()
            refused += int(metadata[REFUSED])
            n_rows += parquet.metadata.num_rows
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    first, last = run[0].file, run[-1].file
    file = ArchiveFile(first.topic, first.partition, first.first, last.last, first.day, schema_id(schema))
    with store.create(file, schema, min(n_rows, ROWS_PER_GROUP)) as writer:
        for table in _groups(store, run, schema):
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        writer.add_key_value_metadata(file_metadata(file, numbers, refused))
    return file


def _groups(store: ArchiveStore, run: list[Part], schema: Any) -> Iterator[Any]:
    """Rows of the parts as tables of about `ROWS_PER_GROUP`."""
    waiting: list[Any] = []
    for part in run:
        with store.open(part.file) as parquet:
            for batch in parquet.iter_batches(ROWS_PER_GROUP):
                table = pa.Table.from_batches([batch])
                waiting.append(_with_columns(table.filter(pc.field(OFFSET) >= part.begin), schema))
                if sum(one.num_rows for one in waiting) >= ROWS_PER_GROUP:
                    yield pa.concat_tables(waiting)
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _with_columns(table: Any, schema: Any) -> Any:
    """The table with the columns of the schema; null where an older build wrote none."""
    columns = [
        table.column(field.name).cast(field.type) if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)


def clear(store: ArchiveStore, topic: str, grace_s: float = GRACE_S) -> list[ArchiveFile]:
    """Delete files whose every record another one holds, when that one is older than `grace_s`; return them.

    Temporary files that a killed writer left go too, after a day. It blocks, and may be repeated. The grace is for
    queries that have listed the old files and still read them.

    Raises:
        StorageError: the archive cannot be listed, or a file not be deleted.
    """
    now_s = time.time()
    store.remove_abandoned(topic)
    found = chosen(store.files(topic))
    deleted = []
    for file in found.superseded:
        holders = [part.file for part in found.parts if _overlap(part.file, file)]
        if all(now_s - holder.modified_s > grace_s for holder in holders):
            store.delete(file)
            deleted.append(file)
    return deleted


def _overlap(one: ArchiveFile, other: ArchiveFile) -> bool:
    return one.partition == other.partition and one.first <= other.last and other.first <= one.last


def expired(store: ArchiveStore, topic: str, days: int, today: str) -> list[ArchiveFile]:
    """Files of the days of a topic that are more than `days` before `today` (`YYYY-MM-DD`), oldest first.

    It blocks for listing the topic and for opening a file of each partition.

    Raises:
        StorageError: the archive cannot be listed or read.
        ArchiveUnusable: a file went meanwhile, or is no Parquet file.
    """
    oldest = (datetime.fromisoformat(today).replace(tzinfo=UTC) - timedelta(days=days)).date().isoformat()
    newest = _newest(store, topic)
    found = [file for file in store.files(topic) if file.day < oldest]
    kept = {file.path for file in found if file.path in newest and _is_empty(store, file)}
    return sorted((file for file in found if file.path not in kept), key=lambda file: (file.day, file.path))


def prune(store: ArchiveStore, topic: str, files: Iterable[ArchiveFile]) -> Iterator[ArchiveFile]:
    """Delete the files; yields after each.

    The newest file of a partition is emptied instead: where the sink goes on stands in its name, and a sink that began
    anew would bring back what was deleted. It blocks; stopping between two yields leaves the rest as it was.

    Raises:
        StorageError: a file cannot be deleted or emptied.
        ArchiveUnusable: one to be emptied went meanwhile, or is no Parquet file.
    """
    newest = _newest(store, topic)
    for file in files:
        if file.path in newest:
            _empty(store, file)
        else:
            store.delete(file)
        yield file


def _newest(store: ArchiveStore, topic: str) -> set[str]:
    return {file.path for file in latest_files(store, [topic]).values()}


def _is_empty(store: ArchiveStore, file: ArchiveFile) -> bool:
    with store.open(file) as parquet:
        return bool(parquet.metadata.num_rows == 0)


def _empty(store: ArchiveStore, file: ArchiveFile) -> None:
    with store.open(file) as parquet:
        schema, metadata = parquet.schema_arrow, dict(parquet.metadata.metadata)
    with store.create(file, schema) as writer:
        writer.add_key_value_metadata(file_metadata(file, metadata[NUMBERS].decode(), int(metadata[REFUSED])))
