"""What Redis and the archive know of a subject, asked in threads; where one is slow or absent, that is said."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey, kept_forms
from streams.archive.query import ask, connected
from streams.archive.settings import ArchiveSettings
from streams.console.bench import Bench, Found
from streams.console.subjects import Kind, Subject
from streams.redis.connection import connect
from streams.redis.lookups import find, is_decision_id
from streams.running.clock import utc_today
from streams.settings import Settings

REDIS_S = 4.0
ARCHIVE_S = 15.0
NO_ARCHIVE = Found(why_not="No archive: set ROBOCALL_ARCHIVE_URL and start the console again")
MOST_ROWS = 100
_IN_REDIS = frozenset({Kind.NUMBER, Kind.DECISION, Kind.TRUNK})

_CONDITIONS = {
    Kind.NUMBER: "calling_number IN ({places})",
    Kind.CALL: "call_id = {places}",
    Kind.DECISION: "decision_id = {places}",
    Kind.TRUNK: "trunk_group_id = {places}",
    Kind.CAMPAIGN: "list_contains(list_transform(reasons, lambda reason: reason.text), 'campaign ' || {places})",
}


class Looks:
    """Asks Redis and the archive. Awaited on the event loop, which goes on meanwhile.

    Args:
        settings: how Redis is reached.
        archive: where the archive is; None = there is none.
        days: of the archive that are searched.
    """

    def __init__(self, settings: Settings, archive: ArchiveSettings | None, days: int) -> None:
        self._settings, self._archive, self._days = settings, archive, days
        self._redis_bench = Bench("Redis", REDIS_S)
        self._archive_bench = Bench("The archive", ARCHIVE_S)

    async def redis(self, subject: Subject) -> Found:
        """What Redis knows: lists, standing decision, latest decisions, windows of a trunk group."""
        if subject.kind not in _IN_REDIS:
            return Found(why_not=f"Redis finds no {subject.kind} by its id: look for a calling number or a decision")
        if subject.kind is Kind.DECISION and not is_decision_id(subject.text):
            return Found(why_not="No decision has this id: it has 32 digits from 0 to f")
        return await self._redis_bench.run(lambda: asyncio.run(self._redis(subject)))

    async def archive(self, subject: Subject) -> Found:
        """Decisions of the last days, the latest first."""
        if self._archive is None:
            return NO_ARCHIVE
        chosen = self._archive
        return await self._archive_bench.run(lambda: _rows(chosen, subject, self._days))

    async def has_call(self, subject: Subject) -> bool:
        """Whether the archive has events of a call, which nothing was decided on perhaps; not where it is away."""
        if self._archive is None:
            return False
        chosen = self._archive
        found = await self._archive_bench.run(lambda: _has_call(chosen, subject.text, self._days))
        return bool(found.content)

    async def _redis(self, subject: Subject) -> dict[str, Any]:
        client = connect(self._settings)
        try:
            prefix = "" if subject.kind is Kind.DECISION else f"{subject.kind}:"
            report = await asyncio.wait_for(find(client, prefix + subject.text), REDIS_S)
        finally:
            await client.aclose()
        return report.content


@contextmanager
def asking(chosen: ArchiveSettings) -> Iterator[Any]:
    """A connection to the archive, in its thread; questions that take longer than `ARCHIVE_S` are interrupted.

    Raises:
        QueryRefused: DuckDB is missing, or met a fault.
        StorageError: the archive cannot be listed.
    """
    with connected(ArchiveStore(chosen.url)) as connection:
        end = threading.Timer(ARCHIVE_S, connection.interrupt)
        end.daemon = True
        end.start()
        try:
            yield connection
        finally:
            end.cancel()


def since(days: int) -> str:
    """The first of the days that are searched, as SQL: days of the archive are those of UTC, wherever we are."""
    return f"DATE '{utc_today() - timedelta(days)}'"


def condition_of(chosen: ArchiveSettings, subject: Subject) -> tuple[str, tuple[str, ...]]:
    """SQL that tells whether a decision is about a subject, and the values for its places."""
    values: tuple[str, ...] = (subject.text,)
    if subject.kind is Kind.NUMBER:
        values = kept_forms(subject.text, None if chosen.key is None else NumberKey(chosen.key))
    return _CONDITIONS[subject.kind].format(places=", ".join("?" * len(values))), values


def _has_call(chosen: ArchiveSettings, call_id: str, days: int) -> bool:
    """Ask the archive, in its thread."""
    sql = f"SELECT 1 FROM call_events WHERE call_id = ? AND day >= {since(days)} LIMIT 1"  # noqa: S608
    with asking(chosen) as connection:
        return ask(connection, sql, (call_id,)).fetchone() is not None


def _rows(chosen: ArchiveSettings, subject: Subject, days: int) -> list[dict[str, Any]]:
    """Ask the archive, in its thread."""
    condition, values = condition_of(chosen, subject)
    sql = (
        f"SELECT * EXCLUDE (kafka_partition, kafka_offset, kafka_timestamp_ms, day) FROM call_decisions "  # noqa: S608
        f"WHERE {condition} AND day >= {since(days)} "
        f"ORDER BY setup_time_ms DESC LIMIT {MOST_ROWS}"
    )
    with asking(chosen) as connection:
        cursor = ask(connection, sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
