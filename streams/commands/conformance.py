"""`robocall conformance`: a switch and a detector that keep the contract, to hold the real ones against."""

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detector.contract.errors import RobocallError
from streams.commands.exposure import is_loopback
from streams.conformance.calls import RESERVED, TestCalls
from streams.conformance.cases import Verdict, all_cases
from streams.conformance.consumer import ConsumerCheck, is_test_call
from streams.conformance.detector import DetectorCheck
from streams.conformance.line import Got, Line
from streams.conformance.listening import Listener
from streams.conformance.producer import Traffic, judge
from streams.kafka.group_view import group_view
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.settings import Settings, load_settings

PATIENCE_S, LATE_PATIENCE_S = 10.0, 600.0
"""For a decision; for somebody who starts a worker first."""
PASSED = {True: "pass", False: "FAIL", None: "-"}
STYLES = {True: "green", False: "bold red", None: "dim"}

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
SWITCH_OPTION = click.option("--switch-id", help="Only calls of this switch.  [default: of every switch]")
MOST_RECORDS = 200_000
SECONDS = click.FloatRange(1, 86_400)
REMOTE_OPTION = click.option(
    "--allow-remote", is_flag=True, help="Publish test calls or decisions although the broker is not on this machine."
)


class NotHere(RobocallError):
    """The kit would publish where it may do harm."""


@click.group()
def conformance() -> None:
    """Check a detector or a switch against the contract, case by case. A table; exit status 1 when a case fails.

    \b
      robocall conformance detector     plays a switch, and checks the workers that run
      robocall conformance producer     listens to what your switch publishes; writes nothing
      robocall conformance consumer     plays the detector, and checks what your switch does

    Test calls have numbers that nobody has: +1 NPA 555 01XX. `robocall conformance cases` lists the cases; each names
    the section of the contract. docs/conformance.md says how to use them one after the other.
    """


@conformance.command("cases")
@JSON_OPTION
def list_cases(*, as_json: bool) -> None:
    """List the cases: id, what is expected, where the contract says so."""
    if as_json:
        found = [{"id": one.identifier, "promise": one.promise, "section": one.section} for one in all_cases()]
        click.echo(json.dumps(found))
        return
    for one in all_cases():
        click.echo(f"{one.identifier}  {one.promise}  ({one.section})")


@conformance.command()
@click.option("--timeout", type=SECONDS, help="Longest wait for a decision, seconds.  [default: 10; 600 with --late]")
@click.option("--blocked", help="A reserved number that you put on the block list: checks 603+ and labels (D13, D14).")
@click.option("--late", is_flag=True, help="Only D17: start this while no worker runs, and a worker when it says so.")
@REMOTE_OPTION
@JSON_OPTION
def detector(timeout: float | None, blocked: str | None, *, late: bool, allow_remote: bool, as_json: bool) -> None:
    """Play a switch, and check what the workers answer.

    Publishes about twenty test calls to call-events, one record that breaks the contract, and the end of one call. It
    reads call-decisions and dead-letters, without a group. Its calls count in the windows of their own numbers and of
    the trunk group `conformance`; one counts as withheld, and one as a call to 911.

    \b
      robocall lists add block +12025550199
      robocall conformance detector --blocked +12025550199
    """
    if blocked is not None and not RESERVED.fullmatch(blocked):
        raise click.UsageError("--blocked takes a reserved number: +12025550199")
    settings = load_settings()
    _require_here(settings, allow_remote=allow_remote)
    patience_s = timeout or (LATE_PATIENCE_S if late else PATIENCE_S)
    _tell(_run(_play_switch(settings, patience_s, blocked, late=late)), as_json=as_json)


@conformance.command()
@click.option("--seconds", type=SECONDS, default=60.0, show_default=True, help="How long to listen.")
@click.option(
    "--records", type=click.IntRange(1, MOST_RECORDS), default=MOST_RECORDS, show_default=True,
    help="Stop after so many records; they are kept in memory.",
)  # fmt: skip
@click.option(
    "--calls-last", type=click.FloatRange(0, 86_400), default=60.0, show_default=True,
    help="A call whose set-up is older than so many seconds at the end should have ended.",
)  # fmt: skip
@SWITCH_OPTION
@JSON_OPTION
def producer(seconds: float, records: int, calls_last: float, switch_id: str | None, *, as_json: bool) -> None:
    """Listen to call-events, and judge what your switch publishes. Reads only, without a group.

    Judges keys, partitions, idempotence, clocks, and each end beside its set-up, of what is published meanwhile.
    """
    traffic = _run(_listen(load_settings(), seconds, records, calls_last, switch_id))
    _tell(list(judge(traffic)), as_json=as_json)


