"""Which provider a North American number was given to: NPA-NXX and NPA-NXX-X with an OCN, as NANPA publishes them.

A number that was ported belongs to another provider by now. Where an event has `calling_ocn`, from a look-up of ported
numbers, that is taken instead.
"""

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from detector.contract.errors import RobocallError
from models.data.files import DAMAGED
from streams.files import open_input

CODE, BLOCK = 6, 7
OCN_LENGTH = 4
MOST_ROWS = 5_000_000
ROWS_BETWEEN_UPDATES = 50_000
SCHEMA = pa.schema([("prefix", pa.string()), ("plan_ocn", pa.string())])


class PlanRefused(RobocallError):
    """A file that is no numbering plan with OCNs."""


def read_plan(lines: Iterable[str], on_rows: Callable[[int], object] = lambda _: None) -> Any:
    """Read a plan: a CSV with the columns `prefix` (6 or 7 digits) and `ocn`; rows without an OCN are left out.

    Args:
        lines: Its text.
        on_rows: Told now and then how many rows were read.

    Returns:
        An Arrow table of `prefix` and `plan_ocn`, each prefix once; some 30 MB for 1,300,000 rows.

    Raises:
        PlanRefused: a column is missing, a prefix is none or stands twice, or there are too many or none.
    """
    reader = csv.reader(lines)
    heading = next(reader, [])
    if not {"prefix", "ocn"} <= set(heading):
        raise PlanRefused("it has no columns prefix and ocn: is it a numbering plan?")
    at, ocn_at = heading.index("prefix"), heading.index("ocn")
    found: dict[str, str] = {}
    for row in reader:
        if len(row) != len(heading):
            raise PlanRefused(f"line {reader.line_num}: it has another number of cells than the heading")
        prefix, ocn = row[at], row[ocn_at].strip()
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) in {CODE, BLOCK}):
            raise PlanRefused(f"line {reader.line_num}: {prefix!r} is no NPA-NXX or NPA-NXX-X")
        if found.setdefault(prefix, ocn) != ocn or len(found) > MOST_ROWS:
            raise PlanRefused(f"line {reader.line_num}: {prefix} stands twice, or there are more than {MOST_ROWS:,}")
        if not len(found) % ROWS_BETWEEN_UPDATES:
            on_rows(len(found))
    known = {prefix: ocn for prefix, ocn in found.items() if len(ocn) == OCN_LENGTH}
    if not known:
        raise PlanRefused("it has no row with an OCN of 4 characters")
    return pa.table([pa.array(known.keys()), pa.array(known.values())], schema=SCHEMA)


def load_plan(file: str, on_rows: Callable[[int], object] = lambda _: None) -> Any:
    """Read a plan from a file, `.gz` and `.zst` unpacked. It blocks for the disk, and some seconds for a million rows.

    Raises:
        PlanRefused: as `read_plan`, with the name of the file; or it is damaged.
        OSError: it cannot be opened.
    """
    with ExitStack() as stack:
        text = io.TextIOWrapper(open_input(file, stack), encoding="utf-8-sig", newline="")
        try:
            return read_plan(text, on_rows)
        except PlanRefused as error:
            raise PlanRefused(f"{file}: {error}") from error
        except (UnicodeDecodeError, csv.Error, *DAMAGED) as error:
            raise PlanRefused(f"{file} is damaged, or no CSV in UTF-8") from error
