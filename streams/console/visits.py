"""What every page needs: whose link it is, whether numbers are whole, why something is done, a line in the log."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from streams.console.rendering import Pages
from streams.console.roles import RIGHTS, User, What, may
from streams.console.sessions import Session
from streams.console.subjects import Kind, Links, Subject

LONGEST_REASON = 500
Handler = Callable[[Request, User, Session], Awaitable[Response]]
Signed = Callable[[Request], Awaitable[Response]]
Look = Callable[[Handler], Signed]
"""Makes a page of a handler: for whoever is signed in."""


class Change(Protocol):
    """Makes a form of a handler, for whoever may do that, with the session's token. Fields: `request.state.form`."""

    def __call__(self, what: What, handler: Handler, most_bytes: int = ...) -> Signed:
        """A form of so many bytes at most."""


Routes = Callable[[Look, Change], list[Route]]

log = structlog.get_logger("console.audit")


class Visits:
    """Used on the event loop alone.

    Args:
        pages: makes pages.
        links: reads the links of subjects.
        digest: stands for a number in the log.
    """

    def __init__(self, pages: Pages, links: Links, digest: Callable[[str], str]) -> None:
        self.pages, self.links, self._digest = pages, links, digest

    def subject(self, request: Request, *kinds: Kind) -> tuple[str, Subject]:
        """What the link of an address is about, and the link.

        Args:
            request: has a link in its path.
            kinds: that the page is for; none = all that have no pages of their own.

        Raises:
            HTTPException: 404 where we did not make it, or it is about another kind.
        """
        link = request.path_params["link"]
        subject = self.links.subject(link)
        if subject is None or subject.kind not in (kinds or _ABOUT):
            raise HTTPException(HTTPStatus.NOT_FOUND, "This link leads nowhere: look for it anew.")
        return link, subject

    def is_whole(self, user: User, session: Session, link: str) -> bool:
        """Whether numbers are shown whole on the pages of a link now."""
        return may(user, What.UNMASK) and session.is_unmasked(link, time.monotonic())

    def page(self, template: str, user: User, session: Session, link: str = "", **shown: Any) -> Response:
        """Make a page, or a part of one, with what frames and forms need.

        Args:
            template: its name.
            user: who sees it.
            session: of theirs.
            link: of its subject; numbers are whole where they asked for it.
            shown: what the template shows besides.
        """
        return self.pages.page(
            template,
            is_whole=self.is_whole(user, session, link),
            user=user,
            csrf=session.csrf,
            link_here=link,
            rights={what.value for what in RIGHTS[user.role]},
            **shown,
        )

    def reason(self, request: Request) -> str:
        """Why somebody does something, in their words.

        Raises:
            HTTPException: 400 where they do not say.
        """
        reason: str = request.state.form.get("reason", "").strip()[:LONGEST_REASON]
        if not reason:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Say why: it is recorded.")
        return reason

    def back(self, subject: Subject, session: Session, said: list[str]) -> Response:
        """303 to the page of a subject, which says how it went."""
        session.tell(said)
        return RedirectResponse(self.links.path(subject), HTTPStatus.SEE_OTHER)

    def note(self, event: str, user: User, subject: Subject | None = None, **more: object) -> None:
        """Leave a line in the log; of a number its digest."""
        if subject is not None:
            more = {"what": subject.kind, "subject": self._digest(subject.text)} | more
        log.info(event, user=user.name, role=user.role, **more)


_ABOUT = frozenset({Kind.NUMBER, Kind.CALL, Kind.DECISION, Kind.TRUNK})
