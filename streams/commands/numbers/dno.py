"""`robocall dno`: do-not-originate lists of others, from text to where all workers find them.

What a program reads goes to standard output, sentences to standard error. The carrier's own list, kept entry by entry,
is `robocall lists ... dno`.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click

from detector.numbers.do_not_originate import (
    MOST_LISTS,
    NUMBER,
    DnoList,
    DnoSource,
    DnoTable,
    ListEntryInvalid,
    dno_digits,
)
from models.data.files import DAMAGED
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.errors import SettingsInvalid
from streams.files import open_input
from streams.numbers.dno_files import MOST_DAYS, NAME, DnoFile, DnoFileRefused, DnoFiles
from streams.numbers.dno_follower import LOOK_S, in_force
from streams.numbers.dno_text import MAX_ENTRIES, DnoTextRefused, read_entries
from streams.numbers.unassigned import GOOD_FOR_DAYS, unassigned_of
from streams.running.clock import utc_today, wall_clock_ms
from streams.running.progress import step
from streams.settings import load_settings
from streams.wire.cases import CaseKind

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


@click.group()
def dno() -> None:
    """Keep do-not-originate lists of others at ROBOCALL_NUMBERS_URL; workers follow within ten seconds.

    \b
      robocall dno import registry.csv.gz --name registry --date 2026-11-20
      robocall dno import codes.csv --name unassigned --date 2026-11-20 --assigned
      robocall dno show
      robocall dno check +12025550123
      robocall dno remove registry

    Single entries of your own: robocall lists add dno ENTRY.
    """


@dno.command("import")
@click.argument("file", metavar="FILE")
@click.option("--name", required=True, help="Of the list: who says so. Reasons of decisions name it.")
@click.option("--date", "day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Day of the list.")
@click.option("--assigned", is_flag=True, help="FILE has what is assigned: the list is of what nobody has.")
@click.option(
    "--good-for-days",
    type=click.IntRange(1, MOST_DAYS),
    help=f"Older it blocks nothing [default: for ever, with --assigned {GOOD_FOR_DAYS}].",
)
@JSON_OPTION
def import_(file: str, name: str, day: datetime, good_for_days: int | None, *, assigned: bool, as_json: bool) -> None:
    """Put the list in FILE (`.gz` and `.zst` are unpacked, `-` is standard input) in the place of that of this name.

    One entry a line, 3, 6, 7 or 10 digits: a number, or what numbers begin with. `+1` and punctuation may be in it,
    what follows a comma or `#` is left out, and the first line may be a heading. Nothing is changed when a line is
    wrong. It needs the role grant.

    With --assigned FILE has central office codes (6 digits) and blocks of them (7 digits) that somebody has, and no
    others. The list is of the rest of each area code of which 100 codes are assigned.
    """
    require(Role.GRANT)
    if NAME.fullmatch(name) is None:
        raise click.UsageError("--name has up to 64 small letters, digits and `._-`, a letter or digit first")
    if day.date() > utc_today():
        raise click.UsageError(f"--date {day.date()} has not come yet")
    files = _files()
    with step(f"Reading {file}") as say, ExitStack() as stack:
        try:
            entries = read_entries(open_input(file, stack), file, say)
        except DAMAGED as error:
            raise DnoTextRefused(f"{file} is damaged or cut off") from error
        if assigned:
            entries, good_for_days = unassigned_of(entries), good_for_days or GOOD_FOR_DAYS
        of_list = DnoList(DnoSource(name, day.date().isoformat()), entries)
        made = DnoFile(of_list, wall_clock_ms(), good_for_days)
        say("checking what else is there")
        _require_room(files, made)
        say("writing")
        files.write(made)
    told = _described(made)
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{_line(told)}. Workers follow within {2 * LOOK_S:.0f} seconds", err=True)
    facts = {"date": told["date"], "entries": str(told["entries"])}
    record(CaseKind.CHANGE, "dno_imported", subject=f"dno:{made.name}", details=facts)


@dno.command()
@JSON_OPTION
def show(*, as_json: bool) -> None:
    """Print the lists that are there, one a line, with day, age and entries. Status 1 where one cannot be used."""
    files, refused = _files(), False
    with step("Reading the lists", quick=True):
        for found in _kept(files):
            if isinstance(found, DnoFileRefused):
                refused = True
                click.echo(str(found), err=True)
            else:
                told = _described(found)
                click.echo(json.dumps(told) if as_json else _line(told))
    if refused:
        raise click.exceptions.Exit(1)


@dno.command()
@click.argument("number", metavar="NUMBER")
@JSON_OPTION
def check(number: str, *, as_json: bool) -> None:
    """Say which entry blocks calls from NUMBER: the longest that it begins with, and of which list.

    Damaged lists are named and left out. The carrier's own list is in `robocall lookup NUMBER`.
    """
    national = _national(number)
    with step("Reading the lists", quick=True):
        good: list[DnoFile] = []
        for found in _kept(_files()):
            if isinstance(found, DnoFileRefused):
                click.echo(str(found), err=True)
            else:
                good.append(found)
        entry = DnoTable([one.entries for one in in_force(good, utc_today())]).match(f"+1{national}")
    if as_json:
        none = {"prefix": None, "list": None, "date": None}
        told = none if entry is None else {"prefix": entry.prefix, "list": entry.source.name, "date": entry.source.date}
        click.echo(json.dumps({"number": f"+1{national}", **told}))
    elif entry is None:
        click.echo(f"+1{national} is on no do-not-originate list of others")
    else:
        click.echo(f"+1{national} begins with {entry.prefix}, of {entry.source.name} of {entry.source.date}")


@dno.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the list NAME: its entries block nothing within seconds. Status 1 where there is none.

    It needs the role grant.
    """
    require(Role.GRANT)
    files = _files()
    with step("Removing the list", quick=True):
        if name not in files.listing():
            raise click.ClickException(f"no list {name} at {files.url}: `robocall dno show` shows them")
        files.delete(name)
    click.echo(f"{name} is removed. Workers follow within {2 * LOOK_S:.0f} seconds", err=True)
    record(CaseKind.CHANGE, "dno_removed", subject=f"dno:{name}")


