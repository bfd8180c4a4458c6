"""The provider, asked over HTTP: codes, keys that change, a document that lies, and being away for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams.console.oidc.asking import Asker
from streams.console.oidc.errors import ProviderAway, SignInRefused
from streams.console.oidc.flow import Flow
from streams.console.oidc.id_tokens import Claims
from streams.console.oidc.provider import AWAY_S, KNOWN_S, POST, Known
from streams.console.oidc.provider import Provider as Asked
from tests.streams.console.oidc.oidc_case import CLIENT_ID, EC_KEY, OTHER_KEY, SECRET, Provider, jwk
from tests.streams.manual_seconds import ManualSeconds

DOCUMENT, KEYS, TOKEN = "/.well-known/openid-configuration", "/keys", "/token"


class Visit:
    """A console's side of the provider, and somebody who signs in there."""

    def __init__(self, provider: Provider, **chosen: Any) -> None:
        self.provider, self.clock = provider, ManualSeconds()
        client = provider.client(**chosen)
        self.asked = Asked(client, Asker(client.tls), self.clock)

    async def signed_in(self, **changes: Any) -> Claims:
        """There and back again; what comes back may be changed on the way."""
        flow = Flow()
        back = self.provider.signed_in(await self.asked.way_in(flow)) | changes
        return await self.asked.claims(back.pop("flow", flow), back["code"], back.get("iss"))


def visited(visit: Callable[[Visit], Awaitable[Any]], **chosen: Any) -> Any:
    async def run() -> Any:
        async with Provider().running() as provider:
            return await visit(Visit(provider, **chosen))

    return asyncio.run(run())


def test_a_code_becomes_what_is_said_of_somebody() -> None:
    """With the verifier and the redirect address; document and keys are asked for once."""

    async def visit(one: Visit) -> None:
        first, second = await one.signed_in(), await one.signed_in()

        assert first["preferred_username"] == second["preferred_username"] == "ada"
        assert one.provider.asked == {DOCUMENT: 1, KEYS: 1, TOKEN: 2}
        (sent, _) = one.provider.redeemed
        assert (sent["grant_type"], sent["redirect_uri"]) == (
            "authorization_code",
            "http://127.0.0.1/sign-in/oidc/back",
        )
        assert SECRET not in str(sent)
        assert CLIENT_ID not in sent

    visited(visit)


def test_a_client_may_be_known_by_fields() -> None:
    """Where the provider takes no Basic."""

    async def visit(one: Visit) -> None:
        one.provider.document = {"token_endpoint_auth_methods_supported": [POST, "private_key_jwt"]}
        await one.signed_in()

        (sent,) = one.provider.redeemed
        assert (sent["client_id"], sent["client_secret"], sent["authorization"]) == (CLIENT_ID, SECRET, "")

    visited(visit)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "another"}, "does not take the code .invalid_grant"),
        ({"code": ""}, "no code"),
        ({"code": "x" * 5_000}, "no code"),
        ({"flow": Flow()}, "invalid_grant"),  # another browser's: the verifier is wrong
        ({"iss": "https://another.example.net"}, "another provider"),
    ],
)
def test_what_comes_back_changed_is_refused(changes: dict[str, Any], said: str) -> None:
    async def visit(one: Visit) -> None:
        with pytest.raises(SignInRefused, match=said):
            await one.signed_in(**changes)

    visited(visit)


def test_a_code_counts_once() -> None:
    """The second time the provider refuses it."""

    async def visit(one: Visit) -> None:
        flow = Flow()
        code = one.provider.signed_in(await one.asked.way_in(flow))["code"]
        await one.asked.claims(flow, code, None)
        with pytest.raises(SignInRefused, match="invalid_grant"):
            await one.asked.claims(flow, code, None)

    visited(visit)


def test_a_provider_that_names_itself_must_do_so() -> None:
    """RFC 9207: the answer says whose it is."""

    async def visit(one: Visit) -> None:
        one.provider.document = {"authorization_response_iss_parameter_supported": True}
        with pytest.raises(SignInRefused, match="does not say which"):
            await one.signed_in()
        assert (await one.signed_in(iss=one.provider.issuer))["sub"] == "subject-7"

    visited(visit)


def test_a_key_that_is_new_is_fetched_once() -> None:
    """The provider changed its keys since they were asked for."""

    async def visit(one: Visit) -> None:
        await one.signed_in()
        one.provider.published = [jwk(EC_KEY, "two"), jwk(OTHER_KEY, "three")]
        one.provider.header = {"key": EC_KEY, "alg": "ES256", "kid": "two"}
        await one.signed_in()
        one.provider.header = {"key": OTHER_KEY, "alg": "PS256", "kid": "three"}
        await one.signed_in()

        assert one.provider.asked[KEYS] == 2

    visited(visit)


def test_a_key_that_is_nowhere_is_looked_for_once_and_refused() -> None:
    async def visit(one: Visit) -> None:
        await one.signed_in()
        one.provider.header = {"key": OTHER_KEY, "kid": "two"}
        with pytest.raises(SignInRefused, match="does not publish"):
            await one.signed_in()
        assert one.provider.asked[KEYS] == 2

    visited(visit)


