"""Files of call detail records, row by row: ends that can be published, and rows that cannot with their number."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO, cast

from streams.bridge.events import EventInvalid, Fields, event_fields
from streams.bridge.records.mapping import Columns, MappingInvalid, RowInvalid, row_fields

SUFFIXES = (".csv", ".csv.gz")
MOST_OF_A_CELL = 64 * 1024


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        file: its name.
        number: of its line in the file; the heading is line 1.
        end: fields of a `call_end`; None for a row that is left out or wrong.
        complaint: what is wrong; None for one that is right or left out.
    """

    file: str
    number: int
    end: Fields | None
    complaint: str | None


def files_of(path: Path) -> list[Path]:
    """The file, or those of a folder that are tables, in order of their names.

    Raises:
        MappingInvalid: there is none.
    """
    found = sorted(one for one in path.iterdir() if one.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not found or not all(one.is_file() for one in found):
        raise MappingInvalid(f"{path}: no file, nor a folder with any of {', '.join(SUFFIXES)}")
    return found


def rows_of(path: Path, columns: Columns) -> Iterator[Row]:
    """Read a file row by row. It blocks for the disk; a row that is wrong stops nothing.

    Raises:
        OSError: the file cannot be read.
    """
    csv.field_size_limit(MOST_OF_A_CELL)
    with _opened(path, columns.csv.encoding) as file:
        reader = csv.DictReader(file, delimiter=columns.csv.delimiter)
        rows = iter(reader)
        while True:
            try:
                row = next(rows, None)
            except (csv.Error, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield Row(path.name, reader.line_num, None, f"no table from here on ({type(error).__name__})")
                return
            if row is None:
                return
            yield _row(path.name, reader.line_num, row, columns)


def _row(file: str, number: int, row: dict[str | None, str | None], columns: Columns) -> Row:
    try:
        said = row_fields(columns, cast("dict[str, str | None]", row))
        return Row(file, number, None if said is None else event_fields(said), None)
    except (RowInvalid, EventInvalid) as error:
        return Row(file, number, None, str(error))


def _opened(path: Path, encoding: str) -> TextIO:
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    if path.name.endswith(".gz"):
        return cast("TextIO", gzip.open(path, "rt", encoding=encoding, newline=""))
    return path.open(encoding=encoding, newline="")
