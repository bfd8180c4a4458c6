"""The commands `lookup` and `lists`: what is known of a number, a trunk group or a call; the carrier's lists.

They read and write Redis only, and need no running worker.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click
import msgspec
from redis.asyncio import Redis

from detector.policy.lists import LISTED, Basis
from streams.cases.recording import list_details, looked_up, record
from streams.cases.roles import Role, require
from streams.commands.shared.unmasking import Numbers, unmask_option
from streams.redis.bounded import PAGE
from streams.redis.connection import KEPT_LISTS, asked, list_key
from streams.redis.list_changes import add_entries, change_list, empty_list
from streams.redis.list_entries import ListEntryRefused, checked_entry, directed_entry
from streams.redis.list_notes import (
    MAX_BY,
    MAX_ENTRY_BYTES,
    MAX_REASON,
    NOTED_LISTS,
    SCAN_COUNT,
    Note,
    note_now,
    read_notes,
)
from streams.redis.lookups import Report, find
from streams.running.printable import printable
from streams.settings import load_settings
from streams.wire.cases import CaseKind

T = TypeVar("T")
LIST_ARGUMENT = click.argument("list_name", metavar="LIST", type=click.Choice(KEPT_LISTS))
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
FILE_OPTION = click.option(
    "--file",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="Read entries from FILE, one a line, `#` begins a comment; `-` is standard input.",
)


def with_redis(work: Callable[[Redis], Awaitable[T]]) -> T:
    """Do the same as `streams.redis.connection.asked`, with the configured Redis.

    Raises:
        SettingsInvalid: a setting is out of its bounds.
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """
    return asked(load_settings(), work)


@click.command()
@click.argument("subject", metavar="NUMBER|TRUNK|DECISION_ID")
@unmask_option
@JSON_OPTION
def lookup(subject: str, *, numbers: Numbers, as_json: bool) -> None:
    """Say what is known and decided about a number, a trunk group or one call.

    \b
      robocall lookup +12025550123        lists, standing decision, latest decisions of a calling number
      robocall lookup trunk:nyc-ix-7      lists, standing decision, totals of a trunk group's windows
      robocall lookup 3f0c...             one decision by its id, as quoted in redress

    Ten digits are a North American number. What is neither a number nor a known decision is taken for a trunk group,
    and the answer says so; `number:` and `trunk:` make it clear. A call is found by its calling number. Decisions are
    kept for seven days; plain allows are not kept. Redis is the one in ROBOCALL_REDIS_URL.
    """
    require(Role.LOOK_UP)
    report: Report = with_redis(lambda redis: find(redis, subject))
    if report.is_missing:
        raise click.ClickException(f"no decision {subject}: ids are kept for seven days, plain allows are not kept")
    shown = replace(report, content=numbers.of(report.content))
    click.echo(_json(shown.content) if as_json else "\n".join(map(printable, shown.lines())))
    whom, details = looked_up(report.content["kind"], report.content["subject"])
    record(CaseKind.LOOK_UP, "looked_up", subject=whom, details=details, why=numbers.why)


@click.group()
def lists() -> None:
    """Keep the carrier's lists; workers follow within two seconds.

    \b
      emergency  numbers that are never blocked, calling or called: +12025550911, 911
      opt_out    called numbers whose subscriber does not want calls judged
      allow      calling numbers and trunk groups that pass: +12025550123, trunk:nyc-ix-7
      block      calling numbers and trunk groups that are blocked
      dno        do-not-originate: 3, 6, 7 or 10 national digits
      traps      called numbers that nobody should call: labels are made of it, no call is decided by it

    The order in which they apply is emergency, allow of numbers with --by and --reason, dno,
    block by order or for a subscriber, opt_out, allow, block.
    """


@lists.command()
@LIST_ARGUMENT
@click.argument("entries", metavar="[ENTRY]...", nargs=-1)
@FILE_OPTION
@click.option(
    "--basis",
    type=click.Choice([basis.value for basis in LISTED]),
    help="On what a block rests: it decides how calls are answered. Without it: analytics.",
)
@click.option("--called", metavar="NUMBER", help="The subscriber who wants the block, with --basis subscriber.")
@click.option("--by", help="Who adds it; with --reason a number of `allow` passes before dno as well.")
@click.option("--reason", help="Why, for whoever asks later; `lists show` and `lookup` print it.")
@JSON_OPTION
def add(
    list_name: str,
    entries: tuple[str, ...],
    file: TextIO | None,
    basis: str | None,
    called: str | None,
    by: str | None,
    reason: str | None,
    *,
    as_json: bool,
) -> None:
    """Add entries to a list; those already there stay. Nothing is added when one entry is wrong.

    \b
      robocall lists add block +12025550123 trunk:nyc-ix-7
      robocall lists add block trunk:bad-7 --basis fcc_order --by "M. Lee" --reason "DA 26-1"
      robocall lists add block +12025550123 --basis subscriber --called +13125550142
      robocall lists add allow +12025550123 --by "M. Lee" --reason "hospital, redress 311"
      robocall lists add dno 2025550 --by "M. Lee" --reason "our own, not yet in use"
      robocall lists add dno --file dno.txt

    An entry that is added once more keeps what is known of it, unless these options say otherwise.
    """
    require(Role.GRANT)
    note = _note(list_name, basis, called, by, reason)
    checked = checked_entries(list_name, entries, file, called)
    changed, size = with_redis(lambda redis: _add(redis, list_name, checked, note))
    _tell(list_name, "added", changed, size, as_json=as_json)
    details = list_details(list_name, checked, changed) | ({"by": by} if by else {})
    record(CaseKind.CHANGE, "list_added", subject=f"list:{list_name}", details=details, why=reason)


def _note(list_name: str, basis: str | None, called: str | None, by: str | None, reason: str | None) -> bytes:
    """What is put on the entries; wrong usage where it does not fit the list."""
    if (by is None) != (reason is None):
        raise click.UsageError("give --by and --reason together, or neither")
    if by is not None and list_name not in NOTED_LISTS:
        raise click.UsageError(f"--by and --reason are for the lists {', '.join(NOTED_LISTS)}")
    if by is not None and list_name == "block" and basis is None:
        raise click.UsageError("--by and --reason of a block need --basis as well: it decides how calls are answered")
    if basis is not None and list_name != "block":
        raise click.UsageError("--basis is for the list block")
    if (basis == Basis.SUBSCRIBER) != (called is not None):
        raise click.UsageError("--basis subscriber needs --called, the subscriber who asked, and nothing else does")
    for option, text, most in (("--by", by, MAX_BY), ("--reason", reason, MAX_REASON)):
        if text is not None and not 0 < len(text.strip()) <= most:
            raise click.UsageError(f"{option} has 1 to {most} characters")
    return note_now(basis=None if basis is None else Basis(basis), by=by, reason=reason)


@lists.command()
@LIST_ARGUMENT
@click.argument("entries", metavar="[ENTRY]...", nargs=-1)
@FILE_OPTION
@click.option("--all", "is_all", is_flag=True, help="Remove every entry, whatever they are.")
@JSON_OPTION
def remove(list_name: str, entries: tuple[str, ...], file: TextIO | None, *, is_all: bool, as_json: bool) -> None:
    """Remove entries from a list; those not in it are no error.

    \b
      robocall lists remove block +12025550123
      robocall lists remove emergency --all

    What is removed from `block` may be blocked by analytics with its next call; `robocall release` holds that off.
    Workers keep the last emergency list when it vanishes from Redis. It becomes empty only where this command removes
    its last entry, or all.
    """
    require(Role.GRANT)
    if is_all and (entries or file):
        raise click.UsageError("give either --all or entries")
    checked = None if is_all else checked_entries(list_name, entries, file)
    changed, size = with_redis(lambda redis: _remove(redis, list_name, checked))
    _tell(list_name, "removed", changed, size, as_json=as_json)
    what = "list_emptied" if is_all else "list_removed"
    record(CaseKind.CHANGE, what, subject=f"list:{list_name}", details=list_details(list_name, checked or (), changed))
    if list_name == "block" and changed and not as_json:
        click.echo("analytics may block them at once: `robocall release` holds that off as well", err=True)


@lists.command()
@click.argument("list_name", metavar="[LIST]", type=click.Choice(KEPT_LISTS), required=False)
@JSON_OPTION
def show(list_name: str | None, *, as_json: bool) -> None:
    """Show the entries of a list, sorted, one a line; without LIST, how many each has.

    What is known of an entry (basis, who, when, why) stands behind it as a comment.
    """
    if list_name is None:
        sizes = with_redis(_sizes)
        click.echo(_json(sizes) if as_json else "\n".join(f"{name:<10} {size}" for name, size in sizes.items()))
        return
    entries, notes = with_redis(lambda redis: _members(redis, list_name))
    if as_json:
        known = {entry: msgspec.to_builtins(note) for entry, note in sorted(notes.items())}
        click.echo(_json({"list": list_name, "size": len(entries), "entries": entries, "notes": known}))
        return
    for entry in entries:
        click.echo(printable(f"{entry}  # {notes[entry].text()}" if entry in notes else entry))


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


async def _add(redis: Redis, list_name: str, entries: list[str], note: bytes) -> tuple[int, int]:
    changed = await add_entries(redis, list_name, entries, note)
    return changed, await redis.scard(list_key(list_name))


async def _remove(redis: Redis, list_name: str, entries: list[str] | None) -> tuple[int, int]:
    """Remove entries; None = all of them."""
    if entries is None:
        return await empty_list(redis, list_name), 0
    changed = await change_list(redis, list_name, entries, is_addition=False)
    return changed, await redis.scard(list_key(list_name))


async def _sizes(redis: Redis) -> dict[str, int]:
    return {name: await redis.scard(list_key(name)) for name in KEPT_LISTS}


async def _members(redis: Redis, list_name: str) -> tuple[list[str], dict[str, Note]]:
    """All entries, sorted, and the notes on them; what is too long is left out, what is no text is shown as can be."""
    entries: set[str] = set()
    cursor = b"0"
    while True:
        cursor, found, _ = await redis.eval(PAGE, 0, list_key(list_name), cursor, SCAN_COUNT, MAX_ENTRY_BYTES)
        entries.update(raw.decode("utf-8", "replace") for raw in found)
        if cursor == b"0":
            break
    notes = (await read_notes(redis, list_name)).by_entry if list_name in NOTED_LISTS else {}
    return sorted(entries), {entry: note for entry, note in notes.items() if entry in entries}


def _tell(list_name: str, verb: str, changed: int, size: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(_json({"list": list_name, verb: changed, "size": size}))
    else:
        click.echo(f"{list_name}: {changed} {verb}, {size} in the list", err=True)


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()
