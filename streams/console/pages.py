"""The pages: *Now*, the search, and what is known of a number, a call, a decision or a trunk group."""

import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from streams.console.feed import Feed
from streams.console.live import LiveMemory
from streams.console.looks import Looks
from streams.console.rendering import Pages
from streams.console.roles import User, What, may
from streams.console.sessions import Session
from streams.console.subjects import Kind, Links, Subject, read_subject
from streams.redis.lookups import SHOWN_MEASURES
from streams.running.masking import masked

MOST_SUSPECTS = 25
MOST_ABOUT = 50
LONGEST_REASON = 200

log = structlog.get_logger("console.audit")


class Handlers:
    """Handlers of the pages that need somebody who is signed in. Used on the event loop alone.

    Args:
        pages: makes them.
        links: reads the links of subjects.
        feed: whether Kafka is read.
        memory: what was decided lately.
        looks: asks Redis and the archive.
        digest: stands for a number in the log.
    """

    def __init__(
        self,
        pages: Pages,
        links: Links,
        feed: Feed,
        memory: LiveMemory,
        looks: Looks,
        digest: Callable[[str], str],
    ) -> None:
        self._pages, self._links, self._feed, self._memory = pages, links, feed, memory
        self._looks, self._digest = looks, digest

    async def now(self, request: Request, user: User, session: Session) -> Response:
        """What goes on."""
        del request
        self._audit("console look", user, page="now")
        return self._pages.page("now", user=user, csrf=session.csrf)

    async def figures(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: rates, latency, and whether decisions are read."""
        del request, user, session
        return self._pages.page(
            "figures",
            is_up=self._feed.is_up,
            unreadable=self._memory.unreadable,
            rates=self._memory.rates(),
            latency=self._memory.latency(),
        )

    async def suspects(self, request: Request, user: User, session: Session) -> Response:
        """Part of *Now*: the latest suspect calls, always masked."""
        del request, user, session
        return self._pages.page("decisions", decisions=self._memory.suspects(MOST_SUSPECTS), otherwise="None yet.")

    async def series(self, request: Request, user: User, session: Session) -> Response:
        """Decisions of each second, for the plot."""
        del request, user, session
        return JSONResponse(self._memory.series())

    async def search(self, request: Request, user: User, session: Session) -> Response:
        """303 to the page of what was looked for. It is posted: a number stands in no address and no history."""
        del session
        subject = read_subject(request.state.form.get("q", ""))
        if subject is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Type a number, a call id, a decision id or a trunk group.")
        if subject.kind is Kind.CALL and not self._memory.about(subject, 1):
            trunk = Subject(Kind.TRUNK, subject.text)
            subject = trunk if self._memory.about(trunk, 1) else subject
        self._audit("console search", user, subject)
        return RedirectResponse(f"/about/{self._links.link(subject)}", HTTPStatus.SEE_OTHER)

    async def about(self, request: Request, user: User, session: Session) -> Response:
        """What is known of a subject; Redis and the archive are asked by parts of the page."""
        link, subject = self._subject(request)
        is_whole = self._is_whole(user, session, link)
        self._audit("console look", user, subject, is_whole=is_whole)
        return self._pages.page(
            "about",
            is_whole=is_whole,
            user=user,
            csrf=session.csrf,
            subject=subject,
            here=f"/about/{link}",
            may_unmask=may(user, What.UNMASK),
            decisions=self._memory.about(subject, MOST_ABOUT),
        )

    async def part(self, request: Request, user: User, session: Session) -> Response:
        """Part of that page: what Redis or the archive knows."""
        link, subject = self._subject(request)
        place = request.path_params["place"]
        if place not in {"redis", "archive"}:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such part.")
        is_whole = self._is_whole(user, session, link)
        self._audit("console look", user, subject, place=place, is_whole=is_whole)
        found = await (self._looks.redis(subject) if place == "redis" else self._looks.archive(subject))
        return self._pages.page(f"from_{place}", is_whole=is_whole, subject=subject, found=found, shown=SHOWN_MEASURES)

    async def unmask(self, request: Request, user: User, session: Session) -> Response:
        """Show whole numbers on the pages of one subject, for ten minutes; who, what and why go to the log."""
        link, subject = self._subject(request)
        reason = request.state.form.get("reason", "").strip()[:LONGEST_REASON]
        if not reason:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Say why you need the whole numbers.")
        self._audit("console unmask", user, subject, reason=masked(reason))
        session.unmask(link, time.monotonic())
        return RedirectResponse(f"/about/{link}", HTTPStatus.SEE_OTHER)

    def _is_whole(self, user: User, session: Session, link: str) -> bool:
        return may(user, What.UNMASK) and session.is_unmasked(link, time.monotonic())

    def _subject(self, request: Request) -> tuple[str, Subject]:
        link = request.path_params["link"]
        subject = self._links.subject(link)
        if subject is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "This link leads nowhere: look for it anew.")
        return link, subject

    def _audit(self, event: str, user: User, subject: Subject | None = None, **more: object) -> None:
        """One line for each look; of what was looked at a digest."""
        if subject is not None:
            more = {"what": subject.kind, "subject": self._digest(subject.text)} | more
        log.info(event, user=user.name, role=user.role, **more)
