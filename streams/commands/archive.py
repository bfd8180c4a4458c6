"""`robocall archive`: the topics to Parquet files, and what is done with them there."""

import asyncio
import contextlib
import io
import random
import signal
import sys
import time
from collections import deque
from contextlib import ExitStack
from datetime import datetime
from typing import Any, BinaryIO, TextIO

import click
import structlog
from rich.console import Console
from rich.status import Status

from detector.contract.errors import RobocallError
from detector.features.window_constants import MINUTE_MS
from models.data.joining import TOLERANCE_MS
from streams.archive.coverage import require_some
from streams.archive.export import LabelRules, Span, events, parts_of, write_labels
from streams.archive.files import ArchiveFile, ArchiveStore, Part, day_of
from streams.archive.metrics import ArchiveMetrics
from streams.archive.numbers import NumberKey
from streams.archive.output import show, write_csv, write_json
from streams.archive.query import ask, connected
from streams.archive.settings import ARCHIVE_PREFIX, ARCHIVED, ArchiveSettings
from streams.archive.sink import Sink, Tally
from streams.archive.upkeep import clear, expired
from streams.archive.upkeep import compact as merge
from streams.archive.upkeep import prune as delete
from streams.cases.waiting import WaitingCases
from streams.commands.cases.due import DUE
from streams.commands.child import run as run_apart
from streams.commands.shared.distinct_files import require_distinct
from streams.commands.shared.list_entries import checked_entries
from streams.commands.shared.opened_archive import opened
from streams.commands.shared.options import Instant, epoch_ms
from streams.files import open_output
from streams.kafka.client import require_topics
from streams.log import configure_log
from streams.redis.connection import TRAPS
from streams.running.clock import wall_clock_ms
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described
from streams.running.metrics_page import served
from streams.running.progress import Say, step
from streams.settings import Settings, load_settings
from streams.unknown_settings import unknown_keys

REPORT_S = 30.0
EVENTS_BETWEEN_UPDATES = 5_000
GIVES_WAY = 19

log = structlog.get_logger(__name__)


@click.group()
def archive() -> None:
    """Keep call events, decisions, scored calls and feedback as Parquet files, and use them.

    \b
      ROBOCALL_ARCHIVE_URL         folder or s3://bucket/prefix [default: archive]
      ROBOCALL_ARCHIVE_NUMBER_KEY  secret: phone numbers are stored as keyed digests
      ROBOCALL_ARCHIVE_FLUSH_S     longest that a record waits for its file [default: 300]
      ROBOCALL_ARCHIVE_FLUSH_BYTES memory for records that wait [default: 134217728]
      ROBOCALL_ARCHIVE_COMPACT_S   how often `run` merges small files; 0 = never [default: 3600]
      ROBOCALL_ARCHIVE_RETENTION   days kept by topic: call-events=30,scored-calls=90 [default: 400 each,
                                   case-records 1826]
      ROBOCALL_ARCHIVE_WEB_PORT    port of the Prometheus metrics of `run` [default: 0, none]
    """


class _Progress:
    """A line that follows the sink on a terminal; a line in the log now and then where there is none; the metrics.

    It is no `step`: a sink is a service with a log, and nobody waits for its end.
    """

    def __init__(self, status: Status | None, metrics: ArchiveMetrics) -> None:
        self._status = status
        self._metrics = metrics
        self._reported_s = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        self._metrics(tally)
        if self._status is not None:
            self._status.update(_summary(tally))
        elif time.monotonic() - self._reported_s >= REPORT_S:
            self._reported_s = time.monotonic()
            log.info("archiving", records=tally.records, files=tally.files, refused=tally.refused, lag=tally.lag)


def _summary(tally: Tally) -> str:
    return (
        f"{tally.records:,} records in {tally.files:,} files, {tally.waiting:,} in memory, {tally.refused:,} refused, "
        f"{tally.lag:,} behind, {tally.partitions} partitions"
    )


@archive.command()
def run() -> None:
    """Write the topics of the configured Kafka to the archive until stopped; every record once, kill -9 included.

    Start it once, or several times to share the partitions. Ctrl-C or SIGTERM writes what is in memory and ends.
    """
    settings = load_settings()
    chosen = ArchiveSettings.load()
    configure_log(settings.log_level, settings.log_format)
    for complaint in unknown_keys():
        log.warning(complaint)
    asyncio.run(_archive(settings, chosen, Console(stderr=True)))


