"""Part of *Now*: whom to call today about the calls that they hand over, as `robocall scorecards` says it."""

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.archive.files import ArchiveStore
from streams.archive.settings import ArchiveSettings
from streams.console.bench import Bench
from streams.console.long_look import LongLook
from streams.console.roles import User
from streams.console.sessions import Session
from streams.console.visits import Change, Look, Visits
from streams.running.clock import utc_today
from streams.scorecards.cards import By, Card, to_call
from streams.scorecards.counting import counted
from streams.scorecards.proposals import alarms_of

FRESH_S = 900.0
"""Days are counted at least this often while somebody looks, more often where it is quick, and else not at all."""
COUNT_S = 3_600.0
"""Whoever looks is not kept waiting meanwhile."""
MOST_SHOWN = 10


class UpstreamsToCall:
    """Handler of the part. Used on the event loop alone.

    Args:
        visits: Makes pages.
        archive: Where the archive is; None = there is none.
    """

    def __init__(self, visits: Visits, archive: ArchiveSettings | None) -> None:
        self._visits, self._archive = visits, archive
        self._look = LongLook(Bench("The archive's count", COUNT_S), self._cards, FRESH_S)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which page needs whom."""
        del change
        return [Route("/now/upstreams", look(self.upstreams), methods=["GET"])]

    async def upstreams(self, request: Request, user: User, session: Session) -> Response:
        """Upstreams and trunk groups with an alarm, yesterday or today until now; the most suspect calls first."""
        del request
        if self._archive is None:
            return self._visits.page("upstreams", user, session, is_archived=False)
        found, is_looking = await self._look.latest()
        return self._visits.page(
            "upstreams",
            user,
            session,
            is_archived=True,
            why_not="" if found is None else found.why_not,
            cards=[] if found is None else found.content or [],
            looked_ms=self._look.found_ms,
            is_looking=is_looking,
            alarms_of=alarms_of,
            by_trunk=By.TRUNK,
            most=MOST_SHOWN,
        )

    def _cards(self) -> Sequence[Card]:
        if self._archive is None:
            return ()
        today = utc_today()
        store, is_digested = ArchiveStore(self._archive.url), self._archive.key is not None
        cards = to_call(counted(store, [today - timedelta(1), today], is_digested=is_digested))
        return sorted(cards, key=lambda one: (-one.at_least_suspect, one.by, one.key))
