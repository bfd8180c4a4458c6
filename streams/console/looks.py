"""What Redis and the archive know of a subject, asked in threads; where one is slow or absent, that is said."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from detector.contract.errors import RobocallError
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.query import ask, connected
from streams.archive.settings import ArchiveSettings
from streams.console.subjects import Kind, Subject
from streams.redis.connection import FAULTS, connect
from streams.redis.lookups import find
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described
from streams.settings import Settings

REDIS_S = 4.0
ARCHIVE_S = 15.0
MOST_WAITING = 8
"""Looks that wait for one thread; whoever comes then is told that it is busy."""
MOST_ROWS = 100
T = TypeVar("T")

log = structlog.get_logger(__name__)

_COLUMNS = {
    Kind.NUMBER: "calling_number",
    Kind.CALL: "call_id",
    Kind.DECISION: "decision_id",
    Kind.TRUNK: "trunk_group_id",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What one place knows.

    Attributes:
        content: of Redis the fields of `robocall lookup --json`; of the archive rows of decisions, the latest first.
        why_not: one sentence where it could not be asked.
    """

    content: Any = None
    why_not: str = ""


class _Bench:
    """One thread for one place, a short queue before it, and a time for each look."""

    def __init__(self, place: str, limit_s: float) -> None:
        self._place, self._limit_s = place, limit_s
        self._thread = DaemonThread(f"console {place}")
        self._waiting = 0

    async def run(self, look: Callable[[], T]) -> Found:
        if self._waiting >= MOST_WAITING:
            return Found(why_not=f"{self._place} is busy with the questions of others: ask again in a moment")
        self._waiting += 1
        answer = self._thread.post(look)
        answer.add_done_callback(self._done)
        try:
            return Found(await asyncio.wait_for(asyncio.shield(answer), self._limit_s))
        except TimeoutError:
            return Found(why_not=f"{self._place} did not answer within {self._limit_s:g} s")
        except FAULTS as fault:
            return Found(why_not=f"{self._place} does not answer ({type(fault).__name__})")
        except RobocallError as error:
            return Found(why_not=f"{self._place}: {error}")
        except Exception as error:  # noqa: BLE001 - one part of a page; the others are shown
            log.error("a look failed", place=self._place, **described(error))  # noqa: TRY400
            return Found(why_not=f"{self._place} could not be read ({type(error).__name__}); the log says more")

    def _done(self, answer: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not answer.cancelled():
            answer.exception()  # nobody may wait for it any more


class Looks:
    """Asks Redis and the archive. Awaited on the event loop, which goes on meanwhile.

    Args:
        settings: how Redis is reached.
        archive: where the archive is; None = there is none.
        days: of the archive that are searched.
    """

    def __init__(self, settings: Settings, archive: ArchiveSettings | None, days: int) -> None:
        self._settings, self._archive, self._days = settings, archive, days
        self._redis_bench = _Bench("Redis", REDIS_S)
        self._archive_bench = _Bench("The archive", ARCHIVE_S)

    async def redis(self, subject: Subject) -> Found:
        """What Redis knows: lists, standing decision, latest decisions, windows of a trunk group."""
        if subject.kind is Kind.CALL:
            return Found(why_not="Redis finds no call by its id: look for its calling number or its decision")
        return await self._redis_bench.run(lambda: asyncio.run(self._redis(subject)))

    async def archive(self, subject: Subject) -> Found:
        """Decisions of the last days, the latest first."""
        if self._archive is None:
            return Found(why_not="No archive: set ROBOCALL_ARCHIVE_URL and start the console again")
        chosen = self._archive
        return await self._archive_bench.run(lambda: _rows(chosen, subject, self._days))

    async def _redis(self, subject: Subject) -> dict[str, Any]:
        client = connect(self._settings)
        try:
            prefix = "" if subject.kind is Kind.DECISION else f"{subject.kind}:"
            report = await asyncio.wait_for(find(client, prefix + subject.text), REDIS_S)
        finally:
            await client.aclose()
        return report.content


def _rows(chosen: ArchiveSettings, subject: Subject, days: int) -> list[dict[str, Any]]:
    """Ask the archive, in its thread; a question that takes too long is interrupted."""
    text = subject.text
    if chosen.key is not None and subject.kind is Kind.NUMBER:
        text = NumberKey(chosen.key).number(text)
    sql = (
        f"SELECT * EXCLUDE (kafka_partition, kafka_offset, kafka_timestamp_ms, day) FROM call_decisions "  # noqa: S608
        f"WHERE {_COLUMNS[subject.kind]} = ? AND day >= current_date - {days} "
        f"ORDER BY setup_time_ms DESC LIMIT {MOST_ROWS}"
    )
    with connected(ArchiveStore(chosen.url)) as connection:
        end = threading.Timer(ARCHIVE_S, connection.interrupt)
        end.daemon = True
        end.start()
        try:
            cursor = ask(connection, sql, (text,))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            end.cancel()