async def _archive(settings: Settings, chosen: ArchiveSettings, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await require_topics(settings, ARCHIVED)
    status = console.status("reading") if console.is_terminal else None
    metrics, waiting = ArchiveMetrics(), WaitingCases(settings, DUE)
    pages = served(ARCHIVE_PREFIX, chosen.web_host, chosen.web_port, metrics, waiting)
    with pages, status or contextlib.nullcontext():
        sink = Sink(settings, chosen, _Progress(status, metrics))
        beside = [asyncio.create_task(waiting.run())] if chosen.web_port else []
        beside += [asyncio.create_task(_compacting(chosen.compact_s))] if chosen.compact_s else []
        try:
            await sink.run(stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    console.print(_summary(sink.tally))


async def _compacting(every_s: float) -> None:
    """Merge small files now and then, in a process that gives way to others; what fails is said, and tried again."""
    thread = DaemonThread("compact")
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.0) * every_s)  # noqa: S311 - sinks that began together spread
        said: deque[str] = deque(maxlen=1)
        try:
            await thread.run(run_apart, ["archive", "compact"], said.append, {}, niceness=GIVES_WAY)
        except (RobocallError, OSError) as error:
            log.warning("small files are not merged, it is tried again", why=str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours: the sink goes on, and says so each time
            log.error("small files are not merged, it is tried again", **described(error))  # noqa: TRY400
        else:
            log.info("archive is tidy", said=said[-1] if said else "")


@archive.command()
@click.argument("sql")
@click.option("--json", "form", flag_value="json", help="One JSON object a row and line on standard output.")
@click.option("--csv", "form", flag_value="csv", help="CSV; also what is written when the output is no terminal.")
def query(sql: str, form: str | None) -> None:
    """Answer one SELECT (DuckDB) over call_events, call_decisions, scored_calls, call_feedback, case_records.

    The columns are those of the contract, and kafka_partition, kafka_offset, kafka_timestamp_ms and `day`, the UTC day
    of arrival. A query that names its days reads only their files. The view archive_files lists the files.

    \b
    robocall archive query "SELECT day, action, count(*) FROM call_decisions GROUP BY ALL ORDER BY ALL"
    robocall archive query "SELECT call_id, features['number_attempts_1h'] FROM scored_calls WHERE score > 0.9"
    robocall archive query "DESCRIBE call_events"
    """
    with ExitStack() as stack:
        with step("Asking the archive", quick=True):
            connection = stack.enter_context(connected(opened(ArchiveSettings.load())))
            cursor = ask(connection, sql)
        if form == "json":
            write_json(cursor, sys.stdout.buffer)
        elif form == "csv" or not sys.stdout.isatty():
            write_csv(cursor, sys.stdout.buffer)
        else:
            show(cursor, Console())


@archive.command()
@click.option("--from", "begin", type=Instant(), default="2000-01-01", help="First arrival (UTC) [default: all].")
@click.option("--to", "end", type=Instant(), default="2100-01-01", help="Up to but without it [default: all].")
@click.option(
    "--out", required=True, help="Where events go, one a line, `.gz` and `.zst` packed; `-` is standard output."
)
@click.option("--labels", help="CSV of what call-feedback says about calls, by whom, how sure; needs DuckDB.")
@click.option(
    "--label-hours", type=click.IntRange(1, 9_600), default=24, show_default=True,
    help="A verdict on a number is about its calls in so many hours before it.",
)  # fmt: skip
@click.option(
    "--told-minutes", type=click.FloatRange(0, 24 * 60), default=TOLERANCE_MS / MINUTE_MS, show_default=True,
    help="A verdict that tells when a number was called is about the nearest call to it, so far away at most.",
)  # fmt: skip
@click.option(
    "--traps",
    type=click.File("r", encoding="utf-8"),
    help="Called numbers that nobody should call, one a line: `robocall lists show traps`. Who calls one robocalls.",
)
@click.option(
    "--rule-hits",
    is_flag=True,
    help="Do-not-originate hits and impossible calling numbers are robocalls, at low weight.",
)
@click.option(
    "--verdicts-before", "before", type=Instant(), default="2100-01-01",
    help="Labels of what had been said before then (UTC): later verdicts do not count [default: all].",
)  # fmt: skip
def export(
    *,
    begin: datetime,
    end: datetime,
    out: str,
    labels: str | None,
    label_hours: int,
    told_minutes: float,
    traps: TextIO | None,
    rule_hits: bool,
    before: datetime,
) -> None:
    """Write call events in order of arrival, as `robocall replay` and with it `robocall train` take them.

    Labels have the source and the weight of what was said; verdicts that contradict each other are weighed, and calls
    with as much for as against them are left out.

    \b
    robocall archive export --from 2026-11-24 --to 2026-11-25 --out calls.jsonl.gz --labels labels.csv
    robocall replay calls.jsonl.gz --decisions /dev/null --features features.parquet --partitions 12
    robocall train --features features.parquet --labels labels.csv --out model
    """
    if begin >= end:
        raise click.UsageError("--from must be before --to")
    require_distinct({}, {"--out": out, "--labels": labels})
    settings = ArchiveSettings.load()
    rules = LabelRules(label_hours, told_minutes, epoch_ms(before), _kept(traps, settings), rule_hits)
    store = ArchiveStore(settings.url)
    require_some(store)
    span = Span(epoch_ms(begin), epoch_ms(end))
    console = Console(stderr=True)
    count, said = 0, ""
    with ExitStack() as stack:
        connection = stack.enter_context(connected(store)) if labels else None
        sink = open_output(out, stack)
        say = stack.enter_context(step("Exporting", console))
        count = _write_events(store, span, sink, say)
        if labels:
            say("labels")
            text = stack.enter_context(io.TextIOWrapper(open_output(labels, stack), encoding="utf-8", newline=""))
            said = _labelled(connection, span, rules, text, say)
    console.print(f"{count:,} events{said}", soft_wrap=True)


def _write_events(store: ArchiveStore, span: Span, out: BinaryIO, say: Say) -> int:
    """Write the events of the span, one a line; returns how many."""
    parts = parts_of(store, span)
    of_bytes, done_bytes, count = sum(part.file.size_bytes for part in parts), 0, 0

    def show(part: Part) -> None:
        nonlocal done_bytes
        done_bytes += part.file.size_bytes
        say(f"{count:,} events", done_bytes, of_bytes)

    for count, event in enumerate(events(store, parts, span, show), 1):
        out.write(event + b"\n")
        if not count % EVENTS_BETWEEN_UPDATES:
            say(f"{count:,} events", done_bytes, of_bytes)
    return count


def _kept(traps: TextIO | None, settings: ArchiveSettings) -> frozenset[str]:
    """Traps in the form in which the archive keeps numbers."""
    if traps is None:
        return frozenset()
    numbers = checked_entries(TRAPS, (), traps)
    return frozenset(numbers if settings.key is None else map(NumberKey(settings.key).number, numbers))


def _labelled(connection: Any, span: Span, rules: LabelRules, out: TextIO, say: Say) -> str:
    """Write the labels, and say what came of the verdicts."""
    count, joining = write_labels(connection, span, rules, out, lambda calls: say(f"labels, {calls:,} calls"))
    return (
        f", {count:,} labelled calls, {joining.ties:,} left out with as much for as against them; "
        f"{joining.unjoined:,} of {joining.verdicts:,} verdicts are about no call of these days"
    )


@archive.command()
def compact() -> None:
    """Merge small files; `archive run` does so about once an hour. Safe beside sinks and queries, and to interrupt.

    Those of past days become one a partition, those of today are merged by the dozen. The merged
    ones are deleted by a later run, an hour or more after: a query may still be reading them.
    """
    store = opened(ArchiveSettings.load())
    console = Console(stderr=True)
    today = day_of(wall_clock_ms())
    parts = files = deleted = 0
    with step("Merging", console) as say:
        for topic in ARCHIVED:
            deleted += len(clear(store, topic))
            for merged in merge(store, topic, today):
                parts += len(merged.parts)
                files += 1
                say(f"{merged.file.path}: {len(merged.parts)} files merged")
    console.print(f"{parts:,} files merged to {files:,}; {deleted:,} deleted that an earlier run had merged")


@archive.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted, one file a line.")
def prune(*, dry_run: bool) -> None:
    """Delete whole days that are older than ROBOCALL_ARCHIVE_RETENTION says, by topic.

    Unless set these are 400 days, and 1826 of case-records.
    A partition that had no record since keeps one file without rows, which says how far it was archived.
    """
    chosen = ArchiveSettings.load()
    store = opened(chosen)
    today = day_of(wall_clock_ms())
    gone: list[ArchiveFile] = []
    with step("Looking for expired files" if dry_run else "Deleting expired files", quick=True) as say:
        for topic, days in chosen.retention_days.items():
            files = expired(store, topic, days, today)
            for file in files if dry_run else delete(store, topic, files):
                gone.append(file)
                say(f"{len(gone):,} files")
    if dry_run and gone:
        click.echo("\n".join(file.path for file in gone))
    size_bytes = sum(file.size_bytes for file in gone)
    click.echo(f"{len(gone):,} files, {size_bytes:,} bytes{' would be' if dry_run else ''} deleted", err=True)
