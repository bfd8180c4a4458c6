"""The two addresses of the sign-in by a provider: the way there, and the way back."""

import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from streams.console.attempts import Attempts, site_of
from streams.console.oidc.asking import Asker
from streams.console.oidc.client import BACK, Client
from streams.console.oidc.errors import ProviderAway, SignInRefused, error_code
from streams.console.oidc.flow import FLOW_S, Flow
from streams.console.oidc.people import NO_NAME, person
from streams.console.oidc.provider import Provider
from streams.console.roles import User
from streams.console.signing_in import ADDRESS_TRIES, TRIES_S, SigningIn, address_of
from streams.console.users import Users
from streams.console.visits import Signed

START = "/sign-in/oidc"
AWAY = "The sign-in service does not answer as it should: try again in a minute."
STALE = "The sign-in took too long, or began in another window: try again."
NOBODY = "The sign-in service let nobody in: try again, or ask those who run it."

log = structlog.get_logger("console.audit")


class ByProvider:
    """Handlers of both. Used on the event loop alone.

    Args:
        client: who we are to the provider.
        provider: asks it.
        signing_in: has the form, and opens the session.
        users: local ones, whose names nobody else gets; nobody gets any while they are not known.
        is_secure: the console is served by HTTPS: cookies are for it alone.
    """

    def __init__(
        self, client: Client, provider: Provider, signing_in: SigningIn, users: Users, *, is_secure: bool
    ) -> None:
        self._client, self._provider, self._signing_in, self._users = client, provider, signing_in, users
        self._is_secure = is_secure
        self._cookie = "__Host-robocall-oidc" if is_secure else "robocall-oidc"
        self._of_address = Attempts(ADDRESS_TRIES, TRIES_S, time.monotonic)

    def routes(self, kept: Callable[[Signed], Signed]) -> list[Route]:
        """Both addresses, which need no sign-in.

        Args:
            kept: says what a bug raises, as of any page.
        """
        return [
            Route(START, kept(self.start), methods=["GET"]),
            Route(BACK, kept(self.back), methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """303 to the provider; the form, saying so, while it is away."""
        flow = Flow()
        try:
            answer: Response = RedirectResponse(await self._provider.way_in(flow), HTTPStatus.SEE_OTHER)
        except ProviderAway as error:
            return self._away(request, error)
        answer.set_cookie(
            self._cookie,
            flow.token,
            max_age=FLOW_S,
            secure=self._is_secure,
            httponly=True,
            samesite="lax",  # people come back to it from the provider's page
            path="/",
        )
        return answer

    async def back(self, request: Request) -> Response:
        """A page that leads to the first one; the form again, saying why, for whoever is not let in.

        The cookie goes whatever happens, so that each answer of the provider counts once.
        """
        answer = await self._answered(request)
        answer.delete_cookie(self._cookie, secure=self._is_secure, httponly=True, samesite="lax")
        return answer

    async def _answered(self, request: Request) -> Response:
        address = address_of(request)
        if not self._of_address.may(site_of(address)):
            log.warning("console sign-in refused, too many tries", how="oidc", address=address)
            return self._signing_in.asked_again(
                request, HTTPStatus.TOO_MANY_REQUESTS, "Too many tries: wait five minutes."
            )
        try:
            user, subject = await self._proven(request)
        except ProviderAway as error:
            return self._away(request, error)
        except SignInRefused as error:
            log.warning("console sign-in refused", how="oidc", why=str(error), subject=error.subject, address=address)
            return self._signing_in.asked_again(request, HTTPStatus.FORBIDDEN, error.said)
        log.info("console sign-in", user=user.name, role=user.role, how="oidc", subject=subject, address=address)
        return self._signing_in.let_in(user)

    async def _proven(self, request: Request) -> tuple[User, str]:
        """Who comes back, and the provider's own name of them (`sub`)."""
        given, token = request.query_params, request.cookies.get(self._cookie, "")
        flow = Flow(token) if token else None
        if flow is None or not flow.has_state(given.get("state", "")):
            raise SignInRefused("the answer belongs to no sign-in of this browser (state)", STALE)
        if "error" in given:
            raise SignInRefused(f"the provider refused ({error_code(given['error']) or 'no code of an error'})", NOBODY)
        claims = await self._provider.claims(flow, given.get("code", ""), given.get("iss"))
        user, subject = person(claims, self._client), claims["sub"]
        if why := self._users.why_taken(user.name.lower()):
            raise SignInRefused(why, NO_NAME, subject=subject)
        return user, subject

    def _away(self, request: Request, error: ProviderAway) -> Response:
        log.error("the provider of the sign-in is away", issuer=self._client.issuer, why=str(error))
        return self._signing_in.asked_again(request, HTTPStatus.SERVICE_UNAVAILABLE, AWAY)


def by_provider(client: Client, signing_in: SigningIn, users: Users, *, is_secure: bool) -> ByProvider:
    """Join the parts of the sign-in by a provider; see `ByProvider`."""
    provider = Provider(client, Asker(client.tls), time.monotonic)
    return ByProvider(client, provider, signing_in, users, is_secure=is_secure)
