"""`robocall campaigns`: run the service, look at campaigns, find them in the past, say what they were."""

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
import structlog
from rich.console import Console

from detector.contract.events import Verdict
from detector.features.window_constants import HOUR_MS
from streams.archive.files import ArchiveStore, day_of
from streams.archive.output import fetched
from streams.archive.query import ask, connected
from streams.archive.settings import ArchiveSettings
from streams.campaigns.metrics import CampaignMetrics, Standing
from streams.campaigns.past import Past
from streams.campaigns.records import CampaignRecord, CampaignVerdict, record_of
from streams.campaigns.service import CampaignService
from streams.campaigns.settings import CAMPAIGNS_PREFIX, CampaignSettings
from streams.campaigns.topic import campaigns_now, read_campaigns
from streams.campaigns.verdicts import DONE, campaign_in, feedback_on, verdict_on
from streams.cases.recording import record as note_done
from streams.cases.roles import Role, require
from streams.cases.settings import CaseSettings
from streams.commands.campaigns.showing import lines_of, object_of, table_of
from streams.commands.events.lines import require_events
from streams.commands.events.source import Source, source_options
from streams.commands.models.place import FILE
from streams.commands.records.rows import Tally, deliver, tell
from streams.commands.replay import read_batches
from streams.commands.shared.options import epoch_ms
from streams.commands.shared.unmasking import Numbers, unmask_option
from streams.errors import ReplayFailed
from streams.kafka.topics import CALL_FEEDBACK, CAMPAIGNS
from streams.log import configure_log
from streams.running.clock import wall_clock_ms
from streams.running.metrics_page import served
from streams.running.progress import Say, step
from streams.settings import Settings, load_settings
from streams.unknown_settings import unknown_keys
from streams.wire.cases import CaseKind
from streams.wire.records import encode

REPORT_S = 30.0
_DECISION = (
    "call_id",
    "setup_time_ms",
    "decided_time_ms",
    "called_number",
    "decision_id",
    "action",
    "would_be",
    "score",
)
_SUSPECTS = """
SELECT {columns} FROM call_decisions
WHERE day BETWEEN DATE '{first_day}' AND DATE '{last_day}'
AND (coalesce(would_be, action) <> 'allow' OR score >= {score})
"""

log = structlog.get_logger(__name__)


@click.group()
def campaigns() -> None:
    """Group suspect calls to campaigns, although their numbers change; look at them, and say what they were.

    \b
      ROBOCALL_CAMPAIGNS_SCORE     a call is suspect from this score on [default: 0.9]
      ROBOCALL_CAMPAIGNS_IDLE_H    idle so long, the next is another campaign [default: 24]
      ROBOCALL_CAMPAIGNS_MOST      campaigns that are kept [default: 5000]
      ROBOCALL_CAMPAIGNS_KEEP_DAYS forgotten so long after its last call [default: 35]
      ROBOCALL_CAMPAIGNS_PUBLISH_S how often changes are published [default: 2]
      ROBOCALL_CAMPAIGNS_WEB_PORT  port of the metrics of `run` [default: none]

    docs/campaigns.md says how calls are grouped, and how well.
    """


@campaigns.command()
def run() -> None:
    """Group the suspect calls of the configured Kafka until stopped, and keep the topic `campaigns`.

    It reads call-decisions and call-events. Start one; after a crash it goes on with the same names. Ctrl-C or SIGTERM
    publishes what changed and ends.
    """
    settings, chosen = load_settings(), CampaignSettings.load()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    asyncio.run(_run(settings, chosen))


