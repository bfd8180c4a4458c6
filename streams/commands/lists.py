"""`robocall lists`: the carrier's lists. It reads and writes Redis only, and needs no running worker."""

from typing import TextIO

import click
import msgspec
from redis.asyncio import Redis

from detector.policy.lists import LISTED, Basis
from streams.cases.recording import list_details, record
from streams.cases.roles import Role, require
from streams.commands.shared.list_entries import checked_entries
from streams.commands.shared.options import JSON_OPTION, in_json
from streams.commands.shared.redis_of_settings import with_redis
from streams.redis.bounded import PAGE
from streams.redis.connection import KEPT_LISTS, list_key
from streams.redis.list_changes import add_entries, change_list, empty_list
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
from streams.running.printable import printable
from streams.wire.cases import CaseKind

LIST_ARGUMENT = click.argument("list_name", metavar="LIST", type=click.Choice(KEPT_LISTS))
FILE_OPTION = click.option(
    "--file",
    "file",
    type=click.File("r", encoding="utf-8"),
    help="Read entries from FILE, one a line, `#` begins a comment; `-` is standard input.",
)


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
        click.echo(in_json(sizes) if as_json else "\n".join(f"{name:<10} {size}" for name, size in sizes.items()))
        return
    entries, notes = with_redis(lambda redis: _members(redis, list_name))
    if as_json:
        known = {entry: msgspec.to_builtins(note) for entry, note in sorted(notes.items())}
        click.echo(in_json({"list": list_name, "size": len(entries), "entries": entries, "notes": known}))
        return
    for entry in entries:
        click.echo(printable(f"{entry}  # {notes[entry].text()}" if entry in notes else entry))


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
        click.echo(in_json({"list": list_name, verb: changed, "size": size}))
    else:
        click.echo(f"{list_name}: {changed} {verb}, {size} in the list", err=True)
