"""`robocall traceback open`: choose calls of the archive to trace, and open a case for each."""

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.console import Console

from streams.archive.calls import ArchivedCall, Sought, find
from streams.archive.coverage import missing
from streams.archive.query import connected
from streams.archive.settings import ArchiveSettings
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.commands.shared.opened_archive import opened
from streams.commands.shared.options import Instant, epoch_ms
from streams.commands.shared.unmasking import MASKED
from streams.commands.traceback.answer import ZONE_OPTION
from streams.commands.traceback.inputs import JSON_OPTION, is_text, office, rows_of
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.settings import load_settings
from streams.traceback.answering import Office
from streams.traceback.matching import match
from streams.traceback.opening import NothingToTrace, Opening, store
from streams.traceback.questions import Question, QuestionRefused, Reading
from streams.traceback.records import Status, Traceback, named
from streams.traceback.report import shown
from streams.traceback.settings import TracebackSettings

MOST_CALLS = 10_000


@click.command("open")
@click.option("--call-id", "call_ids", multiple=True, help="A call of the archive; repeat it.")
@click.option("--calls", metavar="FILE", help="JSON lines or CSV with a column call_id, - for standard input.")
@click.option("--called", metavar="NUMBER", help="Who was called; with --calling and --at.")
@click.option("--calling", metavar="NUMBER", help="Who called.")
@click.option("--at", metavar="TIME", help="When, 2026-11-27T14:03:20.")
@ZONE_OPTION
@click.option("--from", "begin", type=Instant(), help="Look for call ids from here on (UTC): faster.")
@click.option("--to", "end", type=Instant(), help="Up to here.")
@click.option(
    "--examples", type=click.IntRange(1, 100), default=5, show_default=True, help="How many calls to trace, at most."
)
@click.option("--campaign", help="What the calls belong to.")
@click.option("--requester", help="Who wants it to be traced.")
@click.option("--why", required=True, help="Recorded: why these calls are traced.")
@JSON_OPTION
def open_(
    *,
    call_ids: tuple[str, ...],
    calls: str | None,
    called: str | None,
    calling: str | None,
    at: str | None,
    zone: tzinfo,
    begin: datetime | None,
    end: datetime | None,
    examples: int,
    campaign: str | None,
    requester: str | None,
    why: str,
    as_json: bool,
) -> None:
    """Open tracebacks of the best of some calls: recent, answered, between different numbers, under ten days old.

    Each becomes a case, or has one already. Its first hop is our own: whom we had the call from is whom to ask, by the
    time that is shown.

    \b
      robocall campaigns show ID --json | robocall traceback open --calls - --campaign ID --why "car warranty"
      robocall traceback open --calls suspects.jsonl --campaign cmp-17 --why "car warranty, 4,000 calls"
      robocall traceback open --called +13035550142 --calling +12025550123 --at 2026-11-27T14:03:20 --why complaint
    """
    require(Role.LOOK_UP)
    given = (called, calling, at)
    if any(given) and not all(given):
        raise click.UsageError("--called, --calling and --at belong together")
    if not (call_ids or calls or called):
        raise click.UsageError("say which calls: --call-id, --calls, or --called with --calling and --at")
    if (begin is None) != (end is None):
        raise click.UsageError("--from and --to belong together")
    span = (None, None) if begin is None or end is None else (epoch_ms(begin), epoch_ms(end))
    wanted = _Wanted(call_ids, calls, span, examples, given, ZoneInfo(str(zone)))
    made = _made(wanted, {"campaign": campaign, "requester": requester})
    with step("Opening cases", Console(stderr=True), quick=True) as say:
        written = asyncio.run(store(load_settings(), made, CaseSettings.load().who, why, say))
    for one in made:
        if one in written:
            _tell(one, as_json=as_json)
        else:
            click.echo(f"{one.traceback_id}: there is a case already, it stays as it is", err=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which calls are meant: by ids, of which the best are taken, or one by its numbers and time."""

    call_ids: tuple[str, ...]
    calls: str | None
    span: tuple[int | None, int | None]
    examples: int
    given: tuple[str | None, str | None, str | None]
    zone: ZoneInfo


def _made(wanted: _Wanted, about: dict[str, str | None]) -> list[Traceback]:
    """Look the calls up, and make a traceback of each that is worth it."""
    settings, archive = TracebackSettings.load(), ArchiveSettings.load()
    called, calling, at = wanted.given
    if archive.key is not None and called is None:
        raise click.UsageError("the archive keeps digests, which nobody else can find: give --called, --calling, --at")
    who, now_ms = office(settings, archive, {}), wall_clock_ms()
    with ExitStack() as stack:
        say = stack.enter_context(step("Looking the calls up", Console(stderr=True), quick=True))
        connection = stack.enter_context(connected(opened(archive)))
        opening = Opening(connection, who, settings, about, now_ms)
        if called is not None:
            question = _question(Reading(now_ms, settings.tolerance_ms, wanted.zone), called, calling, at)
            numbers = (question.calling_number, question.called_number)
            return [opening.traceback(_meant(connection, who, question), numbers)]
        ids = dict.fromkeys([*wanted.call_ids, *(() if wanted.calls is None else _ids(wanted.calls))])
        return opening.best_of(list(ids), wanted.examples, say, wanted.span)


def _ids(name: str) -> list[str]:
    """Ids of the calls of a file; of a campaign's record, those of its examples."""
    rows = (row for _, row in rows_of(name) if is_text(row))
    calls = (call for row in rows for call in (row["examples"] if isinstance(row.get("examples"), list) else [row]))
    ids = [call["call_id"] for call in calls if isinstance(call, dict) and isinstance(call.get("call_id"), str)]
    if len(ids) > MOST_CALLS:
        raise click.UsageError(f"{name} has {len(ids):,} calls: the latest {MOST_CALLS:,} are plenty")
    if not ids:
        raise NothingToTrace(f"{name} has no call_id: one a line is wanted, or the record of a campaign")
    return ids


def _question(reading: Reading, called: str | None, calling: str | None, at: str | None) -> Question:
    row = {"traceback_id": "new", "called_number": called, "calling_number": calling, "time": at}
    try:
        return reading.question(row)
    except QuestionRefused as error:
        raise click.UsageError(f"the call {error}") from error


def _meant(connection: Any, who: Office, question: Question) -> ArchivedCall:
    """The one call that numbers and time are about."""
    called, calling, asked = who.kept(question.called_number), who.kept(question.calling_number), question.asked
    found = match(asked, find(connection, Sought(called, calling, (), asked.begin_ms, asked.end_ms)))
    if found.status is not Status.FOUND:
        ids = ", ".join(call.set_up.call_id for call in found.calls)
        if ids:
            raise NothingToTrace(f"{found.reason}: choose one by --call-id: {ids}")
        raise NothingToTrace(missing(connection, asked.begin_ms, asked.end_ms) or str(found.reason))
    return found.calls[0]


def _tell(one: Traceback, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(MASKED.of(one)) + b"\n")
        sys.stdout.buffer.flush()
        return
    hop = one.hops[0]
    from_whom = "nobody is known upstream"
    if hop.customer is not None:
        from_whom = f"it is our own customer, {hop.customer.name}"
    elif hop.received_from is not None:
        from_whom = f"ask {named(hop.received_from)}"
    click.echo(printable(f"{one.traceback_id}: {from_whom}; answer due {shown(one.due_ms)}"))
