"""A carrier's own table of trunk groups (CSV) into entries of the register. Knows no file and no command."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from streams.upstreams.entries import Upstream, UpstreamsInvalid, checked

FIELDS = tuple(name for name in Upstream.model_fields if name != "registration")
"""What a column may be."""
_DATES = ("contract_date", "reviewed_date")
_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})


def read_table(
    lines: Iterable[str], columns: Mapping[str, str], *, delimiter: str = ",", day_format: str = "%Y-%m-%d"
) -> tuple[Upstream, ...]:
    """Make entries of a table with a heading.

    Args:
        lines: Text of the table.
        columns: Name of the column by field; a field that is not named is looked for under its own name.
        delimiter: Between two cells.
        day_format: Of dates, as `strptime` has it.

    Raises:
        UpstreamsInvalid: a column is not there, or a line breaks a rule: one sentence with its number.
    """
    reader = csv.DictReader(lines, delimiter=delimiter)
    try:
        used = _columns(reader.fieldnames or (), columns)
        rows, numbers = [], []
        for row in reader:
            rows.append(_entry(row, used, day_format, reader.line_num))
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise UpstreamsInvalid(f"line {reader.line_num}: no CSV: {error}") from error
    if not rows:
        raise UpstreamsInvalid("it has no line below its heading: give the whole table")
    for row, number in zip(rows, numbers, strict=True):
        checked({"upstreams": [row]}, "line", number)
    return checked({"upstreams": rows}, "entry")


def _columns(there: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Column by field, of the fields that have one."""
    strangers = sorted(set(named) - set(FIELDS))
    if strangers:
        raise UpstreamsInvalid(f"{', '.join(strangers)}: no field; they are {', '.join(FIELDS)}")
    missing = sorted({column for column in named.values() if column not in there})
    if missing:
        raise UpstreamsInvalid(f"no column {', '.join(missing)}: its columns are {', '.join(there)}")
    return {field: named.get(field, field) for field in FIELDS if named.get(field, field) in there}


def _entry(row: Mapping[str | Any, Any], used: Mapping[str, str], day_format: str, line: int) -> dict[str, Any]:
    """Plain values of a row; empty cells are left out."""
    if None in row or None in row.values():
        raise UpstreamsInvalid(f"line {line}: it has another number of cells than the heading")
    cells = {field: row[column].strip() for field, column in used.items()}
    found: dict[str, Any] = {field: cell for field, cell in cells.items() if cell}
    for field in _DATES:
        if field in found:
            found[field] = _day(found[field], day_format, f"line {line}: {field}")
    if "role" in found:
        found["role"] = found["role"].lower()
    if "traceback_clause" in found:
        said = found["traceback_clause"].lower()
        if said not in _YES | _NO:
            raise UpstreamsInvalid(f"line {line}: traceback_clause: yes or no is wanted")
        found["traceback_clause"] = said in _YES
    return found


def _day(text: str, day_format: str, where: str) -> Any:
    try:
        return datetime.strptime(text, day_format).date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise UpstreamsInvalid(f"{where}: {text!r} is no day as {day_format}: --date-format says how") from error
