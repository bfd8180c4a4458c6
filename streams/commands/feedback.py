"""`robocall feedback`: what people say of calls, to `call-feedback` or to a file: one verdict, or a table of them."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import tzinfo
from itertools import chain
from pathlib import Path

import click
from rich.console import Console

from detector.contract.errors import RobocallError
from detector.contract.events import Feedback, FeedbackSource, Verdict
from detector.contract.numbers import normal_form
from detector.features.window_constants import DAY_MS
from models.data.cells import separator_of
from models.data.complaints import (
    FIELDS,
    PRESETS,
    ColumnMissing,
    ComplaintRefused,
    Preset,
    Reading,
    RowLeftOpen,
    columns_of,
)
from models.data.files import DAMAGED
from streams.commands.records.rows import Tally, deliver, show_some, tell
from streams.commands.records.zone import Zone
from streams.commands.shared.distinct_files import require_distinct
from streams.files import open_input
from streams.kafka.publishing.sending import Record
from streams.kafka.topics import CALL_FEEDBACK
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.wire.feedback import FeedbackRefused, read_feedback
from streams.wire.records import encode

_OUT = click.option(
    "--out", help="Write the records to FILE, a new one, one a line (.gz, .zst, `-`), instead of publishing them."
)
_ZONE_HELP = "Zone of times that name none, for instance America/New_York."


class FeedbackUnusable(RobocallError):
    """A file or verdict of which nothing can be used."""


@click.group()
def feedback() -> None:
    """Say what calls were: one verdict, or a table of complaints or of an analyst's judgements.

    \b
      robocall feedback add robocall --called +13125550142 --at 2026-11-27T14:03 --source subscriber_report
      robocall feedback import DNC_Complaint_Numbers.csv --preset ftc --dry-run

    Verdicts go to the topic call-feedback: workers count them, the archive keeps them, and `robocall archive export
    --labels` joins them to calls. How far each is trusted depends on its source and on how exactly it names the call.
    """


@feedback.command()
@click.argument("verdict", type=click.Choice([verdict.value for verdict in Verdict]))
@click.option("--call-id", help="The call: the most exact way.")
@click.option(
    "--calling", metavar="NUMBER", help="Who called. Alone it means all calls of the last 24 hours from there."
)
@click.option("--called", metavar="NUMBER", help="Who was called; with --at the nearest call to that number is meant.")
@click.option("--at", metavar="TIME", help="When it was called, 2026-11-27T14:03 or 11/27/2026 2:03 PM.")
@click.option(
    "--source", type=click.Choice([source.value for source in FeedbackSource]), default="analyst", show_default=True,
    help="Who says so.",
)  # fmt: skip
@click.option("--campaign", help="Name of the campaign.")
@click.option("--kind", help="Kind of campaign or of lawful caller; reports and the gate have a line for each.")
@click.option("--note", help="Free text.")
@click.option("--time-zone", type=Zone(), default="UTC", show_default=True, help=_ZONE_HELP)
@_OUT
def add(
    *,
    verdict: str,
    call_id: str | None,
    calling: str | None,
    called: str | None,
    at: str | None,
    source: str,
    campaign: str | None,
    kind: str | None,
    note: str | None,
    time_zone: tzinfo,
    out: str | None,
) -> None:
    """Say of one call, or of a number, that it was a ROBOCALL or LEGITIMATE.

    \b
      robocall feedback add legitimate --call-id 7f3a@sbc1 --note "clinic, reminder"
      robocall feedback add robocall --called +13125550142 --at 2026-11-27T14:03 --source subscriber_report
      robocall feedback add robocall --calling +12025550123 --source traceback --campaign car-warranty
    """
    cells = {
        "time": str(wall_clock_ms()), "verdict": verdict, "source": source, "call_id": call_id,
        "calling_number": calling, "called_number": called, "call_time": at, "campaign": campaign, "kind": kind,
        "note": note,
    }  # fmt: skip
    reading = Reading({name: name for name in cells}, wall_clock_ms(), zone=time_zone)
    try:
        said = reading.row(cells)
        record = _checked(said)
    except ComplaintRefused as error:
        raise click.UsageError(f"the verdict {error}") from error
    to_come_ms = wall_clock_ms() + DAY_MS  # a day without a time is its end
    if said.call_time_ms is not None and said.call_time_ms > to_come_ms:
        raise click.UsageError(f"--at {at} is to come: give the time of the call")
    _require_new(out)
    console, tally = Console(stderr=True), Tally()
    with step("Publishing" if out is None else "Writing", console, quick=True) as say:
        deliver(CALL_FEEDBACK, [record], out, tally, say)
    if out is None:
        console.print(
            printable(f"{CALL_FEEDBACK}: {record[1].decode()}"), highlight=False, markup=False, soft_wrap=True
        )


def _require_new(out: str | None) -> None:
    """Refuse a file that holds something: it may be the only place where an earlier session's answers are."""
    if out is not None and Path(out).is_file() and Path(out).stat().st_size:
        raise click.UsageError(
            f"{out} holds records already: give a file of its own, commands take several of them as --feedback"
        )


