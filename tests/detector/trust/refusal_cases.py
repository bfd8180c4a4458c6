"""Calls that must not pass, signed by the tests' own authority and broken in one way, with the cause to be found."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from detector.trust.parties import Parties
from detector.trust.revocation import Revocations
from detector.trust.verdict import Cause, Refused
from detector.trust.verify import Trust
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    CALL,
    CALLED,
    CALLING,
    FORWARDED,
    X5U,
    Owner,
    base64url,
    base_claims,
    canonical,
    claims,
    constraints,
    delegate,
    encoded,
    header,
    identity,
    issue,
    key_of,
    key_usage,
    number,
    number_range,
    provider,
    provider_authority,
    root,
    spc,
    tlv,
    tn_auth_list,
    trust,
)

OTHER = "12025550777"


@dataclass(frozen=True)
class Case:
    """A call that must not pass."""

    identities: tuple[str, ...]
    using: Trust = field(default_factory=trust)
    call: Parties = CALL
    at_ms: int = AT_MS


PROTECTED = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U}


@cache
def lawful() -> str:
    """A token that passes where its header is in order."""
    return provider().sign(claims())


def of_token(protected: dict[str, Any], body: str, sign: Callable[[bytes], bytes]) -> Case:
    """A token whose header and claims are written as given."""
    signed = f"{base64url(json.dumps(protected).encode())}.{base64url(body.encode())}"
    return Case((header(f"{signed}.{base64url(sign(signed.encode()))}"),))


def of_header(**changes: Any) -> Case:
    """A token whose own header is changed, and the parameters around it with it."""
    ppt = changes.get("ppt", "shaken")
    return Case((header(provider().sign(claims(), **changes), ppt=ppt if isinstance(ppt, str) else None),))


def of_claims(**changes: Any) -> Case:
    """A shaken token with other claims."""
    return Case((identity(**changes),))


def of_owner(owner: Owner, ppt: str | None = "shaken", **changes: Any) -> Case:
    """A lawful token by somebody else, whose chain is at hand."""
    return Case((identity(owner, ppt, **changes),), trust(owner.chain()))


def leaf(*extensions: x509.ExtensionType, issuer: Owner | None = None, **changes: Any) -> Owner:
    """A provider whose certificate breaks a rule."""
    return issue("SHAKEN 666X", issuer or root(), *(extensions or (tn_auth_list(spc("666X")),)), **changes)


def forged(owner: Owner, token: str) -> Case:
    """The claims of somebody's token with a signature by somebody else."""
    head, body, _ = token.split(".")
    return Case((header(f"{head}.{body}.{base64url(owner.signature(f'{head}.{body}'.encode()))}"),))


def hs256() -> Case:
    """The oldest trick: the public key is the secret of an HMAC."""
    public = key_of("SHAKEN 123A").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    case = of_token(
        PROTECTED | {"alg": "HS256"}, canonical(claims()), lambda signed: hmac.digest(public, signed, hashlib.sha256)
    )
    return Case((case.identities[0].replace("alg=ES256", "alg=HS256"),))


def revoked() -> Case:
    """Listed by the policy administrator under its issuer's name."""
    one = provider().chain().leaf
    return Case((identity(),), trust(revocations=Revocations(frozenset({(one.issuer, one.serial)}), None)))


def tampered(**changes: Any) -> Case:
    """Claims changed after they were signed."""
    head, _, signature = provider().sign(claims()).split(".")
    return Case((header(f"{head}.{encoded(claims(**changes))}.{signature}"),))


def reordered() -> Case:
    """The same claims in another order, under the old signature."""
    head, _, signature = provider().sign(claims()).split(".")
    body = json.dumps(dict(reversed(claims().items())), separators=(",", ":"))
    return Case((header(f"{head}.{base64url(body.encode())}.{signature}"),))


