"""`robocall traceback open`: choose calls of the archive to trace, and open a case for each."""

import asyncio
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.console import Console

from detector.contract.errors import RobocallError
from streams.archive.calls import ArchivedCall, Sought, find
from streams.archive.picking import best
from streams.archive.query import connected
from streams.archive.settings import load_archive_settings
from streams.cases.changes import new_case_id, new_entry
from streams.cases.settings import load_case_settings
from streams.cases.store import CaseStore
from streams.commands.archive import Instant, epoch_ms, opened
from streams.commands.traceback.answer import ZONE_OPTION
from streams.commands.traceback.inputs import JSON_OPTION, office, rows_of
from streams.running.printable import printable
from streams.running.progress import Say, step
from streams.settings import load_settings
from streams.traceback.answering import Office, hop_of
from streams.traceback.casework import case_of
from streams.traceback.matching import Match, match
from streams.traceback.questions import Question, QuestionRefused, Reading
from streams.traceback.records import Call, Status, Traceback, named
from streams.traceback.report import shown
from streams.traceback.rule_clock import due_ms
from streams.traceback.settings import TracebackSettings, load_traceback_settings
from streams.wire.cases import CaseKind

MOST_CALLS = 10_000
IDS_AT_A_TIME, MOST_EVENTS = 500, 20
"""Looked up in one query, and events that are read of each call, repeats included."""


class NothingToTrace(RobocallError):  # noqa: N818 - the name states what is wrong
    """None of the calls can be traced."""


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

    Each becomes a case. Its first hop is our own: whom we had the call from is whom to ask, by the time that is shown.

    \b
      robocall campaigns show ID --json | robocall traceback open --calls - --campaign ID --why "car warranty"
      robocall traceback open --calls suspects.jsonl --campaign cmp-17 --why "car warranty, 4,000 calls"
      robocall traceback open --called +13035550142 --calling +12025550123 --at 2026-11-27T14:03:20 --why complaint
    """  # noqa: D301 - click reads the backspace
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
    _store(made, why)
    for one in made:
        _tell(one, as_json=as_json)


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
    settings, archive = load_traceback_settings(), load_archive_settings()
    called, calling, at = wanted.given
    if archive.key is not None and called is None:
        raise click.UsageError("the archive keeps digests, which nobody else can find: give --called, --calling, --at")
    who, now_ms = office(settings, archive, {}), time.time_ns() // 1_000_000
    with ExitStack() as stack:
        say = stack.enter_context(step("Looking the calls up", Console(stderr=True), quick=True))
        connection = stack.enter_context(connected(opened(archive)))
        if called is not None:
            question = _question(Reading(now_ms, settings.tolerance_ms, wanted.zone), called, calling, at)
            chosen, numbers = [_meant(connection, who, question)], (question.calling_number, question.called_number)
        else:
            ids = dict.fromkeys([*wanted.call_ids, *(() if wanted.calls is None else _ids(wanted.calls))])
            chosen, numbers = best(_found(connection, list(ids), wanted.span, say), now_ms, wanted.examples), None
        if not chosen:
            raise NothingToTrace("none of these calls is in the archive and under ten days old")
        return [_traceback(connection, who, settings, call, numbers, now_ms, about) for call in chosen]


def _ids(name: str) -> list[str]:
    """Ids of the calls of a file; of a campaign's record, those of its examples."""
    rows = (row for _, row in rows_of(name))
    calls = (call for row in rows for call in (row["examples"] if isinstance(row.get("examples"), list) else [row]))
    ids = [call["call_id"] for call in calls if isinstance(call, dict) and isinstance(call.get("call_id"), str)]
    if len(ids) > MOST_CALLS:
        raise click.UsageError(f"{name} has {len(ids):,} calls: the latest {MOST_CALLS:,} are plenty")
    if not ids:
        raise NothingToTrace(f"{name} has no call_id: one a line is wanted, or the record of a campaign")
    return ids


def _found(connection: Any, ids: list[str], span: tuple[int | None, int | None], say: Say) -> list[ArchivedCall]:
    calls: list[ArchivedCall] = []
    for start in range(0, len(ids), IDS_AT_A_TIME):
        some = ids[start : start + IDS_AT_A_TIME]
        found = find(connection, Sought(call_ids=some, begin_ms=span[0], end_ms=span[1]), MOST_EVENTS * len(some))
        calls += [call for call in found if call.set_up.calling_number and call.set_up.called_number]
        say(f"{start + len(some):,} of {len(ids):,}", start + len(some), len(ids))
    return calls


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
        raise NothingToTrace(f"{found.reason}" + (f": choose one by --call-id: {ids}" if ids else ""))
    return found.calls[0]


def _traceback(
    connection: Any,
    who: Office,
    settings: TracebackSettings,
    call: ArchivedCall,
    numbers: tuple[str, str] | None,
    now_ms: int,
    about: dict[str, str | None],
) -> Traceback:
    set_up, around_ms = call.set_up, 2 * settings.tolerance_ms
    begin_ms, end_ms = set_up.setup_time_ms - around_ms, set_up.setup_time_ms + around_ms
    near = Sought(set_up.called_number, set_up.calling_number, (), begin_ms, end_ms)
    rivals = len(find(connection, near)) - 1
    hop = hop_of(who, Match(Status.FOUND, (call,)), now_ms)
    calling, called = numbers or (set_up.calling_number, set_up.called_number)
    return Traceback(
        traceback_id=new_case_id(CaseKind.TRACEBACK, now_ms),
        opened_ms=now_ms,
        due_ms=due_ms(now_ms, settings.office_zone),
        call=Call(
            time_ms=set_up.setup_time_ms, calling_number=calling, called_number=called,
            duration_s=call.duration_s, is_answered=call.is_answered, attestation=hop.attestation, origid=hop.origid,
            signer_spc=hop.signer_spc,
        ),
        hops=(hop,),
        rivals=max(0, rivals),
        **about,
    )  # fmt: skip


def _store(tracebacks: list[Traceback], why: str) -> None:
    who = load_case_settings().who

    async def write(say: Say) -> None:
        store = CaseStore(load_settings())
        for number, one in enumerate(tracebacks, 1):
            await store.open(case_of(one, new_entry(who=who, what="opened", why=why, now_ms=one.opened_ms)))
            say(f"{number:,} of {len(tracebacks):,}", number, len(tracebacks))

    with step("Opening cases", Console(stderr=True), quick=True) as say:
        asyncio.run(write(say))


def _tell(one: Traceback, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
        sys.stdout.buffer.flush()
        return
    hop = one.hops[0]
    from_whom = "nobody is known upstream"
    if hop.customer is not None:
        from_whom = f"it is our own customer, {hop.customer.name}"
    elif hop.received_from is not None:
        from_whom = f"ask {named(hop.received_from)}"
    click.echo(printable(f"{one.traceback_id}: {from_whom}; answer due {shown(one.due_ms)}"))
