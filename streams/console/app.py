"""The console as a Starlette application: which page needs whom, and what every answer says to the browser."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.console.pages import Handlers
from streams.console.rendering import Pages
from streams.console.roles import User, What, may
from streams.console.sessions import Session
from streams.console.signing_in import MOST_FORM_BYTES, NOW, SIGN_IN, SigningIn, form_of
from streams.console.visits import Handler, Routes, Signed
from streams.running.failures import described
from streams.web.bodies import BodyRefused

ASSETS = Path(__file__).parent / "assets"
SERVED = {
    "htmx.min.js": "text/javascript",
    "uplot.min.js": "text/javascript",
    "uplot.min.css": "text/css",
    "console.js": "text/javascript",
    "thresholds.js": "text/javascript",
    "curves.js": "text/javascript",
    "history.js": "text/javascript",
    "console.css": "text/css",
    "icon.svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer: nothing from elsewhere, nothing inline, in no frame, kept nowhere."""
STRICT_TRANSPORT = {"strict-transport-security": "max-age=31536000"}

Entrance = Callable[[Callable[[Signed], Signed]], list[Route]]
"""Makes the routes of a sign-in by somebody else, with what says what a bug raises."""

log = structlog.get_logger(__name__)


class Headers:
    """Middleware that adds `HEADERS` to every answer, errors too.

    Attributes:
        app: what answers.
    """

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self.app = app
        added = HEADERS | (STRICT_TRANSPORT if is_secure else {})
        self._added = [(name.encode(), value.encode()) for name, value in added.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._added]
            await send(message)

        await self.app(scope, receive, said)


class Console:
    """Joins pages, the sign-in and the rights.

    Args:
        signing_in: knows who asks.
        handlers: of the pages behind it.
        pages: makes the page of an error.
        more: routes of further pages, made with what lets people on to them.
        entrance: a sign-in by somebody else; None for none.
        is_secure: the console is served by HTTPS.
    """

    def __init__(
        self,
        signing_in: SigningIn,
        handlers: Handlers,
        pages: Pages,
        *,
        more: Iterable[Routes],
        is_secure: bool,
        entrance: Entrance | None = None,
    ) -> None:
        self._signing_in, self._handlers, self._pages, self._is_secure = signing_in, handlers, pages, is_secure
        self._more, self._entrance = more, entrance

    def app(self) -> ASGIApp:
        """Make the application."""
        look, change, of = self._look, self._change, self._handlers
        routes = [
            Route("/", _first, methods=["GET"]),
            Route("/health", _health, methods=["GET"]),
            Route("/assets/{name}", _asset, methods=["GET"]),
            Route(SIGN_IN, self._signing_in.form, methods=["GET"]),
            Route(SIGN_IN, self._kept(self._signing_in.sign_in), methods=["POST"]),
            Route("/sign-out", change(What.LOOK, self._signing_in.sign_out), methods=["POST"]),
            Route(NOW, look(of.now), methods=["GET"]),
            Route("/now/figures", look(of.figures), methods=["GET"]),
            Route("/now/suspects", look(of.suspects), methods=["GET"]),
            Route("/now/series", look(of.series), methods=["GET"]),
            Route("/now/thresholds", look(of.thresholds), methods=["GET"]),
            Route("/now/scores", look(of.scores), methods=["GET"]),
            Route("/search", change(What.LOOK, of.search), methods=["POST"]),
            Route("/about/{link}", look(of.about), methods=["GET"]),
            Route("/about/{link}/unmask", change(What.UNMASK, of.unmask), methods=["POST"]),
            *(self._entrance(self._kept) if self._entrance is not None else ()),
            *(route for routes in self._more for route in routes(look, change)),
            Route("/about/{link}/{place}", look(of.part), methods=["GET"]),  # the last, since any place fits
        ]
        handlers: dict[Any, Any] = {HTTPException: self._wrong, BodyRefused: self._refused, ClientDisconnect: _gone}
        return Headers(Starlette(routes=routes, exception_handlers=handlers), is_secure=self._is_secure)

    def _look(self, handler: Handler) -> Signed:
        """A page for whoever is signed in and may look."""

        async def handle(request: Request) -> Response:
            found = self._signing_in.who(request)
            if found is None:
                return _sign_in_first(request)
            user, session = found
            _require(user, What.LOOK)
            return await handler(request, user, session)

        return self._kept(handle)

    def _change(self, what: What, handler: Handler, most_bytes: int = MOST_FORM_BYTES) -> Signed:
        """A form of ours, by whoever may do that; its fields are `request.state.form`."""

        async def handle(request: Request) -> Response:
            found = self._signing_in.who(request)
            if found is None:
                return _sign_in_first(request)
            user, session = found
            try:
                await _admit(request, user, session, what, most_bytes)
                return await handler(request, user, session)
            except (HTTPException, BodyRefused) as error:
                status = error.status if isinstance(error, BodyRefused) else error.status_code
                path = request.scope["route"].path  # its last part may be the link of a number
                log.info("console refusal", user=user.name, role=user.role, path=path, status=int(status))
                raise

        return self._kept(handle)

    def _kept(self, handle: Signed) -> Signed:
        """What a bug raises is logged without its message, which may quote a number."""

        async def handle_or_say(request: Request) -> Response:
            try:
                return await handle(request)
            except (HTTPException, BodyRefused, ClientDisconnect):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the console goes on
                log.error("a page failed", **described(error))  # noqa: TRY400
                return self._said(HTTPStatus.INTERNAL_SERVER_ERROR, "The page could not be made; the log says more.")

        return handle_or_say

    async def _wrong(self, request: Request, error: HTTPException) -> Response:
        """404 and others, as a page."""
        del request
        return self._said(HTTPStatus(error.status_code), error.detail)

    async def _refused(self, request: Request, error: BodyRefused) -> Response:
        del request
        return self._said(error.status, error.detail, close=True)

    def _said(self, status: HTTPStatus, detail: str, *, close: bool = False) -> Response:
        answer = self._pages.page("wrong", status, title=status.phrase, detail=detail)
        if close:
            answer.headers["connection"] = "close"
        return answer


async def _admit(request: Request, user: User, session: Session, what: What, most_bytes: int) -> None:
    """Read the form, unless it is none of ours or this user may not send it."""
    request.state.form = await form_of(request, most_bytes)
    if not session.has_csrf(request.state.form.get("csrf", "")):
        raise HTTPException(HTTPStatus.FORBIDDEN, "The form was too old: go back, and try again.")
    _require(user, what)


def _require(user: User, what: What) -> None:
    if not may(user, what):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Your role may not do that.")


def _sign_in_first(request: Request) -> Response:
    """A page leads to the form; to a part of a page it is said that its page must go there."""
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": SIGN_IN})
    return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)


async def _first(request: Request) -> Response:
    del request
    return RedirectResponse(NOW, HTTPStatus.SEE_OTHER)


async def _health(request: Request) -> Response:
    """200 while pages are served; it says nothing else, since it needs no sign-in."""
    del request
    return JSONResponse({"status": "ok"})


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in SERVED:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such file.")
    return FileResponse(ASSETS / name, media_type=SERVED[name])


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody reads this."""
    del request, error
    return Response(status_code=HTTPStatus.BAD_REQUEST)
