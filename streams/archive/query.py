"""DuckDB views over the archive: SQL for people, read-only, nothing reachable but the archive itself."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from detector.contract.errors import RobocallError
from streams.archive.files import ArchiveFile, ArchiveStore, Chosen, chosen
from streams.archive.schema import OFFSET, SCHEMAS

FILES_VIEW = "archive_files"
MOST_THREADS = 2
"""Where memory is bounded."""
_UNREACHABLE_EXTENSIONS = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_FILE_COLUMNS = pa.schema(
    [
        ("topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("first_offset", pa.int64()),
        ("last_offset", pa.int64()),
        ("day", pa.string()),
        ("size_bytes", pa.int64()),
        ("counts", pa.bool_()),
    ]
)


class QueryRefused(RobocallError):
    """A query that is no query, or that DuckDB refuses."""


class DuckDbMissing(QueryRefused):
    """This installation has no DuckDB."""


def view_of(topic: str) -> str:
    """Name of a topic's view: `call-events` is `call_events`."""
    return topic.replace("-", "_")


def duckdb() -> Any:
    """The module, which not every installation has.

    Raises:
        DuckDbMissing: it is missing.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise DuckDbMissing("DuckDB is not installed: pip install '.[archive]' in the checkout") from error
    return duckdb


@contextmanager
def connected(store: ArchiveStore, memory_bytes: int | None = None) -> Iterator[Any]:
    """A DuckDB connection with one view a topic, each record once, and `archive_files`. Blocks: for a command's thread.

    Files are those of this instant. Of a query with `day = DATE '2026-11-25'` only the files of that day are read. What
    a query cannot hold in memory waits in a folder of this user alone, below TMPDIR, and goes with the connection.

    Args:
        store: The archive.
        memory_bytes: Most that queries hold in memory; their rows then come in no order unless they ask for one.
            None: most of the machine's memory.

    Raises:
        QueryRefused: DuckDB is missing, or cannot make the views.
        StorageError: the archive cannot be listed.
    """
    module = duckdb()
    with TemporaryDirectory(prefix="robocall-query-") as spill:
        bounds = {} if memory_bytes is None else _bounds(memory_bytes)
        connection = module.connect(config={**_UNREACHABLE_EXTENSIONS, "temp_directory": spill, **bounds})
        with contextlib.closing(connection):
            try:
                _prepare(connection, store)
            except module.Error as error:
                raise refused(error) from error
            yield connection


def _bounds(memory_bytes: int) -> dict[str, Any]:
    """Settings of DuckDB; each thread needs its part of the memory, so there are few."""
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    return {"memory_limit": f"{memory_bytes}B", "preserve_insertion_order": False, "threads": threads}


def _prepare(connection: Any, store: ArchiveStore) -> None:
    connection.execute("SET python_enable_replacements = false")
    if store.filesystem is not None:
        connection.register_filesystem(store.filesystem)
    listed = {topic: chosen(store.files(topic)) for topic in SCHEMAS}
    for topic, files in listed.items():
        _make_view(connection, store, topic, files)
    connection.register(FILES_VIEW, _file_table(list(listed.values())))
    connection.execute(f"SET allowed_directories = [{quoted(store.address() + '/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _make_view(connection: Any, store: ArchiveStore, topic: str, files: Chosen) -> None:
    name = view_of(topic)
    schema = SCHEMAS[topic].append(pa.field("day", pa.date32()))
    connection.register(f"no_{name}", schema.empty_table())  # so that the columns are there when no file is
    branches = [f"SELECT * FROM no_{name}"]  # noqa: S608 - our own names
    # Files of one schema in one reading: DuckDB then opens the first of them, and no other until rows are wanted.
    whole: dict[str, list[ArchiveFile]] = {}
    for part in files.parts:
        if part.begin == part.file.first:
            whole.setdefault(part.file.schema_id, []).append(part.file)
        else:
            branches.append(f"{_read(store, [part.file])} WHERE {OFFSET} >= {part.begin}")
    branches += [_read(store, of_one_schema) for of_one_schema in whole.values()]
    connection.execute(f"CREATE VIEW {name} AS {' UNION ALL BY NAME '.join(branches)}")


def _read(store: ArchiveStore, files: Sequence[ArchiveFile]) -> str:
    names = ", ".join(quoted(store.address(file)) for file in files)
    options = "hive_partitioning = true, hive_types = {'day': DATE}"
    return f"SELECT * FROM read_parquet([{names}], {options})"  # noqa: S608 - our own names, quoted


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _file_table(listed: Sequence[Chosen]) -> Any:
    counting = [(part.file, True) for files in listed for part in files.parts]
    others = [(file, False) for files in listed for file in files.superseded]
    rows = [
        (file.topic, file.partition, file.first, file.last, file.day, file.size_bytes, counts)
        for file, counts in counting + others
    ]
    return pa.Table.from_pylist(
        [dict(zip(_FILE_COLUMNS.names, row, strict=True)) for row in rows], schema=_FILE_COLUMNS
    )


def ask(connection: Any, sql: str, values: Sequence[object] = ()) -> Any:
    """Run one query and return DuckDB's cursor with its result, not fetched yet. It blocks for DuckDB.

    Args:
        connection: Of `connected`; a later query on it ends the result of this one.
        sql: One statement that only reads.
        values: For each `?` in it, in order.

    Raises:
        QueryRefused: it is not exactly one statement that only reads, or DuckDB refuses it; the message is DuckDB's.
    """
    module = duckdb()
    try:
        statements = module.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != module.StatementType.SELECT:
            raise QueryRefused("give one SELECT: the archive is read-only (SHOW TABLES and DESCRIBE call_events work)")
        return connection.execute(sql, list(values))
    except module.Error as error:
        raise refused(error) from error


def refused(error: Exception) -> QueryRefused:
    """DuckDB's complaint in one line."""
    text = str(error).strip().splitlines()
    is_gone = any(words in str(error) for words in ("No such file", "No files found"))
    advice = ": it went meanwhile (compact, prune), ask again" if is_gone else ""
    return QueryRefused((text[0] if text else type(error).__name__) + advice)
