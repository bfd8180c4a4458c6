"""Signing in and out: who asks, whether the password is right, and how often somebody may try."""

import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.console.attempts import Attempts, site_of
from streams.console.passwords import LONGEST, NOBODYS, is_password
from streams.console.rendering import Pages
from streams.console.roles import User
from streams.console.sessions import Session, Sessions, new_token
from streams.console.users import Users
from streams.running.daemon_thread import DaemonThread
from streams.web.bodies import read_body

MOST_FORM_BYTES = 16 * 1024
MOST_FIELDS = 20
USER_TRIES, ADDRESS_TRIES, TRIES_S = 5, 30, 300.0
"""Tries to sign in within five minutes, with a name from an address and from an address. A name alone has no bound: who
tries it elsewhere would keep its owner out."""
MOST_CHECKED = 20
"""Passwords that wait to be checked, a quarter of a second each."""
NOW = "/now"
SIGN_IN = "/sign-in"

log = structlog.get_logger("console.audit")


class SigningIn:
    """Handlers of the two pages, and the one question of all others: who asks? Used on the event loop alone.

    Args:
        users: who may.
        sessions: who is signed in.
        pages: makes the form.
        is_secure: the console is served by HTTPS: cookies are for it alone.
        provider: with which people may sign in too, for people; empty for none.
    """

    def __init__(self, users: Users, sessions: Sessions, pages: Pages, *, is_secure: bool, provider: str = "") -> None:
        self._users, self._sessions, self._pages, self._is_secure = users, sessions, pages, is_secure
        self._provider = provider
        self._session_cookie = "__Host-robocall-session" if is_secure else "robocall-session"
        self._form_cookie = "__Host-robocall-form" if is_secure else "robocall-form"
        self._of_user = Attempts(USER_TRIES, TRIES_S, time.monotonic)
        self._of_address = Attempts(ADDRESS_TRIES, TRIES_S, time.monotonic)
        self._thread = DaemonThread("console passwords")
        self._checked = 0

    def who(self, request: Request) -> tuple[User, Session] | None:
        """Tell who asks: None for a session that is over, a user that is gone, or a password that was changed."""
        session = self._sessions.find(request.cookies.get(self._session_cookie, ""))
        if session is not None and session.provided is not None:
            return session.provided, session
        account = None if session is None else self._users.find(session.name)
        if session is None or account is None or account.password != session.password:
            return None
        return account.user, session

    async def form(self, request: Request) -> Response:
        """The form, with a token that only this browser has."""
        return self.asked_again(request)

    def asked_again(self, request: Request, status: int = 200, complaint: str = "") -> Response:
        """The form, and why whoever asks is not signed in."""
        return self._form(request.cookies.get(self._form_cookie) or new_token(), status, complaint)

    def let_in(self, user: User) -> Response:
        """Sign in whom a provider named: a page that leads to the first one.

        It is no redirect: browsers send our strict cookies along only where the way began on a page of ours.
        """
        answer = self._pages.page("let_in", user=user, first=NOW)
        self._set(answer, self._session_cookie, self._sessions.open_provided(user))
        return answer

    async def sign_in(self, request: Request) -> Response:
        """Check a name and a password; 303 to the first page, or the form again, which does not say what was wrong."""
        fields = await form_of(request)
        token = request.cookies.get(self._form_cookie, "")
        if not token or not hmac.compare_digest(_bytes(fields.get("csrf", "")), _bytes(token)):
            return self._form(token or new_token(), HTTPStatus.FORBIDDEN, "The form was too old: try again.")
        name, address = fields.get("name", "").strip().lower()[:LONGEST], site_of(address_of(request))
        account = self._users.find(name)
        theirs = f"{name} {address}"
        said = "unknown" if account is None else name  # people type their password into the wrong field
        if not (self._of_address.may(address) and self._of_user.may(theirs)) or self._checked >= MOST_CHECKED:
            log.warning("console sign-in refused, too many tries", user=said, address=address_of(request))
            return self._form(token, HTTPStatus.TOO_MANY_REQUESTS, "Too many tries: wait five minutes.")
        kept = NOBODYS if account is None else account.password
        if not await self._is_right(fields.get("password", ""), kept) or account is None:
            log.warning("console sign-in failed", user=said, address=address_of(request))
            return self._form(token, HTTPStatus.FORBIDDEN, "Name or password is wrong.")
        self._of_user.forget(theirs)
        log.info("console sign-in", user=name, role=account.role, how="password", address=address_of(request))
        answer = RedirectResponse(NOW, HTTPStatus.SEE_OTHER)
        self._set(answer, self._session_cookie, self._sessions.open(name, account.password))
        answer.delete_cookie(self._form_cookie, secure=self._is_secure, httponly=True, samesite="strict")
        return answer

    async def sign_out(self, request: Request, user: User, session: Session) -> Response:
        """End the session; 303 to the form."""
        del session
        self._sessions.close(request.cookies.get(self._session_cookie, ""))
        log.info("console sign-out", user=user.name)
        answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        answer.delete_cookie(self._session_cookie, secure=self._is_secure, httponly=True, samesite="strict")
        return answer

    async def _is_right(self, password: str, kept: str) -> bool:
        self._checked += 1
        try:
            return await self._thread.run(is_password, password[: LONGEST + 1], kept)
        finally:
            self._checked -= 1

    def _form(self, token: str, status: int = 200, complaint: str = "") -> Response:
        answer = self._pages.page(
            "sign_in",
            status,
            csrf=token,
            complaint=complaint,
            provider=self._provider,
            has_local=self._users.has_somebody(),
        )
        self._set(answer, self._form_cookie, token)
        return answer

    def _set(self, answer: Response, cookie: str, value: str) -> None:
        answer.set_cookie(cookie, value, secure=self._is_secure, httponly=True, samesite="strict", path="/")


async def form_of(request: Request, most_bytes: int = MOST_FORM_BYTES) -> Mapping[str, str]:
    """Fields of a form of so many bytes at most; of one that comes twice the last.

    Raises:
        BodyRefused: it is too large or too slow.
        HTTPException: 400 where it has too many fields.
    """
    text = (await read_body(request, most_bytes)).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form has too many fields.") from error


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
