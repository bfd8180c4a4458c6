"""Calls of now, signed by a provider of the tests' own; what a verifier needs to trust it, as settings."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from streams.trust.settings import TrustSettings
from streams.trust.verifier import Verifying, make_verifying
from tests.detector.trust.authority import CALLED, CALLING, Owner, claims, header, issue, spc, tn_auth_list
from tests.streams.trust.https_server import LOOPBACK, PORT, Answer, Server, authority_pem, serving

DAYS = (-2_000, 2_000)


@cache
def live_root() -> Owner:
    """An authority that is valid today."""
    return issue("Authority of today", None, is_authority=True, days=DAYS)


@cache
def live_provider() -> Owner:
    """A provider that it issued to."""
    return issue("SHAKEN 123A of today", live_root(), tn_auth_list(spc("123A")), days=DAYS)


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def signed_now(url: str, *, owner: Owner | None = None, **changes: Any) -> str:
    """An Identity header of this second for the call of `setup`, its certificate at this address."""
    return signed_at(now_ms(), url, owner=owner, **changes)


def signed_at(at_ms: int, url: str, *, owner: Owner | None = None, **changes: Any) -> str:
    """The same of another instant, epoch milliseconds."""
    token = (owner or live_provider()).sign(claims(iat=at_ms // 1_000, **changes), x5u=url)
    return header(token, info=url)


def setup(call_id: str, *identities: str, **more: Any) -> dict[str, Any]:
    """A set-up of now with these headers."""
    return {
        "type": "call_setup",
        "call_id": call_id,
        "setup_time_ms": now_ms(),
        "calling_number": f"+{CALLING}",
        "called_number": f"+{CALLED}",
        "trunk_group_id": "t-1",
        "switch_id": "sbc-1",
        "identity": list(identities),
    } | more


def trusting(folder: Path) -> dict[str, str]:
    """Settings of a verifier that trusts the authority, and fetches from servers of `https_server`."""
    (folder / "anchors.pem").write_bytes(live_root().certificate.public_bytes(Encoding.PEM))
    (folder / "servers.pem").write_bytes(authority_pem())
    return {
        "anchors_url": str(folder / "anchors.pem"),
        "state_url": str(folder / "state"),
        "cache_url": str(folder / "cache"),
        "tls_cafile": str(folder / "servers.pem"),
        "allowed_networks": LOOPBACK[0],
    }


def trust_settings(folder: Path) -> TrustSettings:
    """The same, read."""
    return TrustSettings.load(**trusting(folder))


def trust_environment(folder: Path) -> dict[str, str]:
    """The same as variables of a process."""
    return {f"ROBOCALL_TRUST_{name.upper()}": value for name, value in trusting(folder).items()}


def url_at(server: Server, name: str = "shaken.pem") -> str:
    """An address of a server that every process finds."""
    return f"https://{server.address}:{PORT}/{name}"


@asynccontextmanager
async def verifying(folder: Path, answer: Answer) -> AsyncIterator[tuple[Server, Verifying]]:
    """A certificate server, and the parts of a verifier that may ask it."""
    async with serving(answer) as server:
        yield server, make_verifying(trust_settings(folder))
