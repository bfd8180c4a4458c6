"""Claims of extensions: `shaken` (RFC 8588), `div` and `opt` (RFC 8946), `rcd` (RFC 9795), `rph`, `sph` (RFC 9027)."""

import binascii
import hashlib
import re
from base64 import b64decode
from typing import Any

from detector.contract.events import TEXT_LIMIT, Attestation
from detector.trust.encoding import canonical_json
from detector.trust.identity_header import IdentityHeader, parse_token
from detector.trust.passport import Passport, number_of
from detector.trust.verdict import CallerName, Cause, Refused

MOST_PRIORITIES = 16
_LEVELS = {one.value: one for one in Attestation}
PSAP_CALLBACK = "psap-callback"
_PRIORITY = re.compile(r"[A-Za-z0-9!%*_+`'~-]{1,32}\.[A-Za-z0-9!%*_+`'~-]{1,32}\Z")
_DIGEST = re.compile(r"(?P<kind>sha256|sha384|sha512)-(?P<digest>[A-Za-z0-9+/=_-]{43,88})\Z")
_URL_SAFE = str.maketrans("+/", "-_")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,3})\Z")


def attestation_of(token: Passport) -> tuple[Attestation, str]:
    """Attestation and origid of a `shaken` token.

    Raises:
        Refused: one is missing, or has another form.
    """
    attest, origid = token.claims.get("attest"), token.claims.get("origid")
    level = _LEVELS.get(attest) if isinstance(attest, str) else None
    if level is None:
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim attest is not A, B or C")
    if not isinstance(origid, str) or not 0 < len(origid) <= TEXT_LIMIT or not origid.isprintable():
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim origid is no text, empty or too long")
    return level, origid


def diverter_of(token: Passport) -> str:
    """Who forwarded the call, of a `div` or `div-o` token: canonical.

    Raises:
        Refused: the claim is missing, or names no number. History (`hi`) may stand beside it.
    """
    div = token.claims.get("div")
    if isinstance(div, dict):
        div = {name: value for name, value in div.items() if name != "hi"}
    return number_of(div, "div")


def original_of(token: Passport) -> IdentityHeader:
    """The token that a `div-o` token carries.

    Raises:
        Refused: it carries none.
    """
    opt = token.claims.get("opt")
    if not isinstance(opt, str):
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim opt is no token")
    return parse_token(opt)


def name_of(token: Passport, signer_spc: str | None) -> CallerName | None:
    """Who is calling and why, as a token says it; None where it says nothing of it.

    What the name points to, a logo or a card, is neither fetched nor kept. Digests (`rcdi`) of what stands in the token
    itself are checked; those of what would have to be fetched are only read.

    Args:
        token: Whose signature holds.
        signer_spc: Service provider code of its signer; None for a delegate.

    Raises:
        Refused: a claim has another form than RFC 9795 says, or a digest does not agree.
    """
    rcd, reason = token.claims.get("rcd"), token.claims.get("crn")
    if rcd is None and reason is None:
        return None
    if not isinstance(rcd, dict):
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcd is no object")
    name = _text(rcd.get("nam"), "nam")
    _require_integrity(rcd, token.claims.get("rcdi", {}))
    return CallerName(name=name, reason=None if reason is None else _text(reason, "crn"), signer_spc=signer_spc)


def priorities_of(token: Passport) -> tuple[tuple[str, ...], str | None]:
    """Values of Resource-Priority and of Priority that an `rph` token signs.

    Raises:
        Refused: it signs neither, or in another form than RFC 8443 and RFC 9027 say.
    """
    rph, sph = token.claims.get("rph"), token.claims.get("sph")
    if sph not in (None, PSAP_CALLBACK) or (rph is None and sph is None):
        raise Refused(Cause.CLAIMS_MALFORMED, "the token signs no priority that is known")
    if rph is None:
        return (), sph
    values = list(rph.values()) if isinstance(rph, dict) else []
    if not values or not all(isinstance(one, list) for one in values) or sum(map(len, values)) > MOST_PRIORITIES:
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rph has another form than RFC 8443 says")
    named = [one for several in values for one in several]
    if not all(isinstance(one, str) and _PRIORITY.match(one) for one in named):
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rph has a value that is no Resource-Priority")
    return tuple(named), sph


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT or not value.isprintable():
        raise Refused(Cause.CLAIMS_MALFORMED, f"the claim {what} is no text, empty, too long or not printable")
    return value


def _require_integrity(rcd: dict[str, Any], rcdi: Any) -> None:
    if not isinstance(rcdi, dict):
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcdi is no object")
    for pointer, written in rcdi.items():
        digest = _DIGEST.match(written) if isinstance(written, str) else None
        if digest is None:
            raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcdi has a digest of an unknown kind")
        target = _pointed(rcd, pointer)
        if isinstance(target, dict | list) and _digest(digest["kind"], target) != _bytes_of(digest["digest"]):
            raise Refused(Cause.CLAIMS_MALFORMED, "a digest of rcdi does not agree with what it is of")


def _digest(kind: str, value: Any) -> bytes:
    return hashlib.new(kind, canonical_json(value)).digest()


def _bytes_of(digest: str) -> bytes:
    try:
        return b64decode(digest.translate(_URL_SAFE) + "=" * (-len(digest) % 4), altchars=b"-_")
    except binascii.Error as error:
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcdi has a digest that is no base64") from error


def _pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points to."""
    if not pointer.startswith("/"):
        raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcdi has a key that is no JSON pointer")
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.match(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise Refused(Cause.CLAIMS_MALFORMED, "the claim rcdi points to what is not there")
    return value
