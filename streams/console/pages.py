"""The pages: *Now*, the search, and what is known of a number, a call, a decision or a trunk group."""

import asyncio
import time
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from detector.contract.decisions import Decision
from streams.console.desk.about_acts import BASES
from streams.console.desk.acts import Acts
from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.looks import Looks
from streams.console.roles import User
from streams.console.scores import SCORES_S
from streams.console.sessions import Session
from streams.console.subjects import Kind, Subject, read_subject
from streams.console.visits import Visits
from streams.redis.lookups import SHOWN_MEASURES
from streams.running.clock import wall_clock_ms
from streams.running.masking import masked

MOST_SUSPECTS = 25
MOST_ABOUT = 50
PARTED = (Kind.NUMBER, Kind.CALL, Kind.DECISION, Kind.TRUNK, Kind.CAMPAIGN)


class Handlers:
    """Handlers of the pages that need somebody who is signed in. Used on the event loop alone.

    Args:
        visits: knows links and masks.
        feed: whether Kafka is read.
        memory: what was decided lately.
        looks: asks Redis and the archive.
        acts: records what is unmasked.
    """

    def __init__(
        self,
        visits: Visits,
        feed: Feed,
        memory: LiveMemory,
        looks: Looks,
        acts: Acts,
    ) -> None:
        self._visits, self._feed, self._memory = visits, feed, memory
        self._looks, self._acts, self._pages = looks, acts, visits.pages

    async def now(self, request: Request, user: User, session: Session) -> Response:
        """What goes on."""
        del request
        self._visits.note("console look", user, page="now")
        return self._visits.page("now", user, session, said=session.heard())

    async def figures(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: rates, latency, and whether decisions are read."""
        del request, user, session
        return self._pages.page(
            "figures",
            is_up=self._feed.is_up,
            unreadable=self._memory.unreadable,
            rates=self._memory.rates(),
            latency=self._memory.latency(),
            now_ms=wall_clock_ms(),
        )

    async def suspects(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: the latest suspect calls, always masked."""
        del request, user, session
        return self._pages.page("decisions", decisions=self._memory.suspects(MOST_SUSPECTS), otherwise="None yet.")

    async def series(self, request: Request, user: User, session: Session) -> Response:
        """Decisions of each second, for the plot."""
        del request, user, session
        return JSONResponse(self._memory.series())

    async def thresholds(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: what would be hit at other thresholds, as a table."""
        del request
        scores = self._memory.scores
        total, rows = scores.total(), scores.table()
        return self._visits.page("thresholds", user, session, total=total, rows=rows, minutes=SCORES_S // 60)

    async def scores(self, request: Request, user: User, session: Session) -> Response:
        """The same as a curve, for the plot."""
        del request, user, session
        return JSONResponse(self._memory.scores.curve())

    async def search(self, request: Request, user: User, session: Session) -> Response:
        """303 to the page of what was looked for. It is posted: a number stands in no address and no history."""
        del session
        subject = read_subject(request.state.form.get("q", ""))
        if subject is None:
            raise HTTPException(
                HTTPStatus.BAD_REQUEST,
                "Type a number, a trunk group, or the id of a call, a decision, a campaign or a case.",
            )
        if subject.kind is Kind.CALL and not self._memory.about(subject, 1):
            trunk = Subject(Kind.TRUNK, subject.text)
            subject = trunk if self._memory.about(trunk, 1) else subject
        self._visits.note("console search", user, subject)
        return RedirectResponse(self._visits.links.path(subject), HTTPStatus.SEE_OTHER)

    async def about(self, request: Request, user: User, session: Session) -> Response:
        """What is known of a subject; Redis and the archive are asked by parts of the page."""
        link, subject = self._visits.subject(request)
        is_whole = self._visits.is_whole(user, session, link)
        self._visits.note("console look", user, subject, is_whole=is_whole)
        return self._visits.page(
            "about",
            user,
            session,
            link,
            subject=subject,
            here=f"/about/{link}",
            bases=BASES,
            decisions=self._memory.about(subject, MOST_ABOUT),
            said=session.heard(),
        )

    async def part(self, request: Request, user: User, session: Session) -> Response:
        """Part of that page, or of a campaign's: what Redis or the archive knows."""
        link, subject = self._visits.subject(request, *PARTED)
        place = request.path_params["place"]
        if place not in {"redis", "archive"}:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such part.")
        is_whole = self._visits.is_whole(user, session, link)
        self._visits.note("console look", user, subject, place=place, is_whole=is_whole)
        lately = self._memory.about(subject, 1)
        shown = {"subject": subject, "here": f"/about/{link}"}
        if place == "redis":
            found = await self._looks.redis(subject)
            return self._visits.page(
                "from_redis", user, session, link, found=found, above=lately, measures=SHOWN_MEASURES, **shown
            )
        found, above = await asyncio.gather(self._looks.archive(subject), self._above(subject, lately))
        is_new = subject.kind is Kind.CALL and not lately
        is_traceable = is_new and bool(found.content or await self._looks.has_call(subject))
        return self._visits.page(
            "from_archive", user, session, link, found=found, above=above, is_traceable=is_traceable, **shown
        )

    async def _above(self, subject: Subject, lately: list[Decision]) -> list[Decision | dict[str, Any]]:
        """The decision that stands above what the archive has: as it came, or as Redis has it."""
        if lately or subject.kind is not Kind.DECISION:
            return list(lately)
        known = (await self._looks.redis(subject)).content or {}
        return [known["decision"]] if known.get("decision") else []

    async def unmask(self, request: Request, user: User, session: Session) -> Response:
        """Show whole numbers on the pages of one subject for ten minutes; who, what and why is recorded before."""
        link, subject = self._visits.subject(request, *Kind)
        reason = self._visits.reason(request)
        self._visits.note("console unmask", user, subject, reason=masked(reason))
        said = await self._acts.unmasked(subject.kind, subject.text, user.name, reason)
        session.unmask(link, time.monotonic())
        return self._visits.back(subject, session, said)
