"""`robocall bridge records`: tables of call detail records into `call_end`."""

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from streams.bridge.records.mapping import Columns, load_columns
from streams.bridge.records.tables import Row, files_of, rows_of
from streams.commands.records.rows import Tally, deliver, show_some, tell
from streams.commands.shared.distinct_files import require_distinct
from streams.kafka.publishing.sending import Record
from streams.kafka.topics import CALL_EVENTS
from streams.running.progress import step
from streams.wire.records import encode


@click.command()
@click.argument("path", metavar="FILE|FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--mapping", required=True, type=click.Path(path_type=Path), help="YAML file that says which column is which field."
)
@click.option("--dry-run", is_flag=True, help="Only read: say what would be taken, what not and why, and show some.")
@click.option("--out", help="Write the records to FILE, one a line (.gz, .zst, `-`), instead of publishing them.")
def records(path: Path, mapping: Path, out: str | None, *, dry_run: bool) -> None:
    """Say how calls ended, from tables of call detail records: a CSV file, or all of a folder (.csv, .csv.gz).

    \b
      robocall bridge records cdr/2026-11-27.csv --mapping cdr.yaml --dry-run
      robocall bridge records cdr/ --mapping cdr.yaml

    A mapping file has a line for each field of call_end:

    \b
      fields:
        call_id: Call-ID                                 # a column
        calling_number: ANI
        called_number: DNIS
        trunk_group_id: {constant: tg-7}
        end_time_ms: {column: stop, time: "%Y-%m-%d %H:%M:%S", zone: America/Chicago}
        sip_status: {column: cause, values: {"16": 200, "17": 486}, otherwise: 480}

    Wrong rows are refused and counted by reason, with their lines; the others are taken. An end twice counts once.
    Publish within half an hour: an older end counts at its arrival. docs/bridge-http.md says more.
    """
    require_distinct({"FILE": str(path), "--mapping": str(mapping)}, {"--out": out})
    if dry_run and out is not None:
        raise click.UsageError("--dry-run writes nothing: leave --out away")
    console, tally = Console(stderr=True), Tally()
    with step(f"Reading {path}", console) as say:
        ends = _ends(files_of(path), load_columns(mapping), tally)
        if dry_run:
            show_some(ends, tally, say)
        else:
            deliver(CALL_EVENTS, ends, out, tally, say)
    tell(tally, console, "would be taken" if dry_run else "published" if out is None else "written")
    if tally.failed or not tally.taken:
        raise click.exceptions.Exit(1)


def _ends(files: list[Path], columns: Columns, tally: Tally) -> Iterator[Record]:
    """Key and value of each end; rows that are none are refused with the number of their line."""
    for file in files:
        for row in rows_of(file, columns):
            if row.end is not None:
                yield str(row.end["calling_number"]).encode("utf-8", "surrogatepass"), encode(row.end)
            elif row.complaint is not None:
                tally.refuse(row.number, _complaint(row, files))


def _complaint(row: Row, files: list[Path]) -> str:
    where = "" if len(files) == 1 else f"of {row.file} "
    said = str(row.complaint).removesuffix(".")
    return f"{where}in which {said[0].lower()}{said[1:]}"
