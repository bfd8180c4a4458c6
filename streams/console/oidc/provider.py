"""The provider: where people sign in with it, and what it says about whoever came back with a code.

It is asked when somebody signs in and not before, so the console starts without it, and recovers by itself.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from streams.console.oidc.asking import Answer, Asker
from streams.console.oidc.client import Client, is_protected
from streams.console.oidc.errors import ProviderAway, SignInRefused, UnknownKey, error_code
from streams.console.oidc.flow import Flow, way_to
from streams.console.oidc.id_tokens import ALGORITHMS, Claims, Expected, read_id_token, read_keys

KNOWN_S = 3_600.0
"""How long its document and its keys are kept. A key that it takes back is good for as long."""
AWAY_S = 5.0
"""How long it is not asked again after it did not answer."""
LONGEST_CODE = 4_096
BASIC, POST = "client_secret_basic", "client_secret_post"

T = TypeVar("T")


class Document(msgspec.Struct, frozen=True):
    """What it says of itself (OpenID Connect Discovery 1.0, section 3); what stands there when it says nothing."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = (BASIC,)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ALGORITHMS
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


_DOCUMENT = msgspec.json.Decoder(Document)
_TOKENS = msgspec.json.Decoder(_Tokens)
_REFUSAL = msgspec.json.Decoder(_Refusal)
_CLAIMS: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Known(Generic[T]):
    """Something that the provider says, asked for when it is needed and kept for a while. Used on the event loop alone.

    Args:
        ask: asks for it.
        clock: seconds, monotonic.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._ask, self._clock = ask, clock
        self._turn = asyncio.Lock()
        self._found: T | None = None
        self._failed: ProviderAway | None = None
        self._until_s = 0.0

    async def get(self, unlike: T | None = None) -> T:
        """What it says.

        Args:
            unlike: found of it that did not do: it is asked again, once for all who come with the same.

        Raises:
            ProviderAway: it does not say, or did not a moment ago.
        """
        async with self._turn:
            is_known = self._clock() < self._until_s
            if is_known and self._failed is not None:
                raise ProviderAway(str(self._failed))
            if is_known and self._found is not None and self._found is not unlike:
                return self._found
            try:
                self._found, self._failed = await self._ask(), None
            except ProviderAway as error:
                self._failed, self._until_s = error, self._clock() + AWAY_S
                raise
            self._until_s = self._clock() + KNOWN_S
            return self._found


class Provider:
    """Used on the event loop alone.

    Args:
        client: who we are to it.
        asker: asks it.
        clock: seconds, monotonic.
    """

    def __init__(self, client: Client, asker: Asker, clock: Callable[[], float]) -> None:
        self._client, self._asker = client, asker
        self._document = Known(self._ask_document, clock)
        self._keys = Known(self._ask_keys, clock)

    async def way_in(self, flow: Flow) -> str:
        """The address where somebody signs in.

        Raises:
            ProviderAway: see `claims`.
        """
        return way_to((await self._document.get()).authorization_endpoint, self._client, flow)

    async def claims(self, flow: Flow, code: str, issuer: str | None) -> Claims:
        """What it says about whoever came back; what its ID token lacks is asked of its `userinfo_endpoint`.

        Args:
            flow: that the state was held against.
            code: from the address.
            issuer: from the address, where one stands in it (RFC 9207).

        Raises:
            ProviderAway: it does not answer, or not as a provider does.
            SignInRefused: it does not take the code, or what it says is wrong.
        """
        document = await self._document.get()
        if issuer is None and document.authorization_response_iss_parameter_supported:
            raise SignInRefused("the answer does not say which provider it is of (iss)")
        if issuer not in {None, self._client.issuer}:
            raise SignInRefused("the answer is of another provider (iss)")
        tokens = await self._redeem(document, flow, code)
        claims = await self._read(tokens.id_token, flow)
        wanted = {self._client.user_claim, self._client.roles_claim}
        if document.userinfo_endpoint is not None and tokens.access_token and not wanted <= claims.keys():
            return await self._told(document.userinfo_endpoint, tokens.access_token, claims["sub"]) | claims
        return claims

    async def _read(self, token: str, flow: Flow) -> Claims:
        """Keys are changed now and then: for one that is not known they are asked for once more."""
        expected = Expected(self._client.issuer, self._client.client_id, flow.nonce)
        keys = await self._keys.get()
        try:
            return read_id_token(token, keys, expected, time.time())
        except UnknownKey:
            return read_id_token(token, await self._keys.get(unlike=keys), expected, time.time())

    async def _redeem(self, document: Document, flow: Flow, code: str) -> _Tokens:
        """Exchange a code (RFC 6749 section 4.1.3)."""
        if not 0 < len(code) <= LONGEST_CODE:
            raise SignInRefused("the answer has no code")
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_url,
            "code_verifier": flow.verifier,
        }
        headers = {}
        if BASIC in document.token_endpoint_auth_methods_supported:
            pair = ":".join(quote(part, safe="") for part in (self._client.client_id, self._client.secret))
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": self._client.client_id, "client_secret": self._client.secret}
        answer = await self._asker.ask(document.token_endpoint, fields=fields, headers=headers)
        if answer.status != HTTPStatus.OK:
            raise SignInRefused(f"the provider does not take the code ({_error(answer)})")
        return _decoded(_TOKENS, answer, "for a code it gives no ID token")

    async def _told(self, endpoint: str, access_token: str, subject: str) -> Claims:
        """Claims of the same person (OpenID Connect Core section 5.3.2: `sub` must be that of the ID token)."""
        answer = await self._asker.ask(endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if answer.status != HTTPStatus.OK:
            raise ProviderAway(f"the provider does not tell claims ({answer.status})")
        claims = _decoded(_CLAIMS, answer, "what it tells of somebody is no JSON object")
        if claims.get("sub") != subject:
            raise SignInRefused("the provider tells claims of somebody else (sub)")
        return claims

    async def _ask_document(self) -> Document:
        url = self._client.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = _decoded(_DOCUMENT, await self._got(url), "its document is none of OpenID Connect")
        if document.issuer != self._client.issuer:
            raise ProviderAway("its document is of another issuer than the one that is set, to the letter")
        ways = (document.authorization_endpoint, document.token_endpoint, document.jwks_uri)
        if not all(is_protected(way) for way in (*ways, *filter(None, (document.userinfo_endpoint,)))):
            raise ProviderAway("an address in its document is not https")
        if "S256" not in document.code_challenge_methods_supported:
            raise ProviderAway("it does not know PKCE with S256")
        if not {BASIC, POST} & set(document.token_endpoint_auth_methods_supported):
            raise ProviderAway(f"it knows a client neither by {BASIC} nor by {POST}")
        if not set(ALGORITHMS) & set(document.id_token_signing_alg_values_supported):
            raise ProviderAway(f"it signs by none of {', '.join(ALGORITHMS)}")
        return document

    async def _ask_keys(self) -> Any:
        document = await self._document.get()
        return read_keys((await self._got(document.jwks_uri)).body)

    async def _got(self, url: str) -> Answer:
        answer = await self._asker.ask(url)
        if answer.status != HTTPStatus.OK:
            raise ProviderAway(f"{url} answers {answer.status}")
        return answer


def _decoded(decoder: "msgspec.json.Decoder[T]", answer: Answer, otherwise: str) -> T:
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderAway(otherwise) from error


def _error(answer: Answer) -> str:
    """The code of an error, where it is one."""
    try:
        code = error_code(_REFUSAL.decode(answer.body).error)
    except (msgspec.DecodeError, RecursionError):
        code = ""
    return code or str(answer.status)
