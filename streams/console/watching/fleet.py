"""Part of *Now*: how workers do, as they say it, and how far each partition is behind, as Kafka says it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.console.bench import Bench
from streams.console.long_look import LongLook
from streams.console.roles import User
from streams.console.sessions import Session
from streams.console.visits import Change, Look, Visits
from streams.kafka.group_view import GroupLag, group_lag
from streams.kafka.temporary_group import partitions_of
from streams.kafka.topics import CALL_EVENTS, admin_client
from streams.redis.connection import asked
from streams.redis.worker_reports import WorkerReport, told
from streams.settings import Settings

REDIS_S, KAFKA_S = 4.0, 15.0
WORKERS_FRESH_S, PARTITIONS_FRESH_S = 3.0, 10.0
MOST_WORKERS = 50
MOST_PARTITIONS = 10
MANY_BEHIND = 1_000
"""Records that wait in one partition: seconds of a busy one. Between two commits there are always some."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One that somebody should look at.

    Attributes:
        number: Of the partition.
        worker: Who says that it reads it; empty where nobody does.
        behind: Records that are not committed.
        is_stalled: Whether its worker says that it does not move.
        is_unread: Whether all workers say what they read, and none says this.
    """

    number: int
    worker: str
    behind: int
    is_stalled: bool
    is_unread: bool


def looked_at(lag: GroupLag, reports: Sequence[WorkerReport]) -> list[Partition]:
    """Partitions that nobody reads, that stand still, or that are far behind; the farthest behind first.

    Where not every worker says what it reads, those of an earlier version for one, who reads a partition is not known,
    and is not complained about.

    Args:
        lag: Of the workers' group, by partition.
        reports: Of the workers.
    """
    readers = _readers(reports)
    is_known = 0 < lag.members <= sum(one.health is not None for one in reports)
    stalled = {name for one in reports if one.health is not None for name in one.health.stalled}
    noted = []
    for number, behind in lag.behind.items():
        worker, is_stalled = readers.get(str(number), ""), f"{CALL_EVENTS}/{number}" in stalled
        is_unread = is_known and not worker
        if is_stalled or is_unread or behind >= MANY_BEHIND:
            noted.append(Partition(number, worker, behind, is_stalled, is_unread))
    return sorted(noted, key=lambda one: (-one.behind, one.number))


def _readers(reports: Sequence[WorkerReport]) -> Mapping[str, str]:
    """Who reads a partition, by its number."""
    return {number: one.worker for one in reports if one.health is not None for number in one.health.lags}


class Fleet:
    """Handler of the part. Used on the event loop alone.

    Args:
        visits: Makes pages.
        settings: How Redis and Kafka are reached, and which group the workers are.
    """

    def __init__(self, visits: Visits, settings: Settings) -> None:
        self._visits, self._settings = visits, settings
        self._workers = LongLook(Bench("Redis", REDIS_S), self._told, WORKERS_FRESH_S)
        self._partitions = LongLook(Bench("Kafka", KAFKA_S), self._lag, PARTITIONS_FRESH_S)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        del change
        return [Route("/now/workers", look(self.workers), methods=["GET"])]

    async def workers(self, request: Request, user: User, session: Session) -> Response:
        """Workers, and the partitions that somebody should look at."""
        del request
        (workers, _), (partitions, _) = await asyncio.gather(self._workers.latest(), self._partitions.latest())
        reports: Sequence[WorkerReport] = () if workers is None or workers.why_not else workers.content
        lag: GroupLag | None = None if partitions is None or partitions.why_not else partitions.content
        return self._visits.page(
            "workers",
            user,
            session,
            why_not=[found.why_not for found in (workers, partitions) if found is not None and found.why_not],
            are_known=workers is not None and not workers.why_not,
            reports=reports[:MOST_WORKERS],
            more=max(0, len(reports) - MOST_WORKERS),
            reports_ms=self._workers.found_ms,
            lag=lag,
            lag_ms=self._partitions.found_ms,
            is_known=workers is not None and partitions is not None,
            noted=[] if lag is None else looked_at(lag, reports),
            most=MOST_PARTITIONS,
            group=self._settings.consumer_group,
        )

    def _told(self) -> list[WorkerReport]:
        return asked(self._settings, told)

    def _lag(self) -> GroupLag:
        with admin_client(self._settings) as admin:
            return group_lag(admin, self._settings.consumer_group, CALL_EVENTS, partitions_of(admin, CALL_EVENTS))
