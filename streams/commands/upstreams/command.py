"""`robocall upstreams`: who stands behind each trunk group, and whether they are registered.

What a program reads goes to standard output, sentences to standard error.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from detector.contract.errors import RobocallError
from models.data.files import DAMAGED
from streams.cases.roles import Role, require
from streams.errors import SettingsInvalid
from streams.files import open_input
from streams.running.clock import utc_today
from streams.running.printable import printable
from streams.running.progress import Say, step
from streams.upstreams.database import Database, DatabaseRefused, read_database
from streams.upstreams.entries import MOST_BYTES, SETTING, Upstream, UpstreamsInvalid, load_upstreams, save_upstreams
from streams.upstreams.findings import Finding, findings_of
from streams.upstreams.settings import UpstreamsSettings
from streams.upstreams.table import FIELDS, read_table

DATABASE_BYTES = 256 * 1024 * 1024
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, one object a line.")


@click.group()
def upstreams() -> None:
    """Keep the register of upstreams: who stands behind each trunk group, in the file ROBOCALL_UPSTREAMS_FILE.

    \b
      robocall upstreams import trunks.csv --map legal_name=Carrier --map trunk_group_id=Trunk
      robocall upstreams show
      robocall upstreams check
      robocall upstreams check --rmd rmd.csv --date 2026-11-20 --record

    docs/upstreams.md explains the fields, and what is done about a provider that is not registered.
    """


@upstreams.command("import")
@click.argument("file", metavar="FILE")
@click.option("--map", "mapped", multiple=True, metavar="FIELD=COLUMN", help="Which column a field is in; repeat it.")
@click.option("--delimiter", default=",", show_default=True, help="Between two cells.")
@click.option("--date-format", default="%Y-%m-%d", show_default=True, help="Of dates, as strptime has it.")
@JSON_OPTION
def import_(file: str, mapped: Sequence[str], delimiter: str, date_format: str, *, as_json: bool) -> None:
    """Take the trunk groups of a CSV with a heading (`.gz` and `.zst` are unpacked, `-` is standard input).

    A field that --map does not name is read from the column of its own name. An entry takes the place of the one of
    its trunk group; those of other trunk groups stay. Nothing is changed when a line is wrong.
    """
    require(Role.GRANT)
    if len(delimiter) != 1:
        raise click.UsageError("--delimiter is one character")
    columns = _columns(mapped)
    path = _path(UpstreamsSettings.load())
    with step(f"Reading {file}", quick=True) as say, _text(file, MOST_BYTES, UpstreamsInvalid) as lines:
        try:
            taken = read_table(lines, columns, delimiter=delimiter, day_format=date_format)
        except UpstreamsInvalid as error:
            raise UpstreamsInvalid(f"{file}: {error}") from error
        before = load_upstreams(path) if path.exists() else ()
        say("writing")
        entries = _merged(before, taken)
        save_upstreams(path, entries)
    told = {"taken": len(taken), "new": len(entries) - len(before), "entries": len(entries), "file": str(path)}
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{len(taken):,} entries taken, {told['new']:,} of them new: {len(entries):,} in {path}", err=True)


@upstreams.command()
@click.argument("trunk_group_id", required=False)
@JSON_OPTION
def show(trunk_group_id: str | None, *, as_json: bool) -> None:
    """Print the entries, or that of one trunk group. Status 1 where it has none."""
    path = _path(UpstreamsSettings.load())
    with step("Reading the register", quick=True):
        entries = load_upstreams(path)
    found = [one for one in entries if trunk_group_id in {None, one.trunk_group_id}]
    if not found and trunk_group_id is not None:
        raise click.ClickException(f"no entry for trunk group {trunk_group_id} in {path}: `robocall upstreams import`")
    for entry in found:
        click.echo(entry.model_dump_json(exclude_none=True) if as_json else printable(_line(entry)))


@upstreams.command()
@click.option("--rmd", metavar="FILE", help="The Robocall Mitigation Database as CSV: look each entry up in it.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day of that file [default: today].")
@click.option("--record", is_flag=True, help="Write into the register what --rmd says.")
@JSON_OPTION
def check(rmd: str | None, day: datetime | None, *, record: bool, as_json: bool) -> None:
    """Say what is wrong: no registration, no clause on tracebacks, old entries. Status 1 where something is.

    Without --rmd registrations are as they were last recorded. The file of the FCC has no OCN: an entry is found in it
    by its RMD number, else its FRN, else its name, and it is said which.
    """
    if rmd is None and (record or day is not None):
        raise click.UsageError("--record and --date are about --rmd FILE: name it")
    if record:
        require(Role.GRANT)
    settings = UpstreamsSettings.load()
    path, today = _path(settings), utc_today()
    as_of = today if day is None else day.date()
    if as_of > today:
        raise click.UsageError(f"--date {as_of} has not come yet")
    with step("Checking the register", quick=True) as say:
        entries = load_upstreams(path)
        if rmd is not None:
            entries = _joined(entries, _database(rmd, say), as_of)
        found = findings_of(entries, today, settings.old_after_days)
        if record:
            save_upstreams(path, entries)
    _tell(entries, found, as_json=as_json)
    if found:
        raise click.exceptions.Exit(1)


def _tell(entries: Sequence[Upstream], found: Sequence[Finding], *, as_json: bool) -> None:
    for one in found:
        told = {"trunk_group_id": one.trunk_group_id, "finding": one.kind, "text": one.text}
        click.echo(json.dumps(told) if as_json else printable(f"{one.trunk_group_id}: {one.kind}: {one.text}"))
    wrong = len({one.trunk_group_id for one in found})
    click.echo(f"{len(entries):,} trunk groups, something is wrong with {wrong:,}", err=True)


def _joined(entries: Sequence[Upstream], database: Database, as_of: date) -> tuple[Upstream, ...]:
    return tuple(one.model_copy(update={"registration": database.join(one, as_of)}) for one in entries)


def _database(file: str, say: Say) -> Database:
    with _text(file, DATABASE_BYTES, DatabaseRefused) as lines:
        try:
            return read_database(lines, lambda rows: say(f"{rows:,} registrations"))
        except DatabaseRefused as error:
            raise DatabaseRefused(f"{file}: {error}") from error


@contextmanager
def _text(file: str, most_bytes: int, refused: type[RobocallError]) -> Iterator[TextIO]:
    """Text of a file, of a bounded size."""
    with ExitStack() as stack:
        try:
            content = open_input(file, stack).read(most_bytes + 1)
        except DAMAGED as error:
            raise refused(f"{file} is damaged or cut off") from error
        if len(content) > most_bytes:
            raise refused(f"{file} is larger than {most_bytes:,} bytes")
        try:
            yield io.StringIO(content.decode("utf-8-sig"), newline="")
        except UnicodeDecodeError as error:
            raise refused(f"{file} is not UTF-8 text") from error


def _path(settings: UpstreamsSettings) -> Path:
    if settings.file is None:
        raise SettingsInvalid(f"no register is named: set {SETTING}, for these commands and for all workers")
    return settings.file


def _columns(mapped: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in mapped]
    wrong = [field for field, sign, column in pairs if not sign or not column or field not in FIELDS]
    if wrong:
        raise click.UsageError(f"--map {wrong[0]}: FIELD=COLUMN is wanted, FIELD one of {', '.join(FIELDS)}")
    return {field: column for field, _, column in pairs}


def _merged(before: Sequence[Upstream], taken: Sequence[Upstream]) -> list[Upstream]:
    """Entries there were, each replaced where another came, then the new ones; what the database said stays."""
    fresh = {one.trunk_group_id: one for one in taken}
    kept = [_with_registration(fresh.pop(one.trunk_group_id, one), one) for one in before]
    return [*kept, *fresh.values()]


def _with_registration(entry: Upstream, before: Upstream) -> Upstream:
    """What was found by other facts says nothing of the entry any more."""
    is_same = all(getattr(entry, field) == getattr(before, field) for field in ("legal_name", "frn", "rmd_number"))
    return entry.model_copy(update={"registration": before.registration}) if is_same else entry


def _line(entry: Upstream) -> str:
    known: list[tuple[str, Any]] = [
        ("OCN", entry.ocn),
        ("FRN", entry.frn),
        ("RMD", entry.rmd_number),
        ("contract", entry.contract_date),
        ("traceback clause", {True: "yes", False: "no", None: None}[entry.traceback_clause]),
        ("registration", None if entry.registration is None else entry.registration.state.value),
        ("contact", entry.contact),
    ]
    told = ", ".join(f"{name} {value}" for name, value in known if value is not None)
    return f"{entry.trunk_group_id}: {entry.legal_name}, {entry.role}" + (f" ({told})" if told else "")
