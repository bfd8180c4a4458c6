"""Take a number out of the archive: each file that has a record with it is written anew without those records."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from detector.contract.numbers import naming
from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, ArchiveUnusable
from streams.archive.numbers import NumberKey, kept_forms
from streams.archive.sink import NUMBERS, PLAIN, REFUSED, file_metadata


def erase(
    store: ArchiveStore, topic: str, number: str, key: NumberKey | None, *, dry_run: bool = False
) -> Iterator[tuple[ArchiveFile, int]]:
    """Take the records with a number out of the files of a topic; yields each file and how many records went.

    Called by `robocall erase`. A record goes if the number stands anywhere in it, in any form in which switches write
    it: as calling number, as called number, in a list or within a text. A file without it is only read. It blocks for
    one file at a time, and reads the whole topic; stopping between two yields leaves files before erased and those
    after as they were. Files that appear meanwhile are read too: a merge may have read its parts before they were
    erased. So is what was written anew, once more.

    Args:
        store: the archive.
        topic: one of `ARCHIVED`.
        number: E.164.
        key: the archive's own, where it keeps digests of numbers.
        dry_run: only count.

    Raises:
        ArchiveUnusable: a file keeps numbers under another key than `key`, or cannot be read.
        StorageError: a file cannot be read or written.
    """
    seen: set[ArchiveFile] = set()
    while fresh := sorted(set(store.files(topic)) - seen):
        seen.update(fresh)
        for file in fresh:
            try:
                with store.open(file) as parquet:
                    pattern = naming(_kept_as(store, file, parquet, number, key))
                    gone = sum(_holds(table, pattern).sum().as_py() or 0 for table in _tables(parquet))
                if gone and not dry_run:
                    _rewrite(store, file, pattern)
            except ArchiveUnusable:
                if file.path in {one.path for one in store.files(topic)}:
                    raise
                continue  # it was merged and deleted: its records stand in a file that is read as well
            yield file, gone


def _kept_as(
    store: ArchiveStore, file: ArchiveFile, parquet: Any, number: str, key: NumberKey | None
) -> tuple[str, ...]:
    """How the file may have the number."""
    kept = parquet.metadata.metadata.get(NUMBERS, PLAIN.encode()).decode()
    if kept == PLAIN:
        return kept_forms(number, None)
    if key is None or kept != key.identity:
        raise ArchiveUnusable(
            f"{file.path} in {store.url} has numbers under the key {kept}: set that ROBOCALL_ARCHIVE_NUMBER_KEY"
        )
    return kept_forms(number, key)


def _tables(parquet: Any) -> Iterator[Any]:
    for batch in parquet.iter_batches(ROWS_PER_GROUP):
        yield pa.Table.from_batches([batch])


def _holds(table: Any, pattern: str) -> Any:
    """Which rows have the number, shape (n_rows,)."""
    flat = table.flatten()
    while any(pa.types.is_struct(field.type) for field in flat.schema):
        flat = flat.flatten()
    found = [_matches(column.combine_chunks(), pattern) for column in flat.columns]
    none = pa.array([False] * table.num_rows)
    return reduce(pc.or_, [one for one in found if one is not None], none)


def _matches(column: Any, pattern: str) -> Any | None:
    """Rows of a column of texts, of lists of texts or of texts by name that match; None where it has no text."""
    if pa.types.is_string(column.type):
        return pc.fill_null(pc.match_substring_regex(column, pattern), fill_value=False)
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return _matches(pc.binary_join(column, "\n"), pattern)
    if pa.types.is_map(column.type) and pa.types.is_string(column.type.item_type):
        return _matches(pa.ListArray.from_arrays(column.offsets, column.items), pattern)
    return None


def _rewrite(store: ArchiveStore, file: ArchiveFile, pattern: str) -> None:
    """Write the file anew, in its place, without the rows that match."""
    with store.open(file) as parquet:
        metadata = parquet.metadata.metadata
        sought_rows = min(parquet.metadata.num_rows, ROWS_PER_GROUP)
        with store.create(file, parquet.schema_arrow, sought_rows) as writer:
            for table in _tables(parquet):
                writer.write_table(table.filter(pc.invert(_holds(table, pattern))), row_group_size=ROWS_PER_GROUP)
            kept_as, refused = metadata.get(NUMBERS, PLAIN.encode()).decode(), int(metadata.get(REFUSED, b"0"))
            writer.add_key_value_metadata(file_metadata(file, kept_as, refused))
