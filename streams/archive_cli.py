"""`robocall archive`: the topics to Parquet files, and what is done with them there."""

import asyncio
import contextlib
import signal
import sys
import time

import click
import structlog
from rich.console import Console
from rich.status import Status

from streams import log as logging
from streams.archive_files import ArchiveStore
from streams.archive_output import show, write_csv, write_json
from streams.archive_query import ask, connected
from streams.archive_settings import ARCHIVED, ArchiveSettings, load_archive_settings
from streams.archive_sink import Sink, Tally
from streams.kafka_client import require_topics
from streams.settings import Settings, load_settings

REPORT_S = 30.0

log = structlog.get_logger(__name__)


@click.group()
def archive() -> None:
    """Keep call events, decisions, scored calls and feedback as Parquet files, and use them.

    \b
      ROBOCALL_ARCHIVE_URL         folder or s3://bucket/prefix [default: archive]
      ROBOCALL_ARCHIVE_NUMBER_KEY  secret: phone numbers are stored as keyed digests
      ROBOCALL_ARCHIVE_FLUSH_S     longest that a record waits for its file [default: 300]
      ROBOCALL_ARCHIVE_FLUSH_BYTES memory for records that wait [default: 134217728]
      ROBOCALL_ARCHIVE_RETENTION   days kept by topic: call-events=30,scored-calls=90 [default: 400 each]
    """  # noqa: D301 - click reads the backspace


class _Progress:
    """A line that follows the sink on a terminal; a line in the log now and then where there is none."""

    def __init__(self, status: Status | None) -> None:
        self._status = status
        self._reported_s = time.monotonic()

    def __call__(self, tally: Tally) -> None:
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
    chosen = load_archive_settings()
    logging.configure(settings.log_level, settings.log_format)
    asyncio.run(_archive(settings, chosen, Console(stderr=True)))


async def _archive(settings: Settings, chosen: ArchiveSettings, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await require_topics(settings, ARCHIVED)
    status = console.status("reading") if console.is_terminal else None
    with status or contextlib.nullcontext():
        sink = Sink(settings, chosen, _Progress(status))
        await sink.run(stop)
    console.print(_summary(sink.tally))


@archive.command()
@click.argument("sql")
@click.option("--json", "form", flag_value="json", help="One JSON object a row and line on standard output.")
@click.option("--csv", "form", flag_value="csv", help="CSV; also what is written when the output is no terminal.")
def query(sql: str, form: str | None) -> None:
    """Answer one SELECT (DuckDB) over the views call_events, call_decisions, scored_calls, call_feedback.

    The columns are those of the contract, and kafka_partition, kafka_offset, kafka_timestamp_ms and `day`, the UTC day
    of arrival. A query that names its days reads only their files. The view archive_files lists the files.

    \b
    robocall archive query "SELECT day, action, count(*) FROM call_decisions GROUP BY ALL ORDER BY ALL"
    robocall archive query "SELECT call_id, features['number_attempts_1h'] FROM scored_calls WHERE score > 0.9"
    robocall archive query "DESCRIBE call_events"
    """  # noqa: D301 - click reads the backspace
    chosen = load_archive_settings()
    store = ArchiveStore(chosen.url)
    if not any(store.files(topic) for topic in ARCHIVED):
        click.echo(f"nothing is archived at {chosen.url}: is ROBOCALL_ARCHIVE_URL right?", err=True)
    with connected(store) as connection:
        cursor = ask(connection, sql)
        if form == "json":
            write_json(cursor, sys.stdout.buffer)
        elif form == "csv" or not sys.stdout.isatty():
            write_csv(cursor, sys.stdout.buffer)
        else:
            show(cursor, Console())
