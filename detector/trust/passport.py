"""PASSporTs read and checked for form (RFC 8225, 8224): algorithm, extension, claims and their types. No certificate.

The full form carries what was signed. The compact form carries the signature alone: header and claims are rebuilt from
the call, which works for tokens without an extension only.
"""

import hashlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from detector.trust.encoding import canonical_json, decode_base64url, decode_object, encode_base64url
from detector.trust.identity_header import IdentityHeader
from detector.trust.parties import Parties, canonical_party
from detector.trust.signatures import ALGORITHM
from detector.trust.verdict import Cause, Refused
from detector.trust.x5u import require_x5u

BASE = ""
SHAKEN, DIV, DIV_O, RCD, RPH = "shaken", "div", "div-o", "rcd", "rph"
EXTENSIONS = frozenset({BASE, SHAKEN, DIV, DIV_O, RCD, RPH})
TYPE = "passport"
MOST_DESTINATIONS = 64
HEADERS_KEPT = 1_024
LONGEST_URI = 256
_NUMBER = re.compile(r"[0-9*#]{1,15}\Z")
_NAMES = frozenset({"tn", "uri"})


class Passport(NamedTuple):
    """A token whose form is right. Whether its signature holds is not known yet.

    Attributes:
        digest: SHA-256 of what the signature is over: the same token, whatever header it came in.
        signature: In base64url.
        x5u: Where the certificate is.
        ppt: Extension; `BASE` without one.
        claims: All of them.
        iat_s: When it was signed, epoch seconds.
        orig: Who calls, canonical.
        dest: Who is called, canonical.
    """

    digest: bytes
    signature: str
    x5u: str
    ppt: str
    claims: dict[str, Any]
    iat_s: int
    orig: str
    dest: frozenset[str]


def read_passport(header: IdentityHeader, call: Parties, at_ms: int, *, is_inner: bool = False) -> Passport:
    """Read the token of an Identity header.

    Args:
        header: The header.
        call: Its call; the compact form is rebuilt from it.
        at_ms: When the call came, epoch milliseconds; stands in for a Date header that is missing.
        is_inner: The token stands in another one (`opt`), so no parameters are around it.

    Raises:
        Refused: a rule of its form is broken.
    """
    if header.alg not in (None, ALGORITHM):
        raise Refused(Cause.ALGORITHM_UNSUPPORTED, "the header names another algorithm than ES256")
    if header.info is None and not is_inner:
        raise Refused(Cause.INFO_INVALID, "the header does not say where the certificate is")
    if header.is_compact:
        protected, claims = _rebuilt(header, call, at_ms)
    else:
        protected, claims = header.protected, decode_object(decode_base64url(header.claims))
    x5u, ppt = _checked(protected)
    if not is_inner:
        _require_agreement(header, x5u, ppt)
    signed = f"{protected}.{encode_base64url(canonical_json(claims)) if header.is_compact else header.claims}".encode()
    digest = hashlib.sha256(signed).digest()
    return Passport(digest, header.signature, x5u, ppt, claims, _issued(claims), _origin(claims), _destinations(claims))


def number_of(claim: Any, what: str) -> str:
    """The one number or address that an object such as `{"tn": "12025550101"}` names, canonical.

    Raises:
        Refused: it names none, several, or in another form than RFC 8225 section 5.2.1 says: a number has no `+`.
    """
    if not isinstance(claim, dict) or len(claim) != 1 or not claim.keys() <= _NAMES:
        raise Refused(Cause.CLAIMS_MALFORMED, f"the claim {what} does not name one number or address")
    ((kind, value),) = claim.items()
    return _party(kind, value, what)


def _rebuilt(header: IdentityHeader, call: Parties, at_ms: int) -> tuple[str, dict[str, Any]]:
    """Header in base64url and claims of the compact form."""
    if header.ppt is not None or len(call.calling) != 1:
        raise Refused(Cause.COMPACT_UNSUPPORTED, "the compact form is read only without extension, of one caller")
    (caller,) = call.calling
    iat_s = call.date_s if call.date_s is not None else at_ms // 1_000
    claims = {"dest": _named(call.called, is_list=True), "iat": iat_s, "orig": _named(caller, is_list=False)}
    return encode_base64url(canonical_json({"alg": ALGORITHM, "typ": TYPE, "x5u": header.info})), claims


def _named(party: str, *, is_list: bool) -> dict[str, Any]:
    kind = "tn" if _NUMBER.match(party) else "uri"
    return {kind: [party] if is_list else party}


@lru_cache(HEADERS_KEPT)
def _checked(written: str) -> tuple[str, str]:
    """Address and extension of a token's header; a signer writes the same one for every call."""
    protected = decode_object(decode_base64url(written))
    if protected.get("alg") != ALGORITHM:
        raise Refused(Cause.ALGORITHM_UNSUPPORTED, "the token names another algorithm than ES256")
    x5u, ppt = protected.get("x5u"), protected.get("ppt", BASE)
    if protected.get("typ") != TYPE or "crit" in protected:
        raise Refused(Cause.IDENTITY_MALFORMED, "the token is no PASSporT, or demands what is unknown")
    if not isinstance(x5u, str):
        raise Refused(Cause.INFO_INVALID, "the token does not say where the certificate is")
    require_x5u(x5u)
    if not isinstance(ppt, str) or ppt not in EXTENSIONS:
        raise Refused(Cause.PPT_UNSUPPORTED, "the token has an extension that is not verified here")
    return x5u, ppt


def _require_agreement(header: IdentityHeader, x5u: str, ppt: str) -> None:
    if header.info != x5u:
        raise Refused(Cause.INFO_MISMATCH, "info and x5u are two addresses")
    if (header.ppt or BASE) != ppt:
        raise Refused(Cause.PPT_MISMATCH, "the header and its token name different extensions")


def _issued(claims: dict[str, Any]) -> int:
    iat = claims.get("iat")
    if type(iat) is not int:
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim iat is no whole number")
    return iat


def _origin(claims: dict[str, Any]) -> str:
    return number_of(claims.get("orig"), "orig")


def _destinations(claims: dict[str, Any]) -> frozenset[str]:
    dest = claims.get("dest")
    if not isinstance(dest, dict) or not dest or not dest.keys() <= _NAMES:
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim dest does not name numbers or addresses")
    found: list[str] = []
    for kind, values in dest.items():
        if not isinstance(values, list) or not values:
            raise Refused(Cause.CLAIMS_MALFORMED, "the claim dest has no list of numbers or addresses")
        if len(found) + len(values) > MOST_DESTINATIONS:
            raise Refused(Cause.CLAIMS_MALFORMED, f"the claim dest names more than {MOST_DESTINATIONS}")
        found += [_party(kind, value, "dest") for value in values]
    return frozenset(found)


def _party(kind: str, value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Refused(Cause.CLAIMS_MALFORMED, f"the claim {what} has a number that is no text")
    if kind == "tn":
        if not _NUMBER.match(value):
            raise Refused(Cause.CLAIMS_MALFORMED, f"the claim {what} has a number that is more than digits")
        return value
    if not 0 < len(value) <= LONGEST_URI:
        raise Refused(Cause.CLAIMS_MALFORMED, f"the claim {what} has an address that is empty or too long")
    return canonical_party(value)
