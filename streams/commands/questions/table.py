"""Questions as a table to be filled in, which `robocall feedback import` takes back."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TextIO

from detector.contract.errors import RobocallError
from detector.contract.events import TEXT_LIMIT
from models.data.cells import as_it_was, inert, separator_of
from streams.commands.questions.asked import Asked
from streams.running.printable import printable

MOST_BYTES = 64 * 1024 * 1024
CELL_LIMIT = 32_000
"""Characters of a cell: spreadsheets cut longer ones off."""
COLUMNS = (
    "question",
    "verdict",
    "campaign",
    "calls",
    "asked_because",
    "reasons",
    "said_so_far",
    "examples",
    "call_ids",
)


def write_table(questions: Sequence[Asked], out: BinaryIO, answered: Sequence[Mapping[str, str]] = ()) -> None:
    """Write the questions as CSV, a line each, with an empty column `verdict` for the answers.

    `robocall feedback import` takes the table once that is filled in. Call ids with blanks in them, and those beyond
    what a cell holds, are left out. No cell is a formula.

    Args:
        questions: What is asked, in order.
        out: Takes the table; writing blocks.
        answered: Rows of an older table that stay, before the others.

    Raises:
        OSError: it cannot be written.
    """
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(answered, 1):
        writer.writerow([number, *(row.get(column, "") for column in COLUMNS[1:])])
    for number, asked in enumerate(questions, len(answered) + 1):
        lists = ("; ".join(asked.reasons), asked.said, "; ".join(asked.examples))
        cells = [inert(printable(cell)) for cell in (asked.what[:TEXT_LIMIT], asked.calls, asked.why, *lists)]
        writer.writerow([number, "", *cells, inert(" ".join(listed_ids(asked.call_ids)))])
    text.detach()


def is_table(path: Path) -> bool:
    """Whether a table of questions is or may be there: a file with its columns, or none yet."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return set(COLUMNS) <= set(_table_of(file).fieldnames or ())
    except FileNotFoundError:
        return True
    except (OSError, csv.Error):
        return False


class QuestionsUnreadable(RobocallError):
    """A table of questions that cannot be read."""


def rows_of(table: Path) -> list[dict[str, str]]:
    """All rows of a table, none where it is not there.

    Raises:
        QuestionsUnreadable: it cannot be read, or is too large, so that nobody takes it for one without answers.
    """
    try:
        if table.stat().st_size > MOST_BYTES:
            raise QuestionsUnreadable(f"{table} is larger than {MOST_BYTES} bytes: name another table")
        with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return [{name: text or "" for name, text in row.items() if name} for row in _table_of(file)]
    except FileNotFoundError:
        return []
    except (OSError, csv.Error) as error:
        raise QuestionsUnreadable(f"{table} cannot be read ({error}): mend it, or move it away") from error


def _table_of(file: TextIO) -> "csv.DictReader[str]":
    header = file.readline()
    return csv.DictReader(chain([header], file), delimiter=separator_of(header))


def answered_rows(table: Path) -> list[dict[str, str]]:
    """Rows in which somebody filled in a verdict; errors as of `rows_of`."""
    return [row for row in rows_of(table) if row.get("verdict", "").strip()]


def ids_in(table: Path) -> list[str]:
    """Ids of all calls that the questions of a table name, answered or not.

    Raises:
        QuestionsUnreadable: it cannot be read, or is no table of questions.
    """
    if not is_table(table):
        raise QuestionsUnreadable(f"{table} is no table of questions: name one that `robocall ask --table` wrote")
    return [call_id for row in rows_of(table) for call_id in as_it_was(row["call_ids"]).split()]


def listed_ids(call_ids: Sequence[str]) -> tuple[str, ...]:
    """Those of some call ids that a table has, as `write_table` says."""
    found, length = [], 0
    for call_id in call_ids:
        length += len(call_id) + 1
        if length > CELL_LIMIT:
            break
        if call_id.split() == [call_id]:
            found.append(call_id)
    return tuple(found)