async def _run(settings: Settings, chosen: CampaignSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    known = await read_campaigns(settings)
    metrics = CampaignMetrics()
    reported_s = time.monotonic()

    def report(standing: Standing) -> None:
        nonlocal reported_s
        metrics.standing = standing
        if time.monotonic() - reported_s >= REPORT_S:
            reported_s = time.monotonic()
            log.info("grouping", calls=standing.calls, campaigns=standing.campaigns, lag=standing.lag)

    with served(CAMPAIGNS_PREFIX, chosen.web_host, chosen.web_port, metrics):
        log.info("campaigns starts", known=len(known.records), group=chosen.consumer_group)
        service = CampaignService(settings, chosen, known, report)
        await service.run(stop)
    log.info("campaigns ended", calls=metrics.standing.calls, campaigns=metrics.standing.campaigns)


@campaigns.command(name="list")
@click.option("--kind", help="Only campaigns of this kind.")
@click.option("--within", "within_h", type=click.FloatRange(min=0), help="Only those that called in so many hours.")
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Lines, the latest first.")
@unmask_option
@click.option("--json", "as_json", is_flag=True, help="One record of the topic a line, and what people said.")
def list_(*, kind: str | None, within_h: float | None, most: int, numbers: Numbers, as_json: bool) -> None:
    """List the campaigns of the topic, those that called last first."""
    require(Role.LOOK_UP)
    console = Console(stderr=True)
    with step("Reading the topic campaigns", console, quick=True):
        said = campaigns_now(load_settings())
    since_ms = 0 if within_h is None else wall_clock_ms() - round(within_h * HOUR_MS)
    chosen = [one for one in said.records.values() if one.merged_into is None and kind in {None, one.kind}]
    lately = [one for one in chosen if one.last_seen_ms >= since_ms]
    _tell(lately, most, numbers, console, said.verdicts, as_json=as_json)
    numbers.note("campaigns")


@campaigns.command()
@click.argument("name", metavar="ID")
@unmask_option
@click.option("--json", "as_json", is_flag=True, help="The record of the topic, and what people said.")
def show(name: str, *, numbers: Numbers, as_json: bool) -> None:
    """Show all that is known of a campaign: what it does, by which ways, why it is one, its latest calls."""
    require(Role.LOOK_UP)
    console = Console(stderr=True)
    with step("Reading the topic campaigns", console, quick=True):
        said = campaigns_now(load_settings())
        record = _shown(campaign_in(said.records, name), numbers)
    verdict = said.verdicts.get(record.id)
    click.echo(object_of(record, verdict, numbers) if as_json else "\n".join(lines_of(record, verdict)))
    numbers.note(f"campaign:{record.id}")


@campaigns.command()
@source_options
@click.option("--decisions", type=FILE, multiple=True, help="Decisions on these events, as JSON lines (.gz, .zst).")
@click.option("--kind", help="Only campaigns of this kind.")
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Lines, the latest first.")
@unmask_option
@click.option("--json", "as_json", is_flag=True, help="One record a line, as the topic has them.")
def find(
    source: Source, decisions: tuple[Path, ...], kind: str | None, most: int, *, numbers: Numbers, as_json: bool
) -> None:
    """Find the campaigns of calls that were kept, by the same grouping.

    \b
      robocall replay day.jsonl.zst --decisions decisions.jsonl
      robocall campaigns find --events day.jsonl.zst --decisions decisions.jsonl
      robocall campaigns find --archive --from 2026-11-24 --to 2026-11-26 --json

    Suspect decisions are held in memory, some 400 bytes each.
    """
    require(Role.LOOK_UP)
    source.require_whole()
    if bool(decisions) == source.is_archived:
        raise click.UsageError("--events needs --decisions on them; with --archive both are in the archive")
    console, chosen = Console(stderr=True), CampaignSettings.load()
    past = Past(chosen)
    with ExitStack() as stack, step("Reading decisions", console) as say:
        _take_decisions(past, _decisions(source, decisions, chosen, stack), say)
    with ExitStack() as stack, step("Grouping", console) as say:
        _group(past, source.batches(stack), say)
    records = [record_of(one, {}) for one in past.grouping.by_id.values()]
    _tell([one for one in records if kind in {None, one.kind}], most, numbers, console, {}, as_json=as_json)
    numbers.note("campaigns")
    console.print(f"{past.calls:,} suspect calls, {len(records):,} campaigns", highlight=False)
    if past.unmatched and not source.is_archived:
        text = f"{past.unmatched:,} suspect decisions match no event: are these --events those that were decided on?"
        console.print(text, highlight=False, soft_wrap=True)


def _take_decisions(past: Past, batches: Iterable[Sequence[bytes]], say: Say) -> None:
    """Take the decisions.

    Raises:
        ReplayFailed: there are lines, and none is a decision.
    """
    seen = 0
    for batch in batches:
        past.decisions(batch)
        seen += len(batch)
        say(f"{seen:,} decisions")
    if seen and past.unread == seen:
        raise ReplayFailed("no line of --decisions is a decision: want JSON lines as `robocall replay` writes them")


def _decisions(
    source: Source, files: Sequence[Path], chosen: CampaignSettings, stack: ExitStack
) -> Iterator[Sequence[bytes]]:
    for file in files:
        yield from read_batches(str(file), stack)
    if source.begin is not None and source.end is not None:
        connection = stack.enter_context(connected(ArchiveStore(ArchiveSettings.load().url)))
        days = {"first_day": day_of(epoch_ms(source.begin)), "last_day": day_of(epoch_ms(source.end) - 1)}
        cursor = ask(connection, _SUSPECTS.format(columns=", ".join(_DECISION), score=chosen.score, **days))
        for row in fetched(cursor):
            yield [encode(dict(zip(_DECISION, row, strict=True)))]


def _group(past: Past, batches: Iterable[Sequence[bytes]], say: Say) -> None:
    """Take the events.

    Raises:
        ReplayFailed: none of the lines is one.
    """
    seen, unread = 0, past.unread
    for batch in batches:
        past.events(batch)
        seen += len(batch)
        say(f"{seen:,} events, {past.calls:,} suspect calls, {len(past.grouping.by_id):,} campaigns")
    require_events(seen, past.unread - unread)


def _shown(record: CampaignRecord, numbers: Numbers) -> CampaignRecord:
    """A campaign as it is shown; what only a restart needs has numbers too, so masked it is without."""
    if numbers.why is None:
        record = replace(record, counts={"areas": record.counts["areas"]})
    return numbers.of(record)


def _tell(
    records: Sequence[CampaignRecord],
    most: int,
    numbers: Numbers,
    console: Console,
    verdicts: Mapping[str, CampaignVerdict],
    *,
    as_json: bool,
) -> None:
    latest = sorted(records, key=lambda one: (-one.last_seen_ms, one.id))[:most]
    if as_json:
        for one in latest:
            click.echo(object_of(_shown(one, numbers), verdicts.get(one.id), numbers))
        return
    if latest:
        click.echo("\n".join(table_of(latest, verdicts)))
    more = len(records) - len(latest)
    if not latest or more:
        console.print("no campaigns" if not latest else f"{more:,} more: --most shows them", highlight=False)


@campaigns.command()
@click.argument("name", metavar="ID")
@click.option("--note", help="Why, at most 1,000 characters.")
@click.option("--out", help="Write the records to FILE, one a line (.gz, .zst, `-`), instead of publishing them.")
def confirm(name: str, note: str | None, out: str | None) -> None:
    """Say that a campaign is one of robocalls: feedback `robocall` about each of its latest 50 calls.

    `list` and `show` say so, and who said it.
    """
    _say(name, Verdict.ROBOCALL, note, out)


@campaigns.command()
@click.argument("name", metavar="ID")
@click.option("--note", help="Why, at most 1,000 characters.")
@click.option("--out", help="Write the records to FILE, one a line (.gz, .zst, `-`), instead of publishing them.")
def clear(name: str, note: str | None, out: str | None) -> None:
    """Say that the calls of a campaign are lawful: feedback `legitimate` about each of its latest 50 calls.

    `list` and `show` say so, and who said it. Decisions do not name the campaign any more. What stands against a number
    is ended by `release`, or by redress.
    """
    _say(name, Verdict.LEGITIMATE, note, out)


def _say(name: str, verdict: Verdict, note: str | None, out: str | None) -> None:
    require(Role.GRANT)
    console, tally = Console(stderr=True), Tally()
    with step("Reading the topic campaigns", console, quick=True):
        record = known(name)
    with step("Publishing" if out is None else "Writing", console, quick=True) as say:
        deliver(CALL_FEEDBACK, feedback_on(record, verdict, note), out, tally, say)
        if out is None:
            said = verdict_on(record, verdict, who=CaseSettings.load().who, why=note)
            deliver(CAMPAIGNS, [said], None, tally, say)
    tell(tally, console, "published" if out is None else "written")
    if tally.failed:
        raise click.exceptions.Exit(1)
    if out is None:
        note_done(CaseKind.CHANGE, DONE[verdict], subject=f"campaign:{record.id}", why=note)


def known(name: str) -> CampaignRecord:
    """Read the campaign of an id, or what it was merged into; it blocks for the topic.

    Raises:
        CampaignUnknown: There is none.
    """
    return campaign_in(campaigns_now(load_settings()).records, name)
