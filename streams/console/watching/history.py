"""Part of the page of a number, a trunk group or a campaign: its calls by the hour, why, by which versions, windows."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from detector.features.window_constants import HOUR_MS, WINDOW_NAMES
from streams.archive.query import ask
from streams.archive.settings import ArchiveSettings
from streams.console.bench import Bench
from streams.console.looks import ARCHIVE_S, NO_ARCHIVE, asking, condition_of, since
from streams.console.roles import User
from streams.console.sessions import Session
from streams.console.subjects import Kind, Subject
from streams.console.visits import Change, Look, Visits
from streams.console.watching.number_windows import MEASURES, windows_at

MOST_REASONS = 8
MOST_VERSIONS = 8
HISTORIES = (Kind.NUMBER, Kind.TRUNK, Kind.CAMPAIGN)

_OF = "FROM call_decisions WHERE {condition} AND day >= {since}"
_TREATED = "CASE WHEN action = 'allow' AND would_be <> 'allow' THEN 'tried_' || would_be ELSE action END"
_HOURS = (
    f"SELECT setup_time_ms // {HOUR_MS} AS hour, {_TREATED} AS treated, policy_version, model_version, mode, "
    f"count(*), min(setup_time_ms), max(setup_time_ms) {_OF} GROUP BY ALL"
)
_REASONS = (
    "SELECT reason.code, max_by(reason.text, setup_time_ms), count(*) AS calls "  # noqa: S608
    f"FROM (SELECT unnest(reasons) AS reason, setup_time_ms {_OF}) GROUP BY ALL "
    f"ORDER BY calls DESC, reason.code LIMIT {MOST_REASONS}"
)


@dataclass(frozen=True, slots=True)
class History:
    """What the archive has of a subject in the days that are searched.

    Attributes:
        series: Calls of each hour by what was done, `at_s` of the hours, none left out; for the plot.
        calls: All of them.
        odd: Of those: set up at another time than they came, by the clock of their switch; they are not in the plot.
        reasons: Code, the latest text and calls that had it, the most first.
        versions: Policy, model, mode, calls, set-up of the first and of the latest.
        latest_ms: Set-up of the latest call.
        windows: Of the calling number at that call: by measure a value for each of `WINDOW_NAMES`, None where none.
    """

    series: Mapping[str, list[int]]
    calls: int
    odd: int
    reasons: Sequence[tuple[str, str, int]]
    versions: Sequence[tuple[str, str, str, int, int, int]]
    latest_ms: int
    windows: Mapping[str, list[float | None]]


class HistoryPart:
    """Handler of the part. Used on the event loop alone.

    Args:
        visits: Makes pages, knows links.
        archive: Where the archive is; None = there is none.
        days: Of it that are searched.
    """

    def __init__(self, visits: Visits, archive: ArchiveSettings | None, days: int) -> None:
        self._visits, self._archive, self._days = visits, archive, days
        self._bench = Bench("The archive", ARCHIVE_S)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom. It goes before the other parts of that page."""
        del change
        return [Route("/about/{link}/history", look(self.history), methods=["GET"])]

    async def history(self, request: Request, user: User, session: Session) -> Response:
        """Plots and tables."""
        link, subject = self._visits.subject(request, *HISTORIES)
        is_whole = self._visits.is_whole(user, session, link)
        self._visits.note("console look", user, subject, place="history", is_whole=is_whole)
        found = NO_ARCHIVE
        if self._archive is not None:
            archive, days = self._archive, self._days
            found = await self._bench.run(lambda: asked(archive, subject, days))
        return self._visits.page(
            "history",
            user,
            session,
            link,
            found=found,
            days=self._days,
            names=MEASURES,
            lengths=WINDOW_NAMES,
            is_number=subject.kind is Kind.NUMBER,
        )


def asked(archive: ArchiveSettings, subject: Subject, days: int) -> History:
    """Ask the archive, in its thread.

    Raises:
        QueryRefused: DuckDB is missing, or met a fault.
        StorageError: the archive cannot be listed.
    """
    (condition, values), first_day = condition_of(archive, subject), since(days)
    with asking(archive) as connection:

        def counted(sql: str) -> list[Any]:
            found: list[Any] = ask(connection, sql, values).fetchall()
            return found

        def rows(sql: str) -> list[Any]:
            return counted(sql.format(condition=condition, since=first_day))

        found, now_h = rows(_HOURS), time.time() / 3_600
        hours = [row for row in found if now_h - (days + 1) * 24 <= row[0] <= now_h + 24]
        latest_ms = max((last_ms for *_, last_ms in hours or found), default=0)
        windows = windows_at(counted, condition, latest_ms) if found and subject.kind is Kind.NUMBER else {}
        reasons = rows(_REASONS)
    calls, plotted = (sum(calls for *_, calls, _, _ in some) for some in (found, hours))
    return History(
        series_of([(hour, treated, calls) for hour, treated, *_, calls, _, _ in hours]),
        calls,
        calls - plotted,
        reasons,
        versions_of([versions for _, _, *versions in found]),
        latest_ms,
        windows,
    )


def versions_of(rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, str, int, int, int]]:
    """Calls, set-up of the first and of the latest by policy, model and mode, the most first.

    Args:
        rows: Policy, model, mode, calls, first and latest; a combination may stand there several times.
    """
    found: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for policy, model, mode, calls, first_ms, last_ms in rows:
        before = found.get((policy, model, mode), (0, first_ms, last_ms))
        found[policy, model, mode] = before[0] + calls, min(before[1], first_ms), max(before[2], last_ms)
    ranked = sorted(found.items(), key=lambda one: (-one[1][0], *map(str, one[0])))
    return [(*versions, *counts) for versions, counts in ranked[:MOST_VERSIONS]]


def series_of(hours: Sequence[tuple[int, str, int]]) -> dict[str, list[int]]:
    """Calls by hour and by what was done, with each hour between the first and the last; none without calls.

    Args:
        hours: Hours since 1970, `allow`, `label`, `block`, `tried_label` or `tried_block`, and calls; a pair of the
            first two may stand there several times.
    """
    if not hours:
        return {}
    counts: Counter[tuple[int, str]] = Counter()
    for hour, treated, calls in hours:
        counts[hour, treated] += calls
    first, last = min(hour for hour, _, _ in hours), max(hour for hour, _, _ in hours)
    span = range(first, last + 1)
    treatments = sorted({treated for _, treated, _ in hours})
    rows = {treated: [counts[hour, treated] for hour in span] for treated in treatments}
    return {"at_s": [hour * HOUR_MS // 1_000 for hour in span]} | rows
