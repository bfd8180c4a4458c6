"""`robocall cases list|show|hold|prune`."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import click
from rich.console import Console

from streams.cases.changes import is_past, new_entry
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.cases.store import CaseStore
from streams.commands.cases.showing import line, lines
from streams.commands.shared.options import JSON_OPTION
from streams.commands.shared.unmasking import MASKED, Numbers, unmask_option
from streams.running.clock import wall_clock_ms
from streams.running.progress import step
from streams.settings import load_settings
from streams.wire.cases import Case, CaseKind
from streams.wire.records import encode

T = TypeVar("T")
CASE_ARGUMENT = click.argument("case_id", metavar="CASE")


def why_option(text: str) -> Callable[[Any], Any]:
    """`--why`, which is recorded."""
    return click.option("--why", required=True, metavar="TEXT", help=text)


def with_cases(work: Callable[[CaseStore], Coroutine[Any, Any, T]], text: str = "Asking Kafka") -> T:
    """Run `work` with the cases of the configured Kafka, in an event loop of its own; says that it goes on.

    Raises:
        RobocallError: as `CaseStore` says.
    """
    with step(text, quick=True):
        return asyncio.run(work(CaseStore(load_settings())))


def found(case_id: str) -> Case:
    """Read a case.

    Raises:
        ClickException: there is none.
    """
    case = with_cases(lambda store: store.read(case_id))
    if case is None:
        raise click.ClickException(f"no case {case_id}: `robocall cases list` has them")
    return case


def tell(case: Case, numbers: Numbers, *, as_json: bool) -> None:
    """Show a case to a person or a program."""
    shown = numbers.of(case)
    click.echo(encode(shown).decode() if as_json else "\n".join(lines(shown)))


@click.group()
def cases() -> None:
    """Look at the records of who did what: redress, changes, look-ups. Needs Kafka.

    \b
      robocall cases list --kind change
      robocall cases show change-20261128-3f9a2b71c0
      robocall cases hold redress-20261128-91f0b7de33 --why "suit 26-1042"

    SQL over every version of them: `robocall archive query "SELECT * FROM case_records"`.
    """


@cases.command(name="list")
@click.option("--kind", type=click.Choice([kind.value for kind in CaseKind]), help="Only cases of this kind.")
@click.option("--state", help="Only cases in this state: pending, granted, rejected, open, closed.")
@click.option("--held", is_flag=True, help="Only cases on legal hold.")
@click.option("--days", type=click.FloatRange(min=0), help="Only cases opened in the last DAYS days.")
@unmask_option
@JSON_OPTION
def list_(
    *, kind: str | None, state: str | None, held: bool, days: float | None, numbers: Numbers, as_json: bool
) -> None:
    """List cases, one a line, the oldest first; the latest 10,000 that fit. With --json a whole case in each line."""
    require(Role.LOOK_UP)
    since_ms = 0 if days is None else wall_clock_ms() - round(days * 86_400_000)
    kinds = set(CaseKind) if kind is None else {CaseKind(kind)}

    def wanted(case: Case) -> bool:
        fits = kind in {None, case.kind} and state in {None, case.state}
        return fits and case.opened_ms >= since_ms and (case.is_held or not held)

    for case in with_cases(lambda store: store.cases(wanted, kinds), "Reading the cases"):
        shown = numbers.of(case)
        click.echo(encode(shown).decode() if as_json else line(shown))
    numbers.note("cases")


@cases.command()
@CASE_ARGUMENT
@unmask_option
@JSON_OPTION
def show(case_id: str, *, numbers: Numbers, as_json: bool) -> None:
    """Show a case: its facts, and who did what in it, when and why."""
    require(Role.LOOK_UP)
    tell(found(case_id), numbers, as_json=as_json)
    numbers.note(f"case:{case_id}")


@cases.command()
@CASE_ARGUMENT
@why_option("Which suit, order or request asks for it; it is recorded.")
@click.option("--end", is_flag=True, help="End the hold.")
@JSON_OPTION
def hold(case_id: str, why: str, *, end: bool, as_json: bool) -> None:
    """Keep a case beyond its retention, until the hold is ended."""
    require(Role.GRANT)
    what = "hold_ended" if end else "held"
    entry = new_entry(who=CaseSettings.load().who, what=what, why=why, now_ms=wall_clock_ms())
    tell(
        with_cases(lambda store: store.append(case_id, entry, lambda case: replace(case, is_held=not end))),
        MASKED,
        as_json=as_json,
    )


@cases.command()
@click.option("--dry-run", is_flag=True, help="Only say which cases would go.")
@JSON_OPTION
def prune(*, dry_run: bool, as_json: bool) -> None:
    """Delete cases that have ended, are not held, and whose retention has passed (ROBOCALL_CASES_RETENTION_DAYS).

    Pending and open cases stay. Kafka forgets what was deleted when it next compacts. The archive has a retention of
    its own: `robocall archive prune`.
    """
    require(Role.GRANT)
    days, now_ms = CaseSettings.load().retention_days, wall_clock_ms()

    def may_go(case: Case) -> bool:
        return is_past(case, retention_days=days, now_ms=now_ms)

    async def remove(store: CaseStore) -> list[str]:
        gone = []
        for number, case in enumerate(await store.cases(may_go)):
            say(f"{number:,} done")
            if dry_run or await store.remove(case.case_id, may_go):
                gone.append(case.case_id)
        return gone

    console = Console(stderr=True)
    with step("Pruning cases", console, quick=True) as say:
        gone = asyncio.run(remove(CaseStore(load_settings())))
    if as_json:
        click.echo(encode({"dry_run": dry_run, "pruned": gone}).decode())
    else:
        click.echo("\n".join([*gone, f"{'would go' if dry_run else 'deleted'}: {len(gone):,}"]))
