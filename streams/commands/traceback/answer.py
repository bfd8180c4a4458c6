"""`robocall traceback answer`: find the calls that others ask about, and say whom we had them from."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import tzinfo
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.archive.query import connected
from streams.archive.settings import ArchiveSettings
from streams.cases.recording import record
from streams.cases.roles import Role, require
from streams.commands.records.zone import Zone
from streams.commands.shared.distinct_files import require_distinct
from streams.commands.shared.opened_archive import opened
from streams.commands.traceback.inputs import JSON_OPTION, office, pairs, rows_of
from streams.files import open_output
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.traceback.answering import CannotSay
from streams.traceback.answering import answer as find_answer
from streams.traceback.casework import answer_details
from streams.traceback.questions import Question, QuestionRefused, Reading
from streams.traceback.records import Answer, Hop, Status, named
from streams.traceback.report import shown
from streams.traceback.rule_clock import due_ms
from streams.traceback.settings import TracebackSettings
from streams.wire.cases import MAX_CASE_BYTES, CaseKind

ROOM_BYTES = MAX_CASE_BYTES - 32 * 1024
"""For the answers of a case, as JSON in a text; the rest is for who asked and why."""
MOST_REQUESTERS = 2_000
"""Characters of who asked that a case keeps."""
ZONE_OPTION = click.option(
    "--zone", type=Zone(), default="UTC", show_default=True, help="Zone of times that name none."
)  # fmt: skip


@click.command()
@click.argument("requests", metavar="FILE")
@ZONE_OPTION
@click.option("--action", "actions", multiple=True, metavar="TRUNK=TEXT", help="What was done about that customer.")
@click.option("--why", help="Recorded with the answers: who asked, by which way.")
@click.option("--no-record", is_flag=True, help="Only look: write no cases.")
@click.option("--out", help="Write the answers to FILE, one JSON object a line (.gz, .zst, `-`).")
@JSON_OPTION
def answer(
    *,
    requests: str,
    zone: tzinfo,
    actions: tuple[str, ...],
    why: str | None,
    no_record: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Answer the requests of FILE, JSON lines or CSV: traceback_id, called_number, calling_number, time, and more.

    Each gets one answer: found, with whom we had the call from, by which trunk group and address; the customer where
    it is one of ours; not found; or ambiguous, where several calls may be meant. Nothing is guessed. A line that cannot
    be answered is told with its reason, and the status is 1: an archive that lacks that time cannot say "not found".

    \b
      robocall traceback answer requests.csv --zone America/New_York
      robocall traceback answer requests.jsonl --out answers.jsonl --why "portal of the ITG"
    """
    require(Role.LOOK_UP)
    require_distinct({"FILE": requests}, {"--out": out})
    settings, archive = TracebackSettings.load(), ArchiveSettings.load()
    office_zone = settings.office_zone
    who = office(settings, archive, pairs(actions, "--action"))
    reading = Reading(wall_clock_ms(), settings.tolerance_ms, ZoneInfo(str(zone)))
    answered: list[tuple[Question, Answer]] = []
    with ExitStack() as stack:
        say = stack.enter_context(step("Answering", Console(stderr=True), quick=True))
        questions, refused = _questions(requests, reading)
        connection = stack.enter_context(connected(opened(archive))) if questions else None
        for number, (line, question) in enumerate(questions, 1):
            due = due_ms(question.received_ms, office_zone)
            try:
                hop = find_answer(connection, who, question, wall_clock_ms())
                answered.append((question, Answer(traceback_id=question.traceback_id, hop=hop, due_ms=due)))
            except CannotSay as error:
                refused.append((line, f"{error}: look in your call records, it is due {shown(due)}"))
            say(f"{number:,} of {len(questions):,}", number, len(questions))
    _give([made for _, made in answered], out, as_json=as_json)
    for line, reason in sorted(refused):
        click.echo(printable(f"line {line} {reason}"), err=True)
    if not no_record:
        _record(answered, why)
    if refused:
        sys.exit(1)


def _questions(name: str, reading: Reading) -> tuple[list[tuple[int, Question]], list[tuple[int, str]]]:
    """What is asked, and what cannot be read; both with their lines."""
    questions, refused = [], []
    for line, row in rows_of(name):
        try:
            questions.append((line, reading.question(row)))
        except QuestionRefused as error:
            refused.append((line, str(error)))
    return questions, refused


def _give(answers: list[Answer], out: str | None, *, as_json: bool) -> None:
    if out is not None:
        with ExitStack() as stack:
            _write(answers, open_output(out, stack))
    if as_json or (out is None and not sys.stdout.isatty()):
        _write(answers, sys.stdout.buffer)
    elif out != "-":
        _show(answers)


def _write(answers: list[Answer], sink: BinaryIO) -> None:
    sink.writelines(msgspec.json.encode(one) + b"\n" for one in answers)
    sink.flush()


def _show(answers: list[Answer]) -> None:
    table = Table("request", "answer", "from", "trunk group", "address", "due")
    for one in answers:
        hop = one.hop
        cells = [one.traceback_id, hop.status, source_of(hop), hop.ingress_trunk, hop.source_ip, shown(one.due_ms)]
        table.add_row(*(Text(printable(str(cell or ""))) for cell in cells))
    Console().print(table)


def source_of(hop: Hop) -> str:
    """Whom a hop had the call from, or why nobody is named."""
    if hop.customer is not None:
        return f"customer {hop.customer.name}" + (f": {hop.customer.action}" if hop.customer.action else "")
    if hop.received_from is not None and hop.status is not Status.AMBIGUOUS:
        return named(hop.received_from)
    agreed = "" if hop.received_from is None else f"; all of them from {named(hop.received_from)}"
    return f"{hop.reason or ''}{agreed}"


def _record(answered: list[tuple[Question, Answer]], why: str | None) -> None:
    """Record the answers, some in one case. What cannot be sent waits: an answer that is given stands."""
    for some in _of_cases(answered):
        names = [some[0][1].traceback_id, *([some[-1][1].traceback_id] if len(some) > 1 else [])]
        requesters = ", ".join(sorted({question.requester for question, _ in some if question.requester}))
        details = answer_details([made for _, made in some], requesters[:MOST_REQUESTERS])
        record(CaseKind.TRACEBACK, "answered", subject=f"request:{' to '.join(names)}", details=details, why=why)


def _of_cases(answered: list[tuple[Question, Answer]]) -> Iterator[list[tuple[Question, Answer]]]:
    """Divide the answers among cases, by what they take there."""
    some: list[tuple[Question, Answer]] = []
    taken_bytes = 0
    for one in answered:
        own_bytes = len(msgspec.json.encode(msgspec.json.encode(one[1]).decode()))
        if some and taken_bytes + own_bytes > ROOM_BYTES:
            yield some
            some, taken_bytes = [], 0
        some.append(one)
        taken_bytes += own_bytes
    if some:
        yield some
