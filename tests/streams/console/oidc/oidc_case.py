"""A provider of OpenID Connect for tests, which lies where it is told to: real keys, real HTTP, made for each test.

Tokens are signed here by `cryptography` itself, not by the library that reads them.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from streams.console.oidc.client import Client, read_client
from streams.console.settings import ConsoleSettings
from streams.web.server import HttpServer

CLIENT_ID, SECRET = "robocall console", "a secret: of & ours"
CONSOLE = "http://127.0.0.1"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def text(raw: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jwk(key: PrivateKey, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half as it is published (RFC 7518 section 6)."""
    named = {} if kid is None else {"kid": kid}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n, 256), "e": _number(numbers.e, 3), **named, **more}
    point = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32), **named, **more}


def token(claims: Mapping[str, Any], key: PrivateKey | bytes = RSA_KEY, alg: str = "RS256", **header: Any) -> str:
    """A token (RFC 7515), signed by RS256, PS256, ES256, HS256 with bytes, or not at all; None takes a header out."""
    head = {name: value for name, value in ({"alg": alg, "kid": "one"} | header).items() if value is not None}
    body = ".".join(text(json.dumps(part).encode()) for part in (head, claims))
    return f"{body}.{text(_signature(body.encode(), key, alg))}"


def good_claims(nonce: str, issuer: str, **more: Any) -> dict[str, Any]:
    """What a provider says of ada."""
    now_s = int(time.time())
    said = {"iss": issuer, "aud": CLIENT_ID, "sub": "subject-7", "exp": now_s + 300, "iat": now_s, "nonce": nonce}
    return said | {"preferred_username": "ada", "groups": ["staff", "ops"]} | more


class Provider:
    """Serves what a provider serves; each attribute may be changed to make it lie.

    Attributes:
        claims: that its tokens have beside, or instead of, the right ones; None takes one out.
        header: likewise of their headers, `alg` and `key` too.
        document: likewise of what it says of itself.
        published: its keys.
        told: what its userinfo endpoint says; without it there is none.
        away: the path where it answers 500.
        oversize: the path where it answers with a megabyte.
        moved: the path where it leads elsewhere.
        asked: how often each path was.
        redeemed: what was sent for codes.
    """

    MOST: ClassVar[int] = 1_000_000

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.published: list[dict[str, Any]] = [jwk(RSA_KEY, "one")]
        self.told: dict[str, Any] | None = None
        self.away = self.oversize = self.moved = "-"
        self.asked: Counter[str] = Counter()
        self.redeemed: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["Provider"]:
        """Listen on loopback."""
        routes = [Route("/{path:path}", self._served, methods=["GET", "POST"])]
        server = HttpServer(Starlette(routes=routes), prefix="PROVIDER_", host="127.0.0.1", port=port)
        await server.start()
        self.issuer = server.listens
        try:
            yield self
        finally:
            await server.stop()

    @property
    def chosen(self) -> dict[str, Any]:
        """Settings of a console that knows it."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SECRET,
            "oidc_console_url": CONSOLE,
            "oidc_roles": "admins=admin; ops=operator; desk=redress",
        }

    def client(self, **more: Any) -> Client:
        """What such a console makes of them."""
        client = read_client(ConsoleSettings.load(**self.chosen | more))
        assert client is not None
        return client

    def signed_in(self, way: str) -> dict[str, str]:
        """What a browser brings back from an address of ours, once somebody signed in there."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(way).query).items()}
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    async def _served(self, request: Request) -> Response:
        path = request.url.path
        self.asked[path] += 1
        if path == self.away:
            return Response(status_code=500)
        if path == self.oversize:
            return Response(b" " * self.MOST, media_type="application/json")
        if path == self.moved:
            return RedirectResponse("/elsewhere")
        if path == "/token":
            return await self._token(request)
        is_told = self.told is not None and request.headers.get("authorization") == "Bearer a-token"
        said: dict[str, Any] = {
            "/.well-known/openid-configuration": self._document(),
            "/keys": {"keys": self.published},
        }
        said |= {"/userinfo": self.told or {}} if is_told else {}
        return JSONResponse(self._without_none(said[path])) if path in said else Response(status_code=404)

    def _document(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=7",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": None if self.told is None else f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
        }
        return said | self.document

    async def _token(self, request: Request) -> Response:
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.redeemed.append(sent | {"authorization": request.headers.get("authorization", "")})
        asked = self.codes.pop(sent["code"], None)
        pair = base64.b64encode(b"robocall%20console:a%20secret%3A%20of%20%26%20ours").decode()
        is_known = request.headers.get("authorization") == f"Basic {pair}" or sent.get("client_secret") == SECRET
        proof = text(hashlib.sha256(sent["code_verifier"].encode()).digest())
        if asked is None or not is_known or proof != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = self._without_none(good_claims(asked["nonce"], self.issuer) | self.claims)
        header: dict[str, Any] = {"key": RSA_KEY, "alg": "RS256"} | self.header
        return JSONResponse({"access_token": "a-token", "token_type": "Bearer", "id_token": token(claims, **header)})

    @staticmethod
    def _without_none(said: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in said.items() if value is not None}


def _number(number: int, size: int) -> str:
    return text(number.to_bytes(size, "big"))


def _signature(body: bytes, key: PrivateKey | bytes, alg: str) -> bytes:
    if alg == "none":
        return b""
    if isinstance(key, bytes):
        return hmac.digest(key, body, "sha256")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        pair = decode_dss_signature(key.sign(body, ec.ECDSA(hashes.SHA256())))
        return b"".join(part.to_bytes(32, "big") for part in pair)
    if alg == "PS256":
        return key.sign(body, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return key.sign(body, padding.PKCS1v15(), hashes.SHA256())
