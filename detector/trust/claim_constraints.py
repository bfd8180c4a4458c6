"""Which claims a certificate may sign: JWTClaimConstraints (RFC 8226 section 8) and the enhanced ones (RFC 9118)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detector.trust.der import IA5_STRING, SEQUENCE, UTF8_STRING, read_all, read_one, text_of
from detector.trust.encoding import canonical_json
from detector.trust.verdict import Cause, Refused

OID, ENHANCED_OID = "1.3.6.1.5.5.7.1.27", "1.3.6.1.5.5.7.1.33"
_MUST_INCLUDE, _PERMITTED, _MUST_EXCLUDE = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class ClaimConstraints:
    """What the claims of a token must be.

    Attributes:
        must_include: Claims that must be there.
        permitted: The values that a claim may have, where it is there.
        must_exclude: Claims that must not be there.
    """

    must_include: frozenset[str] = frozenset()
    permitted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    must_exclude: frozenset[str] = frozenset()

    def require(self, claims: Mapping[str, Any]) -> None:
        """Refuse claims that break a constraint.

        A claim that is text is compared as it is, any other by its canonical JSON.

        Raises:
            Refused: they do.
        """
        if not self.must_include <= claims.keys():
            raise Refused(Cause.CLAIMS_NOT_PERMITTED, "a claim is missing that the certificate demands")
        if self.must_exclude & claims.keys():
            raise Refused(Cause.CLAIMS_NOT_PERMITTED, "there is a claim that the certificate forbids")
        for name, values in self.permitted.items():
            if name in claims and _value_of(claims[name]) not in values:
                raise Refused(Cause.CLAIMS_NOT_PERMITTED, "a claim has a value that the certificate does not permit")


def parse_claim_constraints(value: bytes, *, is_enhanced: bool) -> ClaimConstraints:
    """Read the value of one of the two extensions.

    Args:
        value: Its DER.
        is_enhanced: It is the one of RFC 9118, which can forbid claims.

    Raises:
        Refused: it has another form than its RFC says, or constrains nothing.
    """
    known = (_MUST_INCLUDE, _PERMITTED, _MUST_EXCLUDE)[: 3 if is_enhanced else 2]
    parts = read_all(read_one(value, SEQUENCE))
    found = dict(parts)
    if not parts or len(found) != len(parts) or not found.keys() <= set(known):
        raise Refused(Cause.CERTIFICATE_MALFORMED, "constraints on claims have another form than their RFC says")
    return ClaimConstraints(
        _names(found.get(_MUST_INCLUDE)), _values(found.get(_PERMITTED)), _names(found.get(_MUST_EXCLUDE))
    )


def _names(value: bytes | None) -> frozenset[str]:
    return frozenset() if value is None else _texts(read_one(value, SEQUENCE), IA5_STRING)


def _texts(value: bytes, tag: int) -> frozenset[str]:
    return frozenset(text_of(one, tag) for one in read_all(value))


def _values(value: bytes | None) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for tag, content in [] if value is None else read_all(read_one(value, SEQUENCE)):
        parts = read_all(content)
        if tag != SEQUENCE or [one for one, _ in parts] != [IA5_STRING, SEQUENCE]:
            raise Refused(Cause.CERTIFICATE_MALFORMED, "permitted values have another form than RFC 8226 says")
        name, values = text_of(parts[0], IA5_STRING), _texts(parts[1][1], UTF8_STRING)
        found[name] = values & found.get(name, values)
    return found


def _value_of(claim: Any) -> str:
    return claim if isinstance(claim, str) else canonical_json(claim).decode()
