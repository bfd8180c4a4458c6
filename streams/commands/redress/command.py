"""`robocall redress open|list|show|tell|grant|reject`: from a complaint of who was blocked to an answer."""

import re
from datetime import tzinfo
from typing import Any

import click

from detector.contract.errors import RobocallError
from models.data.complaints import instant_ms, phone_number
from streams.cases.changes import new_entry
from streams.cases.recording import looked_up, record
from streams.cases.redress import (
    PENDING,
    REJECTED,
    TOLD,
    Claim,
    claim_of,
    clock,
    decided_as,
    left_ms,
    new_redress,
    require_new,
)
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.commands.cases.command import CASE_ARGUMENT, found, tell, why_option, with_cases
from streams.commands.cases.showing import line, when
from streams.commands.records.zone import Zone
from streams.commands.shared.options import JSON_OPTION
from streams.commands.shared.unmasking import MASKED, Numbers, unmask_option
from streams.redress.granting import MOST_DAYS, Lifted, stays
from streams.redress.granting import grant as granted
from streams.redress.looking import looked_up as find_call
from streams.running.clock import wall_clock_ms
from streams.running.printable import counted_in_words, printable
from streams.running.progress import step
from streams.settings import load_settings
from streams.wire.cases import Case, CaseEntry, CaseKind
from streams.wire.records import encode

DECISION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_CONTACT = 500


@click.group()
def redress() -> None:
    """Answer those who say that their calls were wrongly blocked or labelled.

    \b
      robocall redress open 3f0c... --why "reminders of a clinic" --contact clinic@example.com
      robocall redress open --calling +12025550123 --at 2026-11-27T14:03 --why "reminders of a clinic"
      robocall redress list
      robocall redress grant redress-20261128-91f0b7de33 --why "called back, it is the clinic"

    Granting lifts the block within two seconds. Needs Kafka, and Redis to grant. While Kafka is away, `robocall
    release` and `robocall lists add allow` lift a block without a case.
    """


@redress.command(name="open")
@click.argument("decision_id", metavar="[DECISION_ID]", required=False)
@click.option("--calling", metavar="NUMBER", help="Who called, where the decision id is not known.")
@click.option("--called", metavar="NUMBER", help="Who was called.")
@click.option("--at", metavar="TIME", help="When, 2026-11-27T14:03 or 11/27/2026 2:03 PM; ten minutes off at most.")
@click.option("--time-zone", type=Zone(), default="UTC", show_default=True, help="Zone of a time that names none.")
@click.option("--received", metavar="TIME", help="When they asked: the 24 hours count from then.  [default: now]")
@click.option("--contact", metavar="TEXT", help="Whom to answer.")
@why_option("What they say; it is recorded.")
@JSON_OPTION
def open_(
    *,
    decision_id: str | None,
    calling: str | None,
    called: str | None,
    at: str | None,
    time_zone: tzinfo,
    received: str | None,
    contact: str | None,
    why: str,
    as_json: bool,
) -> None:
    """Open redress of one call, by the id of its decision (`id` of the 603+ text) or by numbers and time.

    The decision is looked up in Redis and in the archive. Where none is found the case is opened all the same; it can
    be granted where --calling says who called. A second case about the same decision is refused while one waits.
    """
    require(Role.LOOK_UP)
    asked = _asked(decision_id, calling, called, at, time_zone)
    if contact is not None and not 0 < len(contact.strip()) <= MAX_CONTACT:
        raise click.UsageError(f"--contact has 1 to {MAX_CONTACT} characters")
    claim = _looked_up(asked)
    entry = _entry("opened", why)
    received_ms = _received(received, time_zone, entry.time_ms)
    with_cases(lambda store: require_new(store, claim), "Reading the cases")
    case = new_redress(entry, claim, contact and contact.strip(), received_ms)
    written = with_cases(lambda store: store.open(case), "Opening the case")
    if claim.decided is None:
        click.echo("no decision was found: what was asked stands in the case", err=True)
    _tell(written, as_json=as_json)


