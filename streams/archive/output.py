"""Results of a query for a person (a table) or a program (CSV, JSON lines), fetched as they are written.

A `cursor` is what `streams.archive.query.ask` gives. Writing blocks for DuckDB, which reads files, and for whoever
reads the output; what is held is `ROWS_AT_A_TIME` rows, and what DuckDB needs for the query.
"""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from models.data.cells import inert
from streams.archive.query import duckdb, refused
from streams.running.printable import printable

ROWS_AT_A_TIME = 1_000
SHOWN_ROWS = 100
"""Rows of a table for a person."""
NARROWEST_COLUMN = 10
"""Characters below which a column is not worth reading."""

_ENCODER = msgspec.json.Encoder(enc_hook=str)


def names_of(cursor: Any) -> list[str]:
    """Columns of a result."""
    return [column[0] for column in cursor.description]


def fetched(cursor: Any) -> Iterator[Sequence[Any]]:
    """Rows of a result, as they come.

    Raises:
        QueryRefused: DuckDB met a fault on the way.
    """
    error_type = duckdb().Error
    try:
        while rows := cursor.fetchmany(ROWS_AT_A_TIME):
            yield from rows
    except error_type as error:
        raise refused(error) from error


def write_json(cursor: Any, out: BinaryIO) -> None:
    """Write one JSON object a row and line.

    Raises:
        QueryRefused: DuckDB met a fault on the way; the rows before it are written.
        OSError: nobody reads the output any more, or its disk is full.
    """
    names = names_of(cursor)
    out.writelines(_ENCODER.encode(dict(zip(names, row, strict=True))) + b"\n" for row in fetched(cursor))


def write_csv(cursor: Any, out: BinaryIO) -> None:
    """Write a header, then one line a row; lists and structs as JSON, null as nothing.

    Spreadsheets take a cell that begins like a formula for one: a text that does, and is no number, gets an apostrophe
    before it (https://owasp.org/www-community/attacks/CSV_Injection). It raises as `write_json` does.
    """
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names_of(cursor))
    writer.writerows([inert(_plain(value)) for value in row] for row in fetched(cursor))
    text.detach()


def show(cursor: Any, console: Console) -> None:
    """Show the first rows as a table; one field a line where the columns are too many for the width.

    Raises:
        QueryRefused: DuckDB met a fault on the way.
    """
    names = names_of(cursor)
    is_wide = len(names) * NARROWEST_COLUMN > console.width
    table = Table("column", "value") if is_wide else Table(*(escape(printable(name)) for name in names))
    rows = fetched(cursor)
    for _, row in zip(range(SHOWN_ROWS), rows, strict=False):
        cells = [Text("" if value is None else printable(str(_plain(value)))) for value in row]
        if is_wide:
            for name, cell in zip(names, cells, strict=True):
                table.add_row(Text(printable(name)), cell)
            table.add_section()
        else:
            table.add_row(*cells)
    console.print(table)
    if next(rows, None) is not None:
        sys.stderr.write(f"the first {SHOWN_ROWS} rows; --csv and --json give all\n")


def _plain(value: Any) -> Any:
    return _ENCODER.encode(value).decode() if isinstance(value, list | dict | tuple) else value