@conformance.command()
@click.option("--seconds", type=SECONDS, default=300.0, show_default=True, help="Longest time to answer calls.")
@SWITCH_OPTION
@REMOTE_OPTION
@JSON_OPTION
def consumer(seconds: float, switch_id: str | None, *, allow_remote: bool, as_json: bool) -> None:
    """Play the detector, and judge what your switch does with its decisions.

    Place calls from +1 NPA 555 0101 to 0113 through your switch: the last two digits are the case, C01 to C13. Each is
    answered on call-decisions as the case has it, some by a block, one late, one never. What your switch made of it
    stands in its call_end: treatment, decision_id, sip_status. Other calls get no answer. No worker may run meanwhile.
    """
    settings = load_settings()
    _require_here(settings, allow_remote=allow_remote)
    _tell(_run(_play_detector(settings, seconds, switch_id)), as_json=as_json)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say comes back as one error
    return asyncio.run(work)


def _require_here(settings: Settings, *, allow_remote: bool) -> None:
    away = [server for server in settings.kafka_servers if not is_loopback(server.rpartition(":")[0])]
    if away and not allow_remote:
        raise NotHere(f"this publishes test calls or decisions to {away[0]}: say --allow-remote if that is meant")


async def _play_switch(settings: Settings, patience_s: float, blocked: str | None, *, late: bool) -> list[Verdict]:
    calls, found = TestCalls(), []
    run = calls.run.encode()

    def is_ours(got: Got) -> bool:
        return run in got.value or run in got.key

    with step("Playing a switch", _console()) as say:
        async with Line(settings, CALL_DECISIONS, DEAD_LETTERS, writes=CALL_EVENTS, keep=is_ours) as line:
            check = DetectorCheck(line, calls, patience_s, blocked)
            if late:
                return [await check.late(_say)]
            async for verdict in check.run():
                found.append(verdict)
                say(verdict.case.identifier)
    return found


async def _listen(
    settings: Settings, seconds: float, records: int, calls_last: float, switch_id: str | None
) -> Traffic:
    with step("Listening to call-events", _console()) as say:
        async with Listener(settings, CALL_EVENTS) as listener:
            traffic = Traffic(listener.partitions, switch_id, round(calls_last * 1e3))
            async for heard in listener.listen(seconds):
                traffic.add(heard, wall_clock_ms())
                say(f"{traffic.heard:,} records, {len(traffic.setups):,} set-ups, {len(traffic.ends):,} ends")
                if traffic.heard >= records:
                    break
            if listener.left_out:
                _say(f"{listener.left_out:,} batches were left out: they are damaged, or larger than workers read")
    return traffic


async def _play_detector(settings: Settings, seconds: float, switch_id: str | None) -> list[Verdict]:
    with step("Looking for workers", _console()):
        await asyncio.to_thread(_require_no_worker, settings)
    with step("Answering calls from +1 NPA 555 0101 to 0113", _console()) as say:
        async with Line(settings, CALL_EVENTS, writes=CALL_DECISIONS, keep=is_test_call) as line:
            check = ConsumerCheck(line, switch_id)
            await check.run(seconds, say)
    return list(check.verdicts())


def _require_no_worker(settings: Settings) -> None:
    members = group_view(settings).members
    if members:
        raise NotHere(
            f"{members} workers of the group {settings.consumer_group} run and would answer too: stop them first"
        )


def _console() -> Console:
    return Console(stderr=True)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _tell(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    """Show the verdicts; exit with status 1 when a case failed, or none was judged."""
    failed = [one for one in verdicts if one.passed is False]
    judged = [one for one in verdicts if one.passed is not None]
    if as_json:
        cases = [
            {
                "id": one.case.identifier,
                "promise": one.case.promise,
                "section": one.case.section,
                "seen": one.seen,
                "passed": one.passed,
            }
            for one in verdicts
        ]
        click.echo(json.dumps({"passed": not failed and bool(judged), "cases": cases}))
    else:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(_table(verdicts))
        _say(f"{len(judged) - len(failed)} passed, {len(failed)} failed, {len(verdicts) - len(judged)} not judged")
        for one in failed:
            _say(f"{one.case.identifier}: see {one.case.section}")
    if failed or not judged:
        raise click.exceptions.Exit(1)


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("case", "expected", "seen", ""):
        table.add_column(name, overflow="fold")
    for one in verdicts:
        result = Text(PASSED[one.passed], style=STYLES[one.passed])
        table.add_row(one.case.identifier, one.case.promise, Text(printable(one.seen)), result)
    return table
