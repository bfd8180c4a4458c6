"""`robocall scorecards`: whom to call today, and what to change in the policy about a trunk group.

What a program reads goes to standard output, tables for people to standard error.
"""

import csv
import io
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from detector.policy.entries import EntryAction
from detector.policy.lists import Basis
from models.data.cells import inert
from streams.archive.settings import ArchiveSettings
from streams.cases.roles import Role, require
from streams.commands.policy.saving import named_file, save_policy
from streams.commands.scorecards.showing import show
from streams.commands.shared.opened_archive import opened
from streams.running.clock import utc_today
from streams.running.printable import printable
from streams.running.progress import Say, step
from streams.scorecards.cards import SHARES, THRESHOLDS, By, Card
from streams.scorecards.counting import counted
from streams.scorecards.proposals import ProposalRefused, entry_of, line_of, trunks_in, with_entries
from streams.settings import load_settings

MOST_DAYS = 400
DAY_TYPE = click.DateTime(["%Y-%m-%d"])


@click.group(invoke_without_command=True)
@click.option("--from", "begin", type=DAY_TYPE, help="First day of arrival (UTC) [default: yesterday].")
@click.option("--to", "end", type=DAY_TYPE, help="Up to but without it [default: one day].")
@click.option("--plan", metavar="FILE", help="CSV of prefix (6 or 7 digits) and ocn: whose calling numbers are.")
@click.option(
    "--threshold",
    "limits",
    multiple=True,
    metavar="NAME=SHARE",
    help=f"From which share on NAME is alarming: {', '.join(f'{name}={share}' for name, share in THRESHOLDS.items())}.",
)
@click.option("--top", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Lines of a table.")
@click.option("--wide", "is_wide", is_flag=True, help="Every column of the tables, as --json has them.")
@click.option("--json", "form", flag_value="json", help="One JSON object a card and line on standard output.")
@click.option("--csv", "form", flag_value="csv", help="CSV on standard output.")
@click.pass_context
def scorecards(
    context: click.Context,
    begin: datetime | None,
    end: datetime | None,
    plan: str | None,
    limits: Sequence[str],
    top: int,
    form: str | None,
    *,
    is_wide: bool,
) -> None:
    """Say what came in by each trunk group, upstream, signer and registration, a day; whom to call first.

    \b
      robocall scorecards
      robocall scorecards --from 2026-11-20 --to 2026-11-27 --csv > cards.csv
      robocall scorecards propose wholesale-7 --action label

    It reads the archive (ROBOCALL_ARCHIVE_URL) and, where there is one, the register (ROBOCALL_UPSTREAMS_FILE). Status
    1 where something is alarming. docs/upstreams.md says how each share is counted.
    """
    if context.invoked_subcommand is not None:
        return
    days = _days(begin, end)
    thresholds = _thresholds(limits)
    with step("Counting calls") as say:
        cards = _cards(days, plan, thresholds, say)
    if form == "json":
        for card in cards:
            click.echo(json.dumps(card.plain()))
    elif form == "csv":
        click.echo(_csv(cards), nl=False)
    else:
        show([card for card in cards if card.day == days[-1]], days[-1], top, is_wide=is_wide)
    if any(card.alarms for card in cards):
        raise click.exceptions.Exit(1)


@scorecards.command()
@click.argument("trunks", metavar="TRUNK...", nargs=-1)
@click.option("--day", type=DAY_TYPE, help="Day whose cards say why (UTC) [default: yesterday].")
@click.option(
    "--action",
    type=click.Choice([action.value for action in EntryAction]),
    default=EntryAction.REPORT.value,
    show_default=True,
    help="What is to be done with their calls.",
)
@click.option(
    "--basis",
    type=click.Choice([Basis.ANALYTICS.value, Basis.REGISTRATION.value]),
    default=Basis.ANALYTICS.value,
    show_default=True,
    help="On what a block rests: registration is of who is not registered, and holds everywhere.",
)
@click.option("--policy", "file", type=click.Path(path_type=Path), help="[default: ROBOCALL_POLICY_FILE]")
@click.option("--yes", is_flag=True, help="A person agreed: write it into the policy file.")
def propose(
    trunks: Sequence[str], day: datetime | None, action: str, basis: str, file: Path | None, *, yes: bool
) -> None:
    """Print the change of the policy for trunk groups: TRUNK... , or those with an alarm and no entry yet.

    Nothing is changed without --yes. Workers take a new policy at their next start.
    """
    if yes:
        require(Role.GRANT)
    path = named_file(file, load_settings().policy_file)
    of_day = _yesterday() if day is None else day.date()
    with step("Counting calls") as say:
        cards = {card.key: card for card in _cards([of_day], None, THRESHOLDS, say) if card.by is By.TRUNK}
    strangers = [trunk for trunk in trunks if trunk not in cards]
    if strangers:
        raise ProposalRefused(f"no call of {of_day} came in by trunk group {strangers[0]}: look at another --day")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    chosen = [cards[trunk] for trunk in dict.fromkeys(trunks)] or _new_alarms(cards.values(), basis, trunks_in(text))
    if not chosen:
        click.echo(f"no trunk group without an entry is alarming on {of_day}", err=True)
        return
    entries = [entry_of(card, EntryAction(action), Basis(basis)) for card in chosen]
    changed = with_entries(text, entries)
    click.echo("upstreams:\n" + "\n".join(f"  {line_of(entry)}" for entry in entries))
    if yes:
        save_policy(path, changed.encode(), why=f"{action} of {', '.join(entry.trunk_group_id for entry in entries)}")
        click.echo(f"written into {path}: workers take it at their next start", err=True)
    else:
        click.echo(f"nothing is changed: --yes writes this into {path}", err=True)


def _new_alarms(cards: Iterable[Card], basis: str, there: Container[str]) -> list[Card]:
    """Cards with an alarm that goes with the basis and without an entry in the policy; who has one is said."""

    def is_meant(card: Card) -> bool:
        return By.REGISTRATION in card.alarms if basis == Basis.REGISTRATION else bool(card.alarms)

    alarming = [card for card in cards if is_meant(card)]
    old = [card.key for card in alarming if card.key in there]
    if old:
        click.echo(printable(f"the policy has an entry already for {', '.join(old)}"), err=True)
    return [card for card in alarming if card.key not in there]


def _cards(days: Sequence[date], plan: str | None, thresholds: Mapping[str, float], say: Say) -> list[Card]:
    settings = ArchiveSettings.load()
    store, is_digested = opened(settings), settings.key is not None
    return counted(store, days, is_digested=is_digested, plan=plan, thresholds=thresholds, say=say)


def _yesterday() -> date:
    return utc_today() - timedelta(1)


def _days(begin: datetime | None, end: datetime | None) -> list[date]:
    first = _yesterday() if begin is None else begin.date()
    stop = first + timedelta(1) if end is None else end.date()
    if not 0 < (stop - first).days <= MOST_DAYS:
        raise click.UsageError(f"--from must be before --to, and at most {MOST_DAYS} days")
    return [first + timedelta(number) for number in range((stop - first).days)]


def _thresholds(limits: Sequence[str]) -> Mapping[str, float]:
    found = dict(THRESHOLDS)
    for limit in limits:
        name, _, share = limit.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            found[name] = -1.0
        if name not in SHARES or not 0.0 < found[name] <= 1.0:
            raise click.UsageError(f"--threshold {limit}: NAME=SHARE is wanted, NAME one of {', '.join(SHARES)}")
    return found


def _csv(cards: Sequence[Card]) -> str:
    text = io.StringIO()
    rows = [card.plain() for card in cards]
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: inert(value) for name, value in row.items()} for row in rows)
    return text.getvalue()