@redress.command(name="list")
@click.option("--all", "is_all", is_flag=True, help="Decided ones too.")
@click.option("--overdue", is_flag=True, help="Only those that should have been answered; status 1 if there is one.")
@JSON_OPTION
def list_(*, is_all: bool, overdue: bool, as_json: bool) -> None:
    """List redress that waits, the oldest first, with the clock of 24 hours."""
    require(Role.LOOK_UP)
    now_ms = wall_clock_ms()

    def wanted(case: Case) -> bool:
        left = left_ms(case, now_ms)
        is_open = case.kind is CaseKind.REDRESS and (is_all or case.state == PENDING)
        return is_open and (not overdue or (left is not None and left < 0))

    listed = with_cases(lambda store: store.cases(wanted, {CaseKind.REDRESS}), "Reading the cases")
    for case in listed:
        shown = MASKED.of(case)
        click.echo(_json(shown, now_ms) if as_json else line(shown, clock(case, now_ms)))
    if overdue and listed:
        raise click.exceptions.Exit(1)


@redress.command()
@CASE_ARGUMENT
@unmask_option
@JSON_OPTION
def show(case_id: str, *, numbers: Numbers, as_json: bool) -> None:
    """Show a case with its clock: what is known of the call, and who did what, when and why."""
    require(Role.LOOK_UP)
    _tell(found(case_id), numbers, as_json=as_json)
    numbers.note(f"case:{case_id}")


@redress.command(name="tell")
@CASE_ARGUMENT
@why_option("What they were told; it is recorded.")
@JSON_OPTION
def tell_(case_id: str, why: str, *, as_json: bool) -> None:
    """Record that whoever asked was told how it stands: the clock of 24 hours stops."""
    require(Role.GRANT)
    entry = _entry(TOLD, why)
    _tell(
        with_cases(lambda store: store.append(case_id, entry, lambda case: decided_as(case, case.state))),
        as_json=as_json,
    )


@redress.command()
@CASE_ARGUMENT
@why_option("Why it is granted; it is recorded.")
@click.option(
    "--allow-days", type=click.FloatRange(0, MOST_DAYS), default=30.0, show_default=True,
    help="How long the number is on the allow list; 0 for not at all.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Of one that is granted: do it once more, for instance for longer.")
@JSON_OPTION
def grant(case_id: str, why: str, allow_days: float, *, again: bool, as_json: bool) -> None:
    """Grant redress: end what stands against the number, allow it for a while, and say that the call was lawful.

    Workers follow within two seconds. Orders, do-not-originate and blocks that a subscriber asked for hold all the
    same. Running it again after a failure does what is left.
    """
    require(Role.GRANT)
    settings, entry, case = load_settings(), _entry("granted", why), found(case_id)
    done: list[Lifted | None] = []
    try:
        with step("Granting", quick=True):
            written = granted(settings, case, entry, allow_days=allow_days, is_again=again, on_lifted=done.append)
    except RobocallError:
        if done:
            _say_lifted(claim_of(case), done[0])
            click.echo("the block is lifted; switches or the case were not told: run it again", err=True)
        raise
    _say_lifted(claim_of(written), done[0])
    _tell(written, as_json=as_json)


@redress.command()
@CASE_ARGUMENT
@why_option("Why it is rejected, as they are told; it is recorded.")
@JSON_OPTION
def reject(case_id: str, why: str, *, as_json: bool) -> None:
    """Reject redress; nothing changes for the number. It may be granted later."""
    require(Role.GRANT)
    entry = _entry("rejected", why)
    written = with_cases(lambda store: store.append(case_id, entry, lambda case: decided_as(case, REJECTED)))
    _tell(written, as_json=as_json)


