"""`robocall audit`: were the promises of the contract kept? It reads topics alone, and asks no worker."""

import asyncio
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

import click
from aiokafka.errors import KafkaError
from rich.console import Console

from streams.audit.ledger import Breach, Ledger
from streams.audit.reading import audit as read_all
from streams.errors import TopicMissing
from streams.kafka.client import why_unreachable
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, DEAD_LETTERS, admin_client
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.settings import Settings, load_settings

READ = (CALL_EVENTS, CALL_DECISIONS, DEAD_LETTERS)
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MOST_MS = 366 * UNITS_MS["d"]
PERCENTS = (50, 99, 99.9)


class _Span(click.ParamType):
    """A span of time, `30m` or `24h`, as milliseconds."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was given."""
        found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no span: 90s, 30m, 24h or 7d", param, ctx)
        span_ms = int(found[1]) * UNITS_MS[found[2]]
        if span_ms > MOST_MS:
            self.fail(f"{value!r} is longer than a year", param, ctx)
        return span_ms


@click.command()
@click.option("--since", "span_ms", type=_Span(), default="1h", show_default=True, help="How far back: 90s, 30m, 24h.")
@click.option(
    "--settle", "settle_ms", type=_Span(), default="30s", show_default=True,
    help="Calls of the last so long may still wait for their decision.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def audit(span_ms: int, settle_ms: int, *, as_json: bool) -> None:
    """Read what was asked and what was answered, and say which promises were not kept.

    Each call set-up has a decision, unless it is a dead letter; no decision is on a call that nobody set up. One call
    has one decision id, and a repeat says the same, unless one of them is fail_open. No label or block is older than
    ROBOCALL_DECISION_DEADLINE_MS. Decisions keep the contract, with 603+ for blocks by analytics.

    It reads call-events, call-decisions and dead-letters from the brokers, with no group, and changes nothing. Some
    minutes of calls are held at a time. The exit status is 1 when a promise was not kept.

    \b
      robocall audit --since 24h
      robocall audit --since 30m --json
    """
    if settle_ms >= span_ms:
        raise click.UsageError("--settle leaves nothing to look at: it must be shorter than --since")
    settings = load_settings()
    now_ms = wall_clock_ms()
    ledger = Ledger(settings.decision_deadline_ms)
    with step("Auditing", Console(stderr=True)) as say:
        partitions = _partitions(settings)
        asyncio.run(_read(settings, partitions, ledger, (now_ms - span_ms, now_ms - settle_ms), say))
    if as_json:
        click.echo(json.dumps(report(ledger)))
    else:
        _show(ledger)
    if ledger.breaches:
        sys.exit(1)


def _partitions(settings: Settings) -> dict[str, int]:
    """How many partitions each topic has."""
    with admin_client(settings) as admin:
        missing = sorted(set(READ) - set(admin.list_topics()))
        if missing:
            raise TopicMissing(missing)
        return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(READ))}


async def _read(
    settings: Settings, partitions: dict[str, int], ledger: Ledger, span: tuple[int, int], say: Any
) -> None:
    def told(at_ms: int) -> None:
        say(f"up to {datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC, {ledger.counts['calls']:,} calls")

    try:
        await read_all(settings, partitions, ledger, *span, told)
    except KafkaError as error:
        raise await why_unreachable(settings) from error


def report(ledger: Ledger) -> dict[str, Any]:
    """What was found, for programs."""
    return {
        "is_clean": not ledger.breaches,
        **{name: ledger.counts[name] for name in ("calls", "decisions", "repeats", "late", "refused", "given_up")},
        "answer_ms": {f"p{percent:g}": ledger.percentile_ms(percent) for percent in PERCENTS},
        "breaches": {
            kind: {"count": ledger.breaches[kind], "examples": ledger.examples[kind]} for kind in ledger.breaches
        },
    }


def _show(ledger: Ledger) -> None:
    """What was found, for people."""
    counts = ledger.counts
    click.echo(
        f"{counts['calls']:,} calls, {counts['decisions']:,} decisions: {counts['repeats']:,} repeated, ", nl=False
    )
    click.echo(f"{counts['late']:,} late or overload; {counts['refused']:,} records are dead letters")
    if ledger.answer_ms:
        times = ", ".join(f"{percent:g} % within {ledger.percentile_ms(percent):,} ms" for percent in PERCENTS)
        click.echo(f"answered: {times}")
    if counts["given_up"]:
        click.echo(f"{counts['given_up']:,} calls were not looked at: there were too many at a time")
        click.echo("so decisions on no call are not looked for: they may be on those")
    for kind in Breach:
        if count := ledger.breaches[kind]:
            click.echo(f"{kind.meaning} {count:,} times, for instance:")
            for example in ledger.examples[kind]:
                click.echo(f"  {printable(example)}")
    if not ledger.breaches:
        click.echo("every promise was kept" if counts["calls"] else "there was no call to look at")
