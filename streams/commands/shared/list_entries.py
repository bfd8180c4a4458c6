"""Entries of the carrier's lists, as commands take them: typed, or from a file."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from streams.redis.list_entries import ListEntryRefused, checked_entry, directed_entry


def checked_entries(
    list_name: str, entries: tuple[str, ...], file: TextIO | None, called: str | None = None
) -> list[str]:
    """Entries in the form of their list, each once, in order.

    Args:
        list_name: One of `KEPT_LISTS`.
        entries: As they were typed.
        file: Further ones, one a line, `#` begins a comment.
        called: A subscriber: then they are blocks of calls to that number alone.

    Raises:
        click.UsageError: an entry is wrong, or there is none.
    """
    checked: dict[str, None] = {}
    for where, entry in (*(("", entry) for entry in entries), *(_lines(file) if file else ())):
        try:
            checked[checked_entry(list_name, entry) if called is None else directed_entry(entry, called)] = None
        except ListEntryRefused as error:
            raise click.UsageError(f"{where}{error}") from error
    if not checked:
        raise click.UsageError("give at least one ENTRY, or --file FILE")
    return list(checked)


def _lines(file: TextIO) -> Iterator[tuple[str, str]]:
    name = Path(file.name).name if file is not sys.stdin else "standard input"
    try:
        for number, line in enumerate(file, start=1):
            entry = line.partition("#")[0].strip()
            if entry:
                yield f"{name} line {number}: ", entry
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name} is not UTF-8 text") from error
