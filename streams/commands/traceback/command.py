"""`robocall traceback`: from a bad call to its source.

What a program reads goes to standard output, sentences to standard error.
"""

import asyncio
import sys
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cases.changes import CLOSED, CaseRefused, new_entry
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.cases.store import CaseStore
from streams.commands.shared.unmasking import Numbers, unmask_option
from streams.commands.traceback.answer import answer, source_of
from streams.commands.traceback.inputs import JSON_OPTION, FileUnusable, is_text, rows_of
from streams.commands.traceback.opening import open_
from streams.files import open_output
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import Say, step
from streams.settings import load_settings
from streams.traceback.casework import answers_due_ms, answers_in, traceback_in, with_hops
from streams.traceback.path import State
from streams.traceback.records import Answer, Hop, Status, Traceback, named
from streams.traceback.report import FORMS, Report, report_of, shown
from streams.wire.cases import Case, CaseKind

MOST_FILE_NAME = 512


@click.group()
def traceback() -> None:
    """From a bad call to its source: ask upstream, answer what others ask, follow the path to its entry.

    \b
      robocall traceback answer requests.csv             what others ask: found, not found or ambiguous
      robocall traceback open --calls suspects.jsonl --why "car warranty"
      robocall traceback export ID --form request        what to ask whoever is named
      robocall traceback import answers.jsonl            what others answered
      robocall traceback show ID
      robocall traceback export ID --form html --out ID.html

    ROBOCALL_TRACEBACK_NAME and ROBOCALL_TRACEBACK_ZONE say who and where we are. docs/traceback.md explains it.
    """


traceback.add_command(answer)
traceback.add_command(open_)


@traceback.command("import")
@click.argument("file", metavar="FILE")
@click.option("--from", "whose", metavar="PROVIDER", help="Whose file it is, OCN, FRN or name: it speaks for no other.")
@click.option("--correction", is_flag=True, help="What these providers answered before no longer counts.")
@click.option("--why", help="Recorded: where the answers come from; else the name of the file.")
def import_(file: str, whose: str | None, *, correction: bool, why: str | None) -> None:
    """Add what others answered to our tracebacks: JSON lines as `answer --out` writes them.

    A provider that did not answer is a line too, with the status no_response. Two answers of one provider that differ
    are a contradiction, and no point of entry is named; --correction replaces the earlier one. It needs the role grant.

    \b
      robocall traceback import answers.jsonl --from 2000 --why "mail of West Voice"
    """
    require(Role.GRANT)
    by_id: dict[str, list[Hop]] = defaultdict(list)
    with step("Reading", Console(stderr=True), quick=True):
        for line, row in rows_of(file):
            one = _answer(file, line, row)
            by_id[one.traceback_id].append(one.hop)
    who, what, refused = CaseSettings.load().who, "corrected" if correction else "imported", []
    why = (f"from {whose}: " if whose else "") + (why or file[:MOST_FILE_NAME])
    change = partial(with_hops, whose=whose, corrects=correction)

    async def write(say: Say) -> list[Case]:
        store, written = CaseStore(load_settings()), []
        for number, (case_id, hops) in enumerate(by_id.items(), 1):
            entry = new_entry(who=who, what=what, why=why, now_ms=wall_clock_ms())
            try:
                written.append(await store.append(case_id, entry, partial(change, hops=hops)))
            except CaseRefused as error:
                refused.append(str(error))
            say(f"{number:,} of {len(by_id):,}", number, len(by_id))
        return written

    with step("Importing", Console(stderr=True), quick=True) as say:
        written = asyncio.run(write(say))
    for case in written:
        click.echo(printable(_line(case)))
    for reason in refused:
        click.echo(printable(reason), err=True)
    if refused:
        sys.exit(1)


def _answer(file: str, line: int, row: Any) -> Answer:
    if not is_text(row):
        raise FileUnusable(f"{file}, line {line}: half a character, which cannot be written as UTF-8")
    try:
        return msgspec.convert(row, type=Answer)
    except msgspec.ValidationError as error:
        advice = "docs/traceback.schema.json says what an answer is"
        raise FileUnusable(f"{file}, line {line}: {error}: {advice}") from error


@traceback.command()
@click.argument("traceback_id", metavar="ID")
@unmask_option
@JSON_OPTION
def show(traceback_id: str, *, numbers: Numbers, as_json: bool) -> None:
    """Show the path of a traceback as far as it is known, with its gaps and contradictions."""
    require(Role.LOOK_UP)
    case = numbers.of(_case(traceback_id))
    numbers.note(f"case:{traceback_id}")
    found = traceback_in(case)
    if as_json:
        held = [report_of(found)] if found else answers_in(case)
        sys.stdout.buffer.writelines(msgspec.json.encode(one) + b"\n" for one in held)
        return
    if found is None:
        for one in answers_in(case):
            click.echo(printable(f"{one.traceback_id}: {one.hop.status} {source_of(one.hop)}"))
    else:
        _show(report_of(found))
    for entry in case.history:
        why = f", {entry.why}" if entry.why else ""
        click.echo(printable(f"{shown(entry.time_ms)}  {entry.who}: {entry.what}{why}"))