@click.command()
@click.argument("subscriber", metavar="SUBSCRIBER")
@unmask_option
@JSON_OPTION
def blocked(subscriber: str, *, numbers: Numbers, as_json: bool) -> None:
    """List the calls to SUBSCRIBER that were blocked in the last 28 days: date, time (UTC) and calling number.

    \b
      robocall blocked +13125550142
      robocall blocked +13125550142 --unmask "asked for by the subscriber"

    It reads the archive. Whoever asks for their own line gets it free of charge (47 CFR 64.1200(k)(10)).
    """
    from streams.redress import archived  # noqa: PLC0415 - pyarrow, which granting does not wait for

    require(Role.LOOK_UP)
    number = phone_number(subscriber, "1")
    if number is None:
        raise click.UsageError(f"{subscriber!r} is no number, for instance +13125550142")
    with step("Asking the archive", quick=True):
        calls, lacks = archived.blocked_calls(number, wall_clock_ms())
    for setup_ms, whole in calls:
        calling = numbers.text(whole)
        told = {"time_ms": setup_ms, "calling_number": calling}
        click.echo(encode(told).decode() if as_json else printable(f"{when(setup_ms)}  {calling}"))
    whom, details = looked_up("number", number)
    said = f"{counted_in_words(len(calls), 'call')} to {number} {'was' if len(calls) == 1 else 'were'} blocked"
    click.echo(f"{said} in the last {archived.LOOKED_BACK_DAYS} days", err=True)
    if lacks is not None:
        click.echo(printable(f"there may have been more: {lacks}"), err=True)
    record(CaseKind.LOOK_UP, "blocked_calls", subject=whom, details=details, why=numbers.why)


def _asked(decision_id: str | None, calling: str | None, called: str | None, at: str | None, zone: tzinfo) -> Claim:
    """What was asked, brought to its form; wrong usage where it says no call."""
    if (decision_id is None) == (calling is None):
        raise click.UsageError("give either a DECISION_ID or --calling, the number that called")
    if decision_id is not None:
        if called or at or not DECISION_ID.fullmatch(decision_id):
            raise click.UsageError(
                "a DECISION_ID has up to 64 letters, digits, - and _; --called and --at go with --calling"
            )
        return Claim(decision_id=decision_id)
    numbers = [None if text is None else phone_number(text, "1") for text in (calling, called)]
    if numbers[0] is None or (called is not None and numbers[1] is None):
        raise click.UsageError("--calling and --called are numbers, for instance +12025550123")
    at_ms = None if at is None else instant_ms(at, zone)
    if at is not None and at_ms is None:
        raise click.UsageError(f"--at {at!r} is no time, for instance 2026-11-27T14:03")
    return Claim(calling_number=numbers[0], called_number=numbers[1], call_time_ms=at_ms)


def _received(text: str | None, zone: tzinfo, now_ms: int) -> int:
    """When they asked; wrong usage where that is no time, or is to come."""
    at_ms = now_ms if text is None else instant_ms(text, zone)
    if at_ms is None or at_ms > now_ms:
        raise click.UsageError(f"--received {text!r} is no time of the past, for instance 2026-11-27T14:03")
    return at_ms


def _looked_up(asked: Claim) -> Claim:
    """The call as Redis or the archive has it, else as it was asked."""
    complaints: list[str] = []
    with step("Looking for the decision", quick=True):
        claim = find_call(load_settings(), asked, wall_clock_ms(), complaints.append)
    for one in complaints:
        click.echo(printable(one), err=True)
    return claim


def _say_lifted(claim: Claim, lifted: Lifted | None) -> None:
    if lifted is not None:
        done, until_ms = lifted.released, lifted.allowed_until_ms
        allowed = "" if until_ms is None else f", it is allowed until {when(until_ms)} UTC"
        text = f"ended {done.ended or 'nothing'} in {lifted.took_s:.2f} s{allowed}"
        click.echo(printable(f"{MASKED.text(claim.calling_number or '')}: {text}"), err=True)
    for text in stays(claim, lifted):
        click.echo(text, err=True)


def _tell(case: Case, numbers: Numbers = MASKED, *, as_json: bool) -> None:
    now_ms = wall_clock_ms()
    if as_json:
        click.echo(_json(numbers.of(case), now_ms))
        return
    tell(case, numbers, as_json=False)
    if said := clock(case, now_ms):
        click.echo(said)


def _json(case: Case, now_ms: int) -> str:
    """The case and how long there is, in seconds; null where no answer is due."""
    left = left_ms(case, now_ms)
    content: dict[str, Any] = {"case": case, "left_s": None if left is None else left // 1_000}
    return encode(content).decode()


def _entry(what: str, why: str) -> CaseEntry:
    return new_entry(who=CaseSettings.load().who, what=what, why=why, now_ms=wall_clock_ms())
