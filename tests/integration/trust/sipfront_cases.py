"""The cases of Sipfront's STIR/SHAKEN suite (github.com/agranig/stirshaken-scenarios), in words of our own.

Each is an INVITE for the call of `tests.streams.trust.signed_calls`, signed by an authority of the tests' own. Beside
what we find stands what the suite wants a switch to answer. Where that is another code, ours is the one of RFC 8224
section 6.2.2 and RFC 8588: 438 for claims that cannot be used, 437 for a certificate, 436 for one that cannot be had.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from typing import Any
from uuid import uuid4

from detector.trust.verdict import Cause
from tests.detector.trust.authority import (
    CALLED,
    CALLING,
    Owner,
    base64url,
    claims,
    encoded,
    header,
    issue,
    spc,
    tn_auth_list,
)
from tests.streams.trust.signed_calls import DAYS, live_provider, live_root, now_ms

NEVER = 420
"""What the suite has no status for: the call goes on."""
LATE = "late.pem"
"""At this address nobody answers in time."""
OTHER = "12025550777"


@dataclass(frozen=True)
class Case:
    """A call of the suite.

    Attributes:
        lines: header lines of its INVITE, given where certificates are.
        cause: what we find; None where nobody signed.
        theirs: status that the suite wants; `NEVER` where it wants the call to go on.
    """

    lines: Callable[[str], tuple[str, ...]]
    cause: Cause | None
    theirs: int = 438


def claims_now(**changes: Any) -> dict[str, Any]:
    """Claims of a token of this second, which no other call has; None leaves one out."""
    return claims(**({"iat": now_s(), "origid": str(uuid4())} | changes))


def now_s() -> int:
    """Epoch seconds."""
    return now_ms() // 1_000


def with_claims(**changes: Any) -> Callable[[str], tuple[str, ...]]:
    """A lawful signer's token with other claims; a value that is called is called when the token is made."""

    def lines(place: str) -> tuple[str, ...]:
        made = {name: value() if callable(value) else value for name, value in changes.items()}
        return (identity(place, live_provider().sign(claims_now(**made), x5u=f"{place}/shaken.pem")),)

    return lines


def with_certificate(name: str, owner: Owner | None = None) -> Callable[[str], tuple[str, ...]]:
    """A lawful token by somebody whose certificate is said to be at another address."""
    return lambda place: (
        identity(place, (owner or live_provider()).sign(claims_now(), x5u=f"{place}/{name}"), name=name),
    )


def with_parameters(**parameters: str | None) -> Callable[[str], tuple[str, ...]]:
    """A lawful token with other parameters around it; None leaves one out."""
    return lambda place: (identity(place, lawful(place), "shaken.pem", **parameters),)


def with_x5u(x5u: str, *, is_in_info: bool = True) -> Callable[[str], tuple[str, ...]]:
    """A token that names another address."""
    return lambda place: (
        "Identity: "
        + header(live_provider().sign(claims_now(), x5u=x5u), info=x5u if is_in_info else f"{place}/shaken.pem"),
    )


def lawful(place: str, **changes: Any) -> str:
    """A token that passes."""
    return live_provider().sign(claims_now(**changes), x5u=f"{place}/shaken.pem")


def identity(place: str, token: str, name: str = "shaken.pem", **parameters: str | None) -> str:
    """A header line around a token."""
    return "Identity: " + header(token, **({"info": f"{place}/{name}"} | parameters))


def tampered(place: str) -> tuple[str, ...]:
    """A token's claims under the signature of others."""
    head, _, signature = lawful(place).split(".")
    return (identity(place, f"{head}.{encoded(claims_now(attest='B'))}.{signature}"),)


def no_json(place: str) -> tuple[str, ...]:
    """What is signed is no JSON."""
    return (identity(place, live_provider().sign("a" * 16, x5u=f"{place}/shaken.pem")),)


def lawful_line(place: str) -> tuple[str, ...]:
    """A header that passes."""
    return (identity(place, lawful(place)),)


@cache
def signer(name: str) -> Owner:
    """A provider whose certificate is not in order."""
    issuer, days = live_root(), DAYS
    if name == "expired.pem":
        days = (-4_000, -3_000)
    elif name == "future.pem":
        days = (3_000, 4_000)
    elif name == "untrusted.pem":
        issuer = issue("Nobody's authority", None, is_authority=True, days=DAYS)
    return issue(f"SHAKEN 123A {name}", issuer, tn_auth_list(spc("123A")), days=days)


def served() -> Mapping[str, bytes]:
    """What stands at the addresses, by path."""
    odd = {f"/{name}": signer(name).pem for name in ("expired.pem", "future.pem", "untrusted.pem")}
    return {"/shaken.pem": live_provider().pem, "/garbage.pem": b"a" * 4_096, "/empty.pem": b"", **odd}


