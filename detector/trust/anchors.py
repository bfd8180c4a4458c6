"""Whom we trust: authorities, the way from a signer's certificate up to one of them, and the STI-PA's signed list.

The list is a token of the policy administrator (ATIS-1000084): its authorities, a sequence number, an end.
"""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from detector.trust.certificates import Certificate, Chain, NameKey, parse_certificates
from detector.trust.encoding import decode_base64url, decode_object
from detector.trust.signatures import ALGORITHM, require_signature
from detector.trust.verdict import Cause, Refused

PATHS_KEPT = 16_384
"""More than the chains that are kept unless somebody wants more, so that none of these is checked twice."""
LARGEST_LIST_CHARACTERS = 4 * 1024 * 1024
MOST_ANCHORS = 1_000
NOTHING_READ: Mapping[str, int] = MappingProxyType({})
_PARTS = 3

Path = tuple[Certificate, ...]
"""A signer's certificate, those above it, the anchor."""


class Anchors:
    """The authorities that are trusted. Paths are kept by chain, so that each chain's signatures are checked once."""

    __slots__ = ("_by_subject", "_paths", "certificates")

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self.certificates = tuple(certificates)
        self._by_subject: dict[NameKey, list[Certificate]] = {}
        for one in self.certificates:
            self._by_subject.setdefault(one.subject, []).append(one)
        self._paths: dict[bytes, Path | tuple[Cause, str]] = {}

    def path(self, chain: Chain) -> Path:
        """Way from the signer's certificate to an anchor, as it is at any time; expiry and revocation are asked apart.

        Args:
            chain: What the signer's address holds. At most `PATHS_KEPT` answers are kept.

        Raises:
            Refused: no authority that is trusted stands above it, or one in between may not issue what it issued.
        """
        found = self._paths.get(chain.fingerprint)
        if found is None:
            if len(self._paths) >= PATHS_KEPT:
                self._paths.clear()
            found = self._paths[chain.fingerprint] = _tried(self._find, chain)
        if isinstance(found[0], Cause):
            raise Refused(*found)
        return found

    def _find(self, chain: Chain) -> Path:
        path = [chain.leaf]
        others = list(chain.certificates[1:])
        if chain.leaf.key is None:
            raise Refused(Cause.CERTIFICATE_KEY, "the signer's key is not on the curve P-256")
        while True:
            last = path[-1]
            anchor = next((one for one in self._by_subject.get(last.issuer, ()) if last.is_issued_by(one)), None)
            if anchor is not None:
                return _sound((*path, anchor))
            above = next((one for one in others if one.subject == last.issuer and last.is_issued_by(one)), None)
            if above is None:
                detail = "no authority that is trusted stands above the certificate, by keys on P-256"
                raise Refused(Cause.CERTIFICATE_UNTRUSTED, detail)
            others.remove(above)
            path.append(above)


@dataclass(frozen=True, slots=True)
class AnchorList:
    """The STI-PA's list of authorities.

    Attributes:
        anchors: Certificates of the authorities.
        sequence: Number of this list; it only grows.
        expires_ms: Epoch milliseconds; from then on it is no list.
        signer: Name of the policy administrator that signed it, which stays while its keys are renewed.
    """

    anchors: tuple[Certificate, ...]
    sequence: int
    expires_ms: int
    signer: str