@feedback.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Kind of table: ftc, or analyst.")
@click.option(
    "--map", "mapped", metavar="FIELD=COLUMN", multiple=True,
    help=f"Column that holds a field, repeatable. Fields: {', '.join(FIELDS)}.",
)  # fmt: skip
@click.option("--verdict", type=click.Choice([verdict.value for verdict in Verdict]), help="Of rows without a column.")
@click.option("--source", type=click.Choice([source.value for source in FeedbackSource]), help="Likewise.")
@click.option("--time-zone", type=Zone(), default="UTC", show_default=True, help=_ZONE_HELP)
@click.option("--country-code", default="1", show_default=True, help="Of numbers without +.")
@click.option("--dry-run", is_flag=True, help="Only read: say what would be taken, what not and why, and show some.")
@_OUT
def import_(
    *,
    file: str,
    preset: str | None,
    mapped: tuple[str, ...],
    verdict: str | None,
    source: str | None,
    time_zone: tzinfo,
    country_code: str,
    dry_run: bool,
    out: str | None,
) -> None:
    """Take a table of verdicts: CSV with a header line, or records of the contract, one a line; .gz, .zst, `-`.

    \b
      robocall feedback import DNC_Complaint_Numbers.csv --preset ftc --dry-run
      robocall feedback import judged.csv --preset analyst
      robocall feedback import tickets.csv --verdict robocall --source subscriber_report
          --map called_number=Phone --map call_time="Time of call" --time-zone America/New_York

    A column that is called like a field holds it, without being mapped. Rows whose verdict is empty or `unsure` are
    left open. Others that do not say what is needed are refused, and counted by reason. Importing a table twice does
    no harm: the same record counts once.
    """
    require_distinct({"FILE": file}, {"--out": out})
    if dry_run and out is not None:
        raise click.UsageError("--dry-run writes nothing: leave --out away")
    _require_new(out)
    kind = PRESETS[preset] if preset else None
    reading = Reading(
        _named(mapped),
        wall_clock_ms(),
        verdict=Verdict(verdict) if verdict else None,
        source=FeedbackSource(source) if source else kind.source if kind else None,
        zone=time_zone,
        country_code=country_code,
    )
    console, tally = Console(stderr=True), Tally()
    records = records_in(file, kind, reading, tally)
    with step(f"Reading {file}", console) as say:
        if dry_run:
            show_some(records, tally, say)
        else:
            deliver(CALL_FEEDBACK, records, out, tally, say)
    tell(tally, console, "would be taken" if dry_run else "published" if out is None else "written")
    if not tally.taken:
        console.print("no row has a verdict that can be taken", highlight=False)
    if tally.failed or not tally.taken:
        raise click.exceptions.Exit(1)


def _named(mapped: Iterable[str]) -> dict[str, str]:
    """Columns by field, as `--map` has them."""
    named: dict[str, str] = {}
    for text in mapped:
        name, sign, column = text.partition("=")
        if not sign or not column or name not in FIELDS:
            raise click.UsageError(f"--map {text}: write FIELD=COLUMN with one of the fields {', '.join(FIELDS)}")
        named[name] = column
    return named


def records_in(file: str, kind: Preset | None, reading: Reading, tally: Tally) -> Iterator[Record]:
    """Key and value of each row that can be used; the others are refused with the number of their line.

    Args:
        file: A table, or records one a line.
        kind: Of table; None where its columns are named as fields.
        reading: What no column says.
        tally: Counts what is refused.

    Raises:
        FeedbackUnusable: the file is damaged, no text, or has not the columns that it was said to have.
        OSError: it cannot be read.
    """
    with ExitStack() as stack:
        lines = io.TextIOWrapper(open_input(file, stack), encoding="utf-8-sig", newline="")
        try:
            first = lines.readline()
            is_json = first.lstrip().startswith("{")
            text = chain([first], lines)
            separator = separator_of(first)
            yield from _of_json(text, tally) if is_json else _of_csv(text, separator, kind, reading, tally)
        except ColumnMissing as error:
            raise FeedbackUnusable(f"{file} {error}") from error
        except DAMAGED as error:
            raise FeedbackUnusable(f"{file} is damaged or truncated") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise FeedbackUnusable(f"{file} is neither CSV nor JSON lines in UTF-8: {error}") from error


def _of_csv(
    lines: Iterable[str], separator: str, kind: Preset | None, reading: Reading, tally: Tally
) -> Iterator[Record]:
    table = csv.DictReader(lines, delimiter=separator)
    reading = replace(reading, columns=columns_of(list(table.fieldnames or ()), kind, reading.columns))
    for row in table:
        try:
            records = [_checked(one) for one in reading.rows(row)]
        except RowLeftOpen:
            tally.left_open += 1
        except ComplaintRefused as error:
            tally.refuse(table.line_num, str(error))
        else:
            yield from records


def _of_json(lines: Iterable[str], tally: Tally) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        found = read_feedback(line.strip().encode())
        if not isinstance(found, FeedbackRefused):
            yield _record(found)
        elif line.strip():
            tally.refuse(number, f"breaks the contract: {found.message}")


def _checked(said: Feedback) -> Record:
    """The record of a row, within the bounds of the contract."""
    found = read_feedback(encode(said))
    if isinstance(found, FeedbackRefused):
        raise ComplaintRefused(f"breaks the contract: {found.message}")
    return _record(found)


def _record(said: Feedback) -> Record:
    """Key and value: the key is the calling number, as in all topics."""
    key = None if said.calling_number is None else normal_form(said.calling_number).encode("utf-8", "surrogatepass")
    return key, encode(said)