LONG = "a" * 256
CASES: dict[str, Case] = {
    "000 valid": Case(lawful_line, Cause.PASSED, NEVER),
    "001 valid, with a Date": Case(
        lambda place: (*lawful_line(place), f"Date: {formatdate(now_s(), usegmt=True)}"), Cause.PASSED, NEVER
    ),
    "010 garbage for a token": Case(
        lambda place: (identity(place, f"{'a' * 32}.{'b' * 39}.{'c' * 29}"),), Cause.IDENTITY_MALFORMED
    ),
    "011 claims of another token": Case(tampered, Cause.SIGNATURE_INVALID),
    "015 claims that are no JSON": Case(no_json, Cause.IDENTITY_MALFORMED),
    "016 no info": Case(with_parameters(info=None), Cause.INFO_INVALID),
    # 017: the suite skips it. RFC 8224 section 4: alg is optional.
    "017 no alg": Case(with_parameters(alg=None), Cause.PASSED),
    "018 another alg": Case(with_parameters(alg="HS256"), Cause.ALGORITHM_UNSUPPORTED),
    "019 no ppt": Case(with_parameters(ppt=None), Cause.PPT_MISMATCH),
    "020 another ppt": Case(with_parameters(ppt="foobar"), Cause.PPT_MISMATCH),
    "100 iat of the epoch": Case(with_claims(iat=0), Cause.STALE, 403),
    "101 no iat": Case(with_claims(iat=None), Cause.CLAIMS_MALFORMED, 403),
    "102 iat in the past": Case(with_claims(iat=lambda: now_s() - 86_400), Cause.STALE, 403),
    "103 iat in the future": Case(with_claims(iat=lambda: now_s() + 86_400), Cause.FUTURE, 403),
    "104 iat far in the future": Case(with_claims(iat=2**33), Cause.FUTURE, 403),
    "105 iat that is no number": Case(with_claims(iat="a" * 17), Cause.CLAIMS_MALFORMED, 403),
    "106 iat below zero": Case(with_claims(iat=lambda: -now_s()), Cause.STALE, 403),
    "200 certificate expired": Case(with_certificate("expired.pem", signer("expired.pem")), Cause.CERTIFICATE_EXPIRED),
    "201 certificate not yet valid": Case(
        with_certificate("future.pem", signer("future.pem")), Cause.CERTIFICATE_NOT_YET_VALID
    ),
    "204 certificate of a stranger": Case(
        with_certificate("untrusted.pem", signer("untrusted.pem")), Cause.CERTIFICATE_UNTRUSTED
    ),
    "205 garbage for a certificate": Case(with_certificate("garbage.pem"), Cause.CERTIFICATE_MALFORMED),
    "206 an empty certificate": Case(with_certificate("empty.pem"), Cause.CERTIFICATE_MALFORMED),
    "207 no certificate there": Case(with_certificate("nobody.pem"), Cause.CERTIFICATE_UNAVAILABLE),
    # The suite serves plain http and takes any port. ATIS-1000074 wants https, and 443 or 8443: ours is at the latter.
    "208 a port of its own": Case(with_x5u("https://127.0.0.1:8080/shaken.pem"), Cause.INFO_INVALID, NEVER),
    "209 nobody answers": Case(with_certificate(LATE), Cause.NOT_CHECKED, NEVER),
    "300 no orig, no dest": Case(with_claims(orig=None, dest=None), Cause.CLAIMS_MALFORMED, 403),
    "301 no orig": Case(with_claims(orig=None), Cause.CLAIMS_MALFORMED, 403),
    "302 no dest": Case(with_claims(dest=None), Cause.CLAIMS_MALFORMED, 403),
    "303 another caller": Case(with_claims(orig={"tn": OTHER}), Cause.ORIG_MISMATCH, 403),
    "304 another destination": Case(with_claims(dest={"tn": [OTHER]}), Cause.DEST_MISMATCH, 403),
    "305 an empty caller": Case(with_claims(orig={"tn": ""}), Cause.CLAIMS_MALFORMED, 403),
    "306 an empty destination": Case(with_claims(dest={"tn": [""]}), Cause.CLAIMS_MALFORMED, 403),
    "307 a caller that is no number": Case(with_claims(orig={"tn": LONG}), Cause.CLAIMS_MALFORMED),
    "308 a destination that is no number": Case(with_claims(dest={"tn": [LONG]}), Cause.CLAIMS_MALFORMED),
    "400 no attest": Case(with_claims(attest=None), Cause.CLAIMS_MALFORMED),
    "401 an empty attest": Case(with_claims(attest=""), Cause.CLAIMS_MALFORMED),
    "402 attest X": Case(with_claims(attest="X"), Cause.CLAIMS_MALFORMED),
    "403 garbage for attest": Case(with_claims(attest=LONG), Cause.CLAIMS_MALFORMED),
    # The suite has these two without a script; its scenarios let the call go on.
    "501 an empty x5u": Case(with_x5u("", is_in_info=False), Cause.INFO_INVALID, NEVER),
    "502 garbage for x5u": Case(with_x5u("a" * 64), Cause.INFO_INVALID, NEVER),
}
OURS: dict[str, Case] = {
    "no header": Case(lambda _: (), None, 428),
    "a stranger's key": Case(with_certificate("shaken.pem", signer("untrusted.pem")), Cause.SIGNATURE_INVALID),
    "another address in info": Case(
        lambda place: (identity(place, lawful(place), name="other.pem"),), Cause.INFO_MISMATCH
    ),
    "an unknown extension": Case(
        lambda place: (
            identity(place, live_provider().sign(claims_now(), x5u=f"{place}/shaken.pem", ppt="mky"), ppt="mky"),
        ),
        Cause.PPT_UNSUPPORTED,
    ),
    "the name in short": Case(
        lambda place: tuple(line.replace("Identity:", "y:") for line in lawful_line(place)), Cause.PASSED, NEVER
    ),
    "junk in front of a good one": Case(
        lambda place: (identity(place, "a.b.c"), *with_certificate("nobody.pem")(place), *lawful_line(place)),
        Cause.PASSED,
        NEVER,
    ),
    "two in one line": Case(
        lambda place: (identity(place, "a.b.c") + "," + lawful_line(place)[0].removeprefix("Identity: "),),
        Cause.PASSED,
        NEVER,
    ),
    "numbers exchanged": Case(with_claims(orig={"tn": CALLED}, dest={"tn": [CALLING]}), Cause.ORIG_MISMATCH, 403),
    "a token in the short form": Case(
        lambda place: (identity(place, f"..{base64url(bytes(64))}"),), Cause.COMPACT_UNSUPPORTED
    ),
}
"""What RFC 8224 has besides."""