def _files() -> DnoFiles:
    settings = load_settings()
    if settings.numbers_url is None:
        raise SettingsInvalid("no place is named: set ROBOCALL_NUMBERS_URL, for these commands and for all workers")
    return DnoFiles(settings.numbers_url, settings.signing)


def _kept(files: DnoFiles) -> Iterator[DnoFile | DnoFileRefused]:
    for name in sorted(files.listing()):
        try:
            yield files.read(name)
        except DnoFileRefused as error:
            yield error


def _require_room(files: DnoFiles, made: DnoFile) -> None:
    """Refuse what workers would not take: they would stay with what they have."""
    others = [one for one in _kept(files) if isinstance(one, DnoFile) and one.name != made.name]
    entries = made.entries.size + sum(one.entries.size for one in others)
    if entries > MAX_ENTRIES or len(others) >= MOST_LISTS:
        raise DnoTextRefused(
            f"with {len(others)} other lists there would be {entries:,} entries: at most {MOST_LISTS} lists with "
            f"{MAX_ENTRIES:,} entries together, see `robocall dno show`"
        )


def _national(number: str) -> str:
    try:
        digits = dno_digits(number)
    except ListEntryInvalid:
        digits = ""
    if len(digits) != NUMBER:
        raise click.UsageError(f"{number!r} is no North American number, for instance +12025550123")
    return digits


def _described(file: DnoFile) -> dict[str, Any]:
    entries, today = file.entries.entries, utc_today()
    return {
        "list": file.name,
        "date": file.day.isoformat(),
        "age_days": file.age_days(today),
        "good_for_days": file.good_for_days,
        "is_lapsed": file.is_lapsed(today),
        "imported": datetime.fromtimestamp(file.imported_ms / 1_000, UTC).isoformat(timespec="seconds"),
        "entries": file.entries.size,
        "entries_by_digits": {str(length): len(keys) for length, keys in entries.items()},
    }


def _line(told: dict[str, Any]) -> str:
    by_digits = ", ".join(f"{count:,} of {digits} digits" for digits, count in told["entries_by_digits"].items())
    lapsed = f", and good for {told['good_for_days']}: it blocks nothing" if told["is_lapsed"] else ""
    age = f"{told['age_days']:,} days old{lapsed}"
    return f"{told['list']} of {told['date']} ({age}): {told['entries']:,} entries, {by_digits}"
