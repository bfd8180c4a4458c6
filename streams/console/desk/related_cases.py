"""Parts of pages that have cases about their subject: exports of a traceback, and what was opened on a campaign."""

import asyncio
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.cases.store import CaseStore
from streams.console.bench import Bench, Found
from streams.console.desk.campaigns import CampaignMemory
from streams.console.roles import User
from streams.console.sessions import Session
from streams.console.subjects import Kind
from streams.console.visits import Change, Look, Visits
from streams.settings import Settings
from streams.wire.cases import Case, CaseKind

READ_S = 15.0
MOST_SHOWN = 20


class RelatedCases:
    """Handlers. Used on the event loop alone.

    Args:
        visits: knows links and masks.
        settings: where Kafka is.
        campaigns: that are known: a campaign has the cases of those that were merged into it too.
    """

    def __init__(self, visits: Visits, settings: Settings, campaigns: CampaignMemory) -> None:
        self._visits, self._settings, self._campaigns = visits, settings, campaigns
        self._bench = Bench("Kafka", READ_S)

    def routes(self, look: Look, change: Change) -> list[Route]:
        """Which part needs whom."""
        del change
        return [
            Route("/cases/{link}/exports", look(self.exports), methods=["GET"]),
            Route("/campaigns/{link}/cases", look(self.of_campaign), methods=["GET"]),
        ]

    async def exports(self, request: Request, user: User, session: Session) -> Response:
        """Part of a case's page: who took it out, when and why. Each export is a look-up with a case of its own."""
        link, subject = self._visits.subject(request, Kind.CASE)
        found = await self._about({f"case:{subject.text}"}, {CaseKind.LOOK_UP}, "exported")
        return self._part(user, session, link, found, is_linked=False, otherwise="It was not exported.")

    async def of_campaign(self, request: Request, user: User, session: Session) -> Response:
        """Part of a campaign's page: its tracebacks, and what people said of it."""
        link, subject = self._visits.subject(request, Kind.CAMPAIGN)
        known = self._campaigns.find(subject.text)
        names = {subject.text, *(merge.id for merge in (known.merges if known else ()))}
        found = await self._about({f"campaign:{name}" for name in names}, {CaseKind.TRACEBACK, CaseKind.CHANGE})
        return self._part(user, session, link, found, is_linked=True, otherwise="None.")

    async def _about(self, subjects: Collection[str], kinds: Collection[CaseKind], what: str = "") -> Found:
        """Cases of some kinds about one of these, the latest first; where `what` is given, that began with it."""
        store = CaseStore(self._settings)

        def is_wanted(case: Case) -> bool:
            return case.subject in subjects and what in {"", case.history[0].what}

        return await self._bench.run(lambda: asyncio.run(store.cases(is_wanted, kinds))[::-1])

    def _part(
        self, user: User, session: Session, link: str, found: Found, *, is_linked: bool, otherwise: str
    ) -> Response:
        return self._visits.page(
            "related_cases",
            user,
            session,
            link,
            why_not=found.why_not,
            cases=found.content or [],
            most=MOST_SHOWN,
            is_linked=is_linked,
            otherwise=otherwise,
        )
