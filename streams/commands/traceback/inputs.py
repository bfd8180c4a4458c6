"""What the commands about tracebacks begin with: who we are, who is upstream, and rows of files that others wrote."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import click

from detector.contract.errors import RobocallError
from models.data.cells import as_it_was
from models.data.files import DAMAGED
from streams.archive.settings import ArchiveSettings
from streams.files import open_input
from streams.traceback.answering import Office
from streams.traceback.office import office_of
from streams.traceback.settings import TracebackSettings
from streams.upstreams.settings import UpstreamsSettings

MOST_BYTES = 64 * 1024 * 1024
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")


class FileUnusable(RobocallError):
    """A file of requests or answers that cannot be read."""


def office(settings: TracebackSettings, archive: ArchiveSettings, actions: Mapping[str, str]) -> Office:
    """Who answers, as `streams.traceback.office` says; where no register of upstreams is set, that is said too."""
    if UpstreamsSettings.load().file is None:
        click.echo("no register of upstreams: set ROBOCALL_UPSTREAMS_FILE, and answers have names", err=True)
    return office_of(settings, archive, actions)


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Values of an option `NAME=TEXT` that may come several times.

    Raises:
        click.UsageError: one has another form.
    """
    found = [text.partition("=") for text in texts]
    if any(not (name and value) for name, _, value in found):
        raise click.UsageError(f"{option} is NAME=TEXT")
    return {name: value for name, _, value in found}


def rows_of(name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows of a file with their lines: JSON, one object a line, or a table (CSV) with a heading.

    What the first character says decides. It blocks for reading the file, `-` for standard input.

    Raises:
        FileUnusable: it is damaged, too large, has no row, or a line is no object; the text says which.
        OSError: it cannot be opened.
    """
    with ExitStack() as stack:
        try:
            content = open_input(name, stack).read(MOST_BYTES + 1)
            text = content.decode("utf-8-sig")
        except (*DAMAGED, UnicodeDecodeError) as error:
            raise FileUnusable(f"{name}: neither JSON lines nor a table in UTF-8 ({error})") from error
    if len(content) > MOST_BYTES:
        raise FileUnusable(f"{name}: more than {MOST_BYTES // 1024**2} MiB: give it in parts")
    begins = text.lstrip()[:1]
    if begins == "[":
        raise FileUnusable(f"{name}: a JSON array: one object a line is wanted, `jq -c '.[]'` makes that of it")
    rows = _json(name, text) if begins == "{" else _table(name, text)
    first = next(rows, None)
    if first is None:
        raise FileUnusable(f"{name}: no row: JSON is wanted, one object a line, or a heading and lines below it")
    yield first
    yield from rows


def is_text(value: object) -> bool:
    """Tell whether a value, as JSON gave it, can be written as UTF-8: it may name half a character, which cannot be."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(name: str, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FileUnusable(f"{name}, line {number}: no JSON: one object a line is wanted") from error
        if not isinstance(row, dict):
            raise FileUnusable(f"{name}, line {number}: no JSON object")
        yield number, row


def _table(name: str, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            cells = {key: as_it_was(cell) for key, cell in row.items() if key is not None and isinstance(cell, str)}
            yield reader.line_num, {key: cell for key, cell in cells.items() if cell.strip()}
    except csv.Error as error:
        raise FileUnusable(f"{name}, line {reader.line_num}: no table: {error}") from error