def diverted(*hops: dict[str, Any], first: dict[str, Any] | None = None, target: str = FORWARDED) -> Case:
    """A forwarded call; each hop changes claims of a div token from the called number to where it goes."""
    whole = [base_claims(**({"dest": {"tn": [FORWARDED]}, "div": {"tn": CALLED}} | hop)) for hop in hops]
    divs = [header(provider().sign(one, ppt="div"), ppt="div") for one in whole]
    call = Parties(calling=frozenset({CALLING}), called=target, target=target)
    return Case((identity(**(first or {})), *divs), call=call)


SHORT = "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln"
HEADERS: dict[str, tuple[Callable[[], Case], Cause]] = {
    "no header": (lambda: Case(()), Cause.NO_IDENTITY),
    "an empty header": (lambda: Case(("",)), Cause.IDENTITY_MALFORMED),
    "spaces": (lambda: Case(("   ",)), Cause.IDENTITY_MALFORMED),
    "two parts": (lambda: Case((header("a.b"),)), Cause.IDENTITY_MALFORMED),
    "four parts": (lambda: Case((header("a.b.c.d"),)), Cause.IDENTITY_MALFORMED),
    "no signature": (lambda: Case((header(lawful().rpartition(".")[0] + "."),)), Cause.IDENTITY_MALFORMED),
    "no claims": (lambda: Case((header("e30..c2ln"),)), Cause.IDENTITY_MALFORMED),
    "truncated": (lambda: Case((identity()[:300],)), Cause.IDENTITY_MALFORMED),
    "truncated in the signature": (
        lambda: Case((header(lawful()[:-2]),)), Cause.SIGNATURE_INVALID,
    ),
    "padding": (lambda: Case((header(lawful() + "=="),)), Cause.IDENTITY_MALFORMED),
    "ordinary base64": (lambda: Case((header("a+b/.a.a"),)), Cause.IDENTITY_MALFORMED),
    "bits behind the end": (lambda: Case((header(SHORT[:-1] + "p"),)), Cause.IDENTITY_MALFORMED),
    "no JSON": (lambda: Case((header(f"{base64url(b'{')}.e30.c2ln"),)), Cause.IDENTITY_MALFORMED),
    "a list": (lambda: Case((header(f"{base64url(b'[]')}.e30.c2ln"),)), Cause.IDENTITY_MALFORMED),
    "no UTF-8": (lambda: Case((header(f"{base64url(bytes([255]))}.e30.c2ln"),)), Cause.IDENTITY_MALFORMED),
    "nested deep": (lambda: Case((header(f"{base64url(b'[' * 5_000)}.e30.c2ln"),)), Cause.IDENTITY_MALFORMED),
    "huge": (lambda: Case((identity(extra="x" * 8_192),)), Cause.IDENTITY_TOO_LARGE),
    "many": (lambda: Case((identity(),) * 17), Cause.TOO_MANY_IDENTITIES),
    "many in one": (lambda: Case((",".join([SHORT] * 17),)), Cause.TOO_MANY_IDENTITIES),
    "a parameter twice": (lambda: Case((identity() + ";ppt=shaken",)), Cause.IDENTITY_MALFORMED),
    "something behind": (lambda: Case((identity() + " etc",)), Cause.IDENTITY_MALFORMED),
    "a line break": (lambda: Case((identity() + "\r\nVia: x",)), Cause.IDENTITY_MALFORMED),
    "no info": (lambda: Case((header(lawful(), info=None),)), Cause.INFO_INVALID),
    "another info": (lambda: Case((header(lawful(), info=X5U + "x"),)), Cause.INFO_MISMATCH),
    "no ppt around": (lambda: Case((header(lawful(), ppt=None),)), Cause.PPT_MISMATCH),
    "another ppt around": (lambda: Case((header(lawful(), ppt="div"),)), Cause.PPT_MISMATCH),
    "another alg around": (lambda: Case((header(lawful(), alg="RS256"),)), Cause.ALGORITHM_UNSUPPORTED),
    "compact shaken": (
        lambda: Case((header(".." + lawful().split(".")[2]),)), Cause.COMPACT_UNSUPPORTED,
    ),
}  # fmt: skip
TOKENS: dict[str, tuple[Callable[[], Case], Cause]] = {
    "alg none": (
        lambda: of_token(PROTECTED | {"alg": "none"}, canonical(claims()), lambda _: b"x"),
        Cause.ALGORITHM_UNSUPPORTED,
    ),
    "HS256 with the public key": (hs256, Cause.ALGORITHM_UNSUPPORTED),
    "HS256 in the token alone": (lambda: of_header(alg="HS256"), Cause.ALGORITHM_UNSUPPORTED),
    "no alg": (lambda: of_header(alg=None), Cause.ALGORITHM_UNSUPPORTED),
    "es256 in small letters": (lambda: of_header(alg="es256"), Cause.ALGORITHM_UNSUPPORTED),
    "another type": (lambda: of_header(typ="JWT"), Cause.IDENTITY_MALFORMED),
    "a demand that is unknown": (lambda: of_header(crit=["b64"], b64=False), Cause.IDENTITY_MALFORMED),
    "a key named twice": (
        lambda: of_token(
            PROTECTED,
            canonical(claims())[:-1] + ',"attest":"A"}',
            provider().signature,
        ),
        Cause.IDENTITY_MALFORMED,
    ),
    "no ppt, claims of shaken": (lambda: of_header(ppt=None), Cause.PPT_MISMATCH),
    "an unknown ppt": (lambda: of_header(ppt="mky"), Cause.PPT_UNSUPPORTED),
    "ppt that is no text": (lambda: of_header(ppt=["shaken"]), Cause.PPT_UNSUPPORTED),
    "no x5u": (lambda: of_header(x5u=None), Cause.INFO_INVALID),
    "x5u that is no text": (lambda: of_header(x5u=1), Cause.INFO_INVALID),
    "plain http": (lambda: of_header(x5u=X5U.replace("https", "http")), Cause.INFO_INVALID),
    "another address": (lambda: of_header(x5u=X5U + "x"), Cause.INFO_MISMATCH),
    "another signer": (lambda: forged(delegate(), provider().sign(claims())), Cause.SIGNATURE_INVALID),
    "a signature of zeros": (
        lambda: of_token(PROTECTED, canonical(claims()), lambda _: bytes(64)),
        Cause.SIGNATURE_INVALID,
    ),
    "a signature in DER": (
        lambda: of_token(PROTECTED, canonical(claims()), lambda _: tlv(0x30)),
        Cause.SIGNATURE_INVALID,
    ),
    "signed by SHA-384": (
        lambda: of_token(
            PROTECTED, canonical(claims()),
            lambda signed: provider().signature(signed, SHA384()),
        ),
        Cause.SIGNATURE_INVALID,
    ),
    "attestation raised": (lambda: tampered(attest="B"), Cause.SIGNATURE_INVALID),
    "caller changed": (lambda: tampered(orig={"tn": OTHER}), Cause.SIGNATURE_INVALID),
    "made fresh again": (lambda: tampered(iat=AT_S + 1), Cause.SIGNATURE_INVALID),
    "claims in another order": (reordered, Cause.SIGNATURE_INVALID),
}  # fmt: skip
CLAIMS: dict[str, tuple[Callable[[], Case], Cause]] = {
    "no orig": (lambda: of_claims(orig=None), Cause.CLAIMS_MALFORMED),
    "no dest": (lambda: of_claims(dest=None), Cause.CLAIMS_MALFORMED),
    "no iat": (lambda: of_claims(iat=None), Cause.CLAIMS_MALFORMED),
    "no attest": (lambda: of_claims(attest=None), Cause.CLAIMS_MALFORMED),
    "no origid": (lambda: of_claims(origid=None), Cause.CLAIMS_MALFORMED),
    "attest D": (lambda: of_claims(attest="D"), Cause.CLAIMS_MALFORMED),
    "attest in a list": (lambda: of_claims(attest=["A"]), Cause.CLAIMS_MALFORMED),
    "origid that is a number": (lambda: of_claims(origid=7), Cause.CLAIMS_MALFORMED),
    "origid that is long": (lambda: of_claims(origid="x" * 257), Cause.CLAIMS_MALFORMED),
    "origid with a line break": (lambda: of_claims(origid="a\nb"), Cause.CLAIMS_MALFORMED),
    "iat as text": (lambda: of_claims(iat=str(AT_S)), Cause.CLAIMS_MALFORMED),
    "iat with a fraction": (lambda: of_claims(iat=AT_S + 0.5), Cause.CLAIMS_MALFORMED),
    "iat that is true": (lambda: of_claims(iat=True), Cause.CLAIMS_MALFORMED),
    "plus in the caller": (lambda: of_claims(orig={"tn": "+" + CALLING}), Cause.CLAIMS_MALFORMED),
    "plus in the called": (lambda: of_claims(dest={"tn": ["+" + CALLED]}), Cause.CLAIMS_MALFORMED),
    "separators in a number": (lambda: of_claims(orig={"tn": "1-202-555-0101"}), Cause.CLAIMS_MALFORMED),
    "an empty number": (lambda: of_claims(orig={"tn": ""}), Cause.CLAIMS_MALFORMED),
    "digits of another script": (lambda: of_claims(orig={"tn": "\u0661\u0662"}), Cause.CLAIMS_MALFORMED),
    "a number and an address": (lambda: of_claims(orig={"tn": CALLING, "uri": "sip:a@b"}), Cause.CLAIMS_MALFORMED),
    "callers in a list": (lambda: of_claims(orig={"tn": [CALLING]}), Cause.CLAIMS_MALFORMED),
    "called number as text": (lambda: of_claims(dest={"tn": CALLED}), Cause.CLAIMS_MALFORMED),
    "nobody called": (lambda: of_claims(dest={"tn": []}), Cause.CLAIMS_MALFORMED),
    "called numbers that are numbers": (lambda: of_claims(dest={"tn": [int(CALLED)]}), Cause.CLAIMS_MALFORMED),
    "many called": (lambda: of_claims(dest={"tn": [str(n) for n in range(65)]}), Cause.CLAIMS_MALFORMED),
    "orig inside a text": (lambda: of_claims(orig='{"tn":"12025550101"}'), Cause.CLAIMS_MALFORMED),
    "another caller": (lambda: of_claims(orig={"tn": OTHER}), Cause.ORIG_MISMATCH),
    "another called number": (lambda: of_claims(dest={"tn": [OTHER]}), Cause.DEST_MISMATCH),
    "sides exchanged": (lambda: of_claims(orig={"tn": CALLED}, dest={"tn": [CALLING]}), Cause.ORIG_MISMATCH),
    "a caller one digit longer": (lambda: of_claims(orig={"tn": CALLING + "0"}), Cause.ORIG_MISMATCH),
    "From, where there is P-Asserted-Identity": (
        lambda: Case((identity(),), call=Parties(calling=frozenset({OTHER}), called=CALLED, target=CALLED)),
        Cause.ORIG_MISMATCH,
    ),
    "stale": (lambda: of_claims(iat=AT_S - 61), Cause.STALE),
    "of last year": (lambda: of_claims(iat=AT_S - 31_536_000), Cause.STALE),
    "of the epoch": (lambda: of_claims(iat=0), Cause.STALE),
    "of before it": (lambda: of_claims(iat=-AT_S), Cause.STALE),
    "in the future": (lambda: of_claims(iat=AT_S + 61), Cause.FUTURE),
    "in milliseconds": (lambda: of_claims(iat=AT_MS), Cause.FUTURE),
    "never": (lambda: of_claims(iat=10**400), Cause.FUTURE),
}
CERTIFICATES: dict[str, tuple[Callable[[], Case], Cause]] = {
    "not at hand": (lambda: Case((identity(),), trust(chains={})), Cause.CERTIFICATE_UNAVAILABLE),
    "no certificate there": (
        lambda: Case((identity(),), trust(Refused(Cause.CERTIFICATE_MALFORMED, "a web page"))),
        Cause.CERTIFICATE_MALFORMED,
    ),
    "expired": (lambda: of_owner(leaf(days=(-30, -1))), Cause.CERTIFICATE_EXPIRED),
    "not yet valid": (lambda: of_owner(leaf(days=(1, 30))), Cause.CERTIFICATE_NOT_YET_VALID),
    "authority expired": (
        lambda: of_owner(leaf(issuer=issue("Old", root(), is_authority=True, days=(-30, -1)))),
        Cause.CERTIFICATE_EXPIRED,
    ),
    "untrusted": (lambda: of_owner(leaf(issuer=issue("Nobody", None, is_authority=True))), Cause.CERTIFICATE_UNTRUSTED),
    "untrusted, by the name of who is trusted": (
        lambda: of_owner(leaf(issuer=issue("Nobody", None, is_authority=True), issuer_name="Authority")),
        Cause.CERTIFICATE_UNTRUSTED,
    ),
    "signed by itself": (lambda: of_owner(issue("Self", None, tn_auth_list(spc("666X")))), Cause.CERTIFICATE_UNTRUSTED),
    "issued by another provider": (lambda: of_owner(leaf(issuer=provider())), Cause.CERTIFICATE_UNTRUSTED),
    "below too short a path": (
        lambda: of_owner(
            leaf(issuer=issue("Lower", issue("Upper", root(), is_authority=True, path_length=0), is_authority=True))
        ),
        Cause.CERTIFICATE_UNTRUSTED,
    ),
    "the authority in between is missing": (
        lambda: Case(
            (identity(owner := leaf(issuer=issue("Between", root(), is_authority=True))),),
            trust(Owner(owner.name, owner.key, owner.certificate).chain()),
        ),
        Cause.CERTIFICATE_UNTRUSTED,
    ),
    "revoked": (revoked, Cause.CERTIFICATE_REVOKED),
    "wrong curve": (lambda: of_owner(leaf(kind="P-384")), Cause.CERTIFICATE_KEY),
    "wrong curve above": (
        lambda: of_owner(leaf(issuer=issue("Other curve", root(), kind="P-384", is_authority=True))),
        Cause.CERTIFICATE_UNTRUSTED,
    ),
    "an RSA authority": (
        lambda: of_owner(leaf(issuer=issue("RSA", root(), kind="RSA", is_authority=True))),
        Cause.CERTIFICATE_UNTRUSTED,
    ),
    "issued by SHA-384": (lambda: of_owner(leaf(hash_algorithm=SHA384())), Cause.CERTIFICATE_UNTRUSTED),
    "no policy": (lambda: of_owner(leaf(policy=None)), Cause.CERTIFICATE_POLICY),
    "another policy": (lambda: of_owner(leaf(policy="2.23.140.1.2.2")), Cause.CERTIFICATE_POLICY),
    "an authority's": (lambda: of_owner(provider_authority()), Cause.CERTIFICATE_USAGE),
    "not for signing": (lambda: of_owner(leaf(usage=key_usage(signs=False))), Cause.CERTIFICATE_USAGE),
    "no TNAuthList": (
        lambda: of_owner(leaf(x509.SubjectAlternativeName([x509.DNSName("example.org")]))), Cause.CERTIFICATE_SCOPE,
    ),
    "two codes": (lambda: of_owner(leaf(tn_auth_list(spc("666X"), spc("667X")))), Cause.CERTIFICATE_SCOPE),
    "a code and numbers": (lambda: of_owner(leaf(tn_auth_list(spc("666X"), number(CALLING)))), Cause.CERTIFICATE_SCOPE),
    "a range for shaken": (lambda: of_owner(delegate()), Cause.CERTIFICATE_SCOPE),
    "a range that nobody delegated": (
        lambda: of_owner(leaf(tn_auth_list(number_range("12025550100", 100))), ppt=None), Cause.CERTIFICATE_SCOPE,
    ),
    "numbers beyond the issuer's": (
        lambda: of_owner(
            leaf(
                tn_auth_list(number_range("12025550100", 101)),
                issuer=issue("Few", root(), tn_auth_list(number_range("12025550100", 100)), is_authority=True),
            ),
            ppt=None,
        ),
        Cause.CERTIFICATE_SCOPE,
    ),
    "another code than the issuer's": (
        lambda: of_owner(leaf(tn_auth_list(spc("999Z")), issuer=provider_authority())), Cause.CERTIFICATE_SCOPE,
    ),
    "a delegate for another's number": (
        lambda: Case(
            (identity(delegate(), None, orig={"tn": OTHER}),), trust(delegate().chain()),
            Parties(calling=frozenset({OTHER}), called=CALLED, target=CALLED),
        ),
        Cause.NUMBER_NOT_COVERED,
    ),
    "a provider without shaken": (lambda: Case((identity(ppt=None),)), Cause.NUMBER_NOT_COVERED),
    "a claim that is not permitted": (
        lambda: of_owner(leaf(tn_auth_list(spc("666X")), constraints(permitted={"attest": ["B", "C"]}))),
        Cause.CLAIMS_NOT_PERMITTED,
    ),
    "a claim that is demanded": (
        lambda: of_owner(leaf(tn_auth_list(spc("666X")), constraints(include=["rcd"]))), Cause.CLAIMS_NOT_PERMITTED,
    ),
    "a claim that is forbidden": (
        lambda: of_owner(leaf(tn_auth_list(spc("666X")), constraints(exclude=["attest"]))), Cause.CLAIMS_NOT_PERMITTED,
    ),
}  # fmt: skip
DIVERSIONS: dict[str, tuple[Callable[[], Case], Cause]] = {
    "forwarded without a signature": (diverted, Cause.DEST_MISMATCH),
    "forwarded by somebody else": (lambda: diverted({"div": {"tn": OTHER}}), Cause.DIVERSION_BROKEN),
    "forwarded elsewhere": (lambda: diverted({}, target=OTHER), Cause.DIVERSION_BROKEN),
    "another caller forwarded": (lambda: diverted({"orig": {"tn": OTHER}}), Cause.DIVERSION_BROKEN),
    "a hop is missing": (
        lambda: diverted({}, {"div": {"tn": OTHER}, "dest": {"tn": ["14155550123"]}}, target="14155550123"),
        Cause.DIVERSION_BROKEN,
    ),
    "forwarded much later": (lambda: diverted({}, first={"iat": AT_S - 61}), Cause.STALE),
    "forwarded long ago": (lambda: diverted({"iat": AT_S - 61}, first={"iat": AT_S - 61}), Cause.STALE),
    "no div in a div": (lambda: diverted({"div": None}), Cause.CLAIMS_MALFORMED),
    "a div of another form": (lambda: diverted({"div": {"tn": [CALLED]}}), Cause.CLAIMS_MALFORMED),
    "nothing inside of div-o": (
        lambda: Case((header(provider().sign(base_claims(div={"tn": CALLED}), ppt="div-o"), ppt="div-o"),)),
        Cause.CLAIMS_MALFORMED,
    ),
    "a forged token inside of div-o": (
        lambda: Case(
            (
                header(
                    provider().sign(base_claims(div={"tn": CALLED}, opt=delegate().sign(claims())), ppt="div-o"),
                    ppt="div-o",
                ),
            )
        ),
        Cause.SIGNATURE_INVALID,
    ),
}
CASES = HEADERS | TOKENS | CLAIMS | CERTIFICATES | DIVERSIONS