def test_a_key_that_was_taken_back_is_good_for_an_hour() -> None:
    """Its document is read anew as well."""

    async def visit(one: Visit) -> None:
        await one.signed_in()
        one.provider.published = [jwk(OTHER_KEY, "one")]
        one.clock.advance(KNOWN_S - 1)
        await one.signed_in()
        one.clock.advance(2)
        with pytest.raises(SignInRefused, match="BadSignatureError"):
            await one.signed_in()
        assert one.provider.asked[DOCUMENT] == one.provider.asked[KEYS] == 2

    visited(visit)


@pytest.mark.parametrize(
    ("claims", "header", "said"),
    [
        ({"nonce": "another"}, {}, "nonce"),
        ({"aud": "another"}, {}, "aud"),
        ({"iss": "https://another.example.net"}, {}, "iss"),
        ({"exp": 1}, {}, "exp"),
        ({}, {"alg": "none"}, "UnsupportedAlgorithmError"),
        ({}, {"key": OTHER_KEY}, "BadSignatureError"),
    ],
)
def test_what_its_token_must_say_is_what_was_asked_for(claims: Any, header: Any, said: str) -> None:
    """Each rule has a test of its own beside this one; here it is the issuer, client and nonce of the sign-in."""

    async def visit(one: Visit) -> None:
        one.provider.claims, one.provider.header = claims, header
        with pytest.raises(SignInRefused, match=said):
            await one.signed_in()

    visited(visit)


def test_claims_that_the_token_lacks_are_asked_for() -> None:
    """Many providers put groups there alone. What the token says counts before it."""

    async def visit(one: Visit) -> None:
        one.provider.claims = {"groups": None}
        one.provider.told = {"sub": "subject-7", "groups": ["admins"], "preferred_username": "eve"}
        claims = await one.signed_in()
        assert (claims["groups"], claims["preferred_username"]) == (["admins"], "ada")

        one.provider.told |= {"sub": "subject-8"}
        with pytest.raises(SignInRefused, match="somebody else"):
            await one.signed_in()

        one.provider.claims = {}
        assert (await one.signed_in())["groups"] == ["staff", "ops"]
        assert one.provider.asked["/userinfo"] == 2

    visited(visit)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"issuer": "https://another.example.net"}, "another issuer"),
        ({"token_endpoint": "http://192.0.2.1/token"}, "not https"),
        ({"jwks_uri": "http://example.net/keys"}, "not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not https"),
        ({"userinfo_endpoint": "http://example.net/me"}, "not https"),
        ({"token_endpoint": None}, "none of OpenID Connect"),
        ({"jwks_uri": 7}, "none of OpenID Connect"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client_secret_basic"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs by none of RS256"),
    ],
)
def test_a_provider_that_cannot_be_used_is_said_before_anybody_is_sent_there(document: Any, said: str) -> None:
    async def visit(one: Visit) -> None:
        one.provider.document = document
        with pytest.raises(ProviderAway, match=said):
            await one.asked.way_in(Flow())

    visited(visit)


@pytest.mark.parametrize("path", [DOCUMENT, KEYS, TOKEN])
@pytest.mark.parametrize("lie", ["away", "moved", "oversize"])
def test_whatever_part_of_it_is_away_it_is_said_and_comes_back_by_itself(path: str, lie: str) -> None:
    async def visit(one: Visit) -> None:
        setattr(one.provider, lie, path)
        with pytest.raises(ProviderAway):
            await one.signed_in()
        setattr(one.provider, lie, "-")
        one.clock.advance(AWAY_S + 1)
        assert (await one.signed_in())["sub"] == "subject-7"

    visited(visit)


def test_who_was_away_a_moment_ago_is_not_asked_again_and_a_crowd_asks_once() -> None:
    """Whoever presses again does not make it worse."""

    async def visit(one: Visit) -> None:
        one.provider.away = DOCUMENT
        found = await asyncio.gather(*(one.asked.way_in(Flow()) for _ in range(20)), return_exceptions=True)
        assert {type(one) for one in found} == {ProviderAway}
        assert one.provider.asked[DOCUMENT] == 1
        one.provider.away = "-"
        one.clock.advance(AWAY_S + 1)
        await asyncio.gather(*(one.signed_in() for _ in range(20)))
        assert (one.provider.asked[DOCUMENT], one.provider.asked[KEYS]) == (2, 1)

    visited(visit)


def test_what_did_not_do_is_asked_for_once_by_all_who_have_it() -> None:
    """And not again by whoever comes later with the old one."""
    answers = iter("abc")

    async def ask() -> str:
        return next(answers)

    async def run() -> list[str]:
        known = Known(ask, lambda: 0.0)
        old = await known.get()
        return [old, *await asyncio.gather(*(known.get(unlike=old) for _ in range(3))), await known.get()]

    assert asyncio.run(run()) == ["a", "b", "b", "b", "b"]