def _show(report: Report) -> None:
    traced, path = report.traceback, report.path
    call = traced.call
    click.echo(printable(f"{call.calling_number} called {call.called_number}, {shown(call.time_ms)}"))
    entry = "the point of entry is not known yet"
    if path.entry is not None:
        entry = f"it entered at {named(path.entry)}"
    elif path.state is State.CONTRADICTED:
        entry = f"no point of entry is named, {named(path.steps[-1].provider)} is contradicted"
    click.echo(
        printable(f"{entry} ({path.state}); answers due {shown(traced.due_ms)}{_overdue(traced.due_ms, path.state)}")
    )
    table = Table("", "provider", "says", "from", "trunk group", "its time")
    for number, one in enumerate(path.steps, 1):
        hop = one.hop or Hop(provider=one.provider, status=one.status)
        says = f"{one.status}, a gap" if one.is_gap else str(one.status)
        cells = [number, named(one.provider), says, source_of(hop), hop.ingress_trunk, shown(hop.time_ms)]
        table.add_row(*(Text(printable(str(cell or ""))) for cell in cells))
    Console().print(table)
    for sentence in path.contradictions:
        click.echo(printable(f"contradiction: {sentence}"))


def _overdue(due_ms: int, state: str) -> str:
    is_late = state == Status.OPEN and wall_clock_ms() > due_ms
    return ", which has passed" if is_late else ""


@traceback.command("list")
@click.option("--overdue", is_flag=True, help="Only ours whose answers are overdue; status 1 if there is one.")
@JSON_OPTION
def list_(*, overdue: bool, as_json: bool) -> None:
    """List tracebacks of ours and requests that we answered, the oldest first."""
    require(Role.LOOK_UP)
    now_ms = wall_clock_ms()

    def wanted(case: Case) -> bool:
        is_late = not overdue or (answers_due_ms(case) or now_ms) < now_ms
        return case.kind is CaseKind.TRACEBACK and is_late

    with step("Reading cases", Console(stderr=True), quick=True):
        found = asyncio.run(CaseStore(load_settings()).cases(wanted, {CaseKind.TRACEBACK}))
    for case in found:
        if as_json:
            traced = traceback_in(case)
            held = {name: getattr(case, name) for name in ("case_id", "state", "subject", "opened_ms")}
            path = {} if traced is None else _path_facts(traced)
            sys.stdout.buffer.write(msgspec.json.encode(held | path) + b"\n")
        else:
            click.echo(printable(_line(case)))
    if overdue:
        sys.exit(1 if found else 0)
    if not found:
        click.echo("no tracebacks yet: `robocall traceback open` begins one", err=True)


def _path_facts(traced: Traceback) -> dict[str, Any]:
    path = report_of(traced).path
    return {"due_ms": traced.due_ms, "path_state": path.state, "contradictions": len(path.contradictions)}


def _line(case: Case) -> str:
    traced = traceback_in(case)
    if traced is None:
        said = Counter(str(one.hop.status) for one in answers_in(case))
        counts = ", ".join(f"{count} {status}" for status, count in said.items())
        return f"{case.case_id}  {case.state}  {case.subject}: {counts}"
    path = report_of(traced).path
    entry = f"entered at {named(path.entry)}" if path.entry else f"{path.state} at {named(path.steps[-1].provider)}"
    if path.contradictions:
        entry += f", contradictions: {len(path.contradictions)}"
    return f"{case.case_id}  {case.state}  {entry}, due {shown(traced.due_ms)}{_overdue(traced.due_ms, path.state)}"


@traceback.command()
@click.argument("traceback_id", metavar="ID")
@click.option("--form", type=click.Choice(list(FORMS)), default="json", show_default=True)
@click.option("--out", default="-", show_default=True, help="Where it goes, `-` is standard output.")
def export(traceback_id: str, form: str, out: str) -> None:
    """Write a traceback for others, with whole numbers: JSON by docs/traceback.schema.json, CSV, or a page (HTML).

    The form `request` is what whoever is named next is asked: a line of the file that `answer` reads. It needs the role
    unmask, and is recorded.
    """
    require(Role.UNMASK)
    found = traceback_in(_case(traceback_id))
    if found is None:
        raise CaseRefused(f"{traceback_id} is no traceback of ours: `robocall traceback list` has them")
    with ExitStack() as stack:
        open_output(out, stack).write(FORMS[form].write(report_of(found)))
    record(CaseKind.LOOK_UP, "exported", subject=f"case:{traceback_id}", details={"form": form})


@traceback.command()
@click.argument("traceback_id", metavar="ID")
@click.option("--why", required=True, help="Recorded: why nothing more is waited for.")
def close(traceback_id: str, why: str) -> None:
    """Close a traceback whose point of entry will not be found. It needs the role grant."""
    require(Role.GRANT)
    _case(traceback_id)
    entry = new_entry(who=CaseSettings.load().who, what="closed", why=why, now_ms=wall_clock_ms())
    with step("Closing", Console(stderr=True), quick=True):
        asyncio.run(
            CaseStore(load_settings()).append(traceback_id, entry, lambda case: replace(case, state=CLOSED))
        )  # fmt: skip


def _case(case_id: str) -> Case:
    """A case of this kind.

    Raises:
        CaseRefused: there is none.
    """
    with step("Reading the case", Console(stderr=True), quick=True):
        found = asyncio.run(CaseStore(load_settings()).read(case_id))
    if found is None or found.kind is not CaseKind.TRACEBACK:
        raise CaseRefused(f"no traceback {case_id}: `robocall traceback list` has them")
    return found