def read_anchor_list(
    token: str, signers: Iterable[Certificate], at_ms: int, latest: Mapping[str, int] = NOTHING_READ
) -> AnchorList:
    """Read a list of authorities that the policy administrator signed.

    Args:
        token: A JWT in the full form.
        signers: Certificates of the policy administrator; one of them must have signed, and be valid at that instant.
        at_ms: Instant, epoch milliseconds.
        latest: Sequence number of the latest list of each signer that was read; an older one of that signer is refused,
            wherever it comes from.

    Raises:
        Refused: the signature does not hold, the list has expired, is older than the latest, or is none.
    """
    if len(token) > LARGEST_LIST_CHARACTERS:
        raise Refused(Cause.IDENTITY_TOO_LARGE, "the list of authorities is too large")
    parts = token.strip().split(".")
    if len(parts) != _PARTS:
        raise Refused(Cause.IDENTITY_MALFORMED, "the list of authorities is no token")
    if decode_object(decode_base64url(parts[0])).get("alg") != ALGORITHM:
        raise Refused(Cause.ALGORITHM_UNSUPPORTED, "the list of authorities is signed by another algorithm than ES256")
    signer = _signer(f"{parts[0]}.{parts[1]}".encode(), parts[2], signers, at_ms)
    found = _list_of(decode_object(decode_base64url(parts[1])), signer)
    if found.expires_ms <= at_ms:
        raise Refused(Cause.STALE, "the list of authorities has expired")
    known = latest.get(found.signer, 0)
    if found.sequence < known:
        detail = f"the list of authorities is number {found.sequence}, older than number {known} of the same signer"
        raise Refused(Cause.REPLAYED, detail)
    return found


def require_valid(path: Path, at_ms: int) -> None:
    """Refuse a path of which a certificate is not valid at this instant, epoch milliseconds.

    Raises:
        Refused: one has expired, or is not valid yet.
    """
    for one in path:
        if at_ms > one.not_after_ms:
            raise Refused(Cause.CERTIFICATE_EXPIRED, "a certificate of the chain has expired")
        if at_ms < one.not_before_ms:
            raise Refused(Cause.CERTIFICATE_NOT_YET_VALID, "a certificate of the chain is not valid yet")


def _tried(find: Callable[[Chain], Path], chain: Chain) -> Path | tuple[Cause, str]:
    try:
        return find(chain)
    except Refused as refusal:
        return refusal.cause, refusal.detail


def _sound(path: Path) -> Path:
    for below, one in enumerate(path[1:]):  # so many authorities stand between it and the signer
        if not one.is_authority or (one.path_length is not None and below > one.path_length):
            raise Refused(Cause.CERTIFICATE_UNTRUSTED, "a certificate of the chain was issued by none that may")
    for issued, issuer in pairwise(path):
        if issuer.authority is not None and not (
            issued.authority is not None and issuer.authority.encompasses(issued.authority)
        ):
            raise Refused(Cause.CERTIFICATE_SCOPE, "a certificate speaks for more than its issuer (RFC 9060)")
    return path


def _signer(signed: bytes, signature: str, signers: Iterable[Certificate], at_ms: int) -> str:
    digest = hashlib.sha256(signed).digest()
    refusal = Refused(Cause.CERTIFICATE_UNAVAILABLE, "no certificate of the policy administrator is at hand")
    for one in signers:
        try:
            require_valid((one,), at_ms)
            require_signature(one.key, signature, digest)
        except Refused as error:
            refusal = error
        else:
            return ",".join(f"{kind}={value}" for kind, value in one.subject)
    raise refusal


def _list_of(claims: dict[str, Any], signer: str) -> AnchorList:
    sequence, exp, entries = claims.get("sequence"), claims.get("exp"), claims.get("trustList")
    if type(sequence) is not int or type(exp) is not int or not isinstance(entries, list) or not entries:
        raise Refused(Cause.CLAIMS_MALFORMED, "the list of authorities lacks sequence, exp or trustList")
    if len(entries) > MOST_ANCHORS:
        raise Refused(Cause.CLAIMS_MALFORMED, f"the list names more than {MOST_ANCHORS:,} authorities")
    anchors = tuple(anchor for one in entries for anchor in _anchors_of(one))
    return AnchorList(anchors, sequence, exp * 1_000, signer)


def _anchors_of(entry: Any) -> Iterator[Certificate]:
    """Certificates in PEM, or one in DER and base64: both are in use."""
    if not isinstance(entry, str):
        raise Refused(Cause.CLAIMS_MALFORMED, "the list of authorities has an entry that is no text")
    try:
        data = entry.encode() if "-----BEGIN" in entry else b64decode("".join(entry.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(Cause.CLAIMS_MALFORMED, "the list of authorities has an entry that is no certificate") from error
    yield from parse_certificates(data)
