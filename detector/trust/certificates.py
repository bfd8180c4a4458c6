"""Certificates of signers, read once into what verifying asks of them; what each may sign. It trusts nobody by itself.

A `Certificate` holds its parsed key, so that a call costs one signature check and nothing else.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from detector.trust import claim_constraints, number_authority
from detector.trust.claim_constraints import ClaimConstraints, parse_claim_constraints
from detector.trust.number_authority import NumberAuthority, parse_number_authority
from detector.trust.verdict import Cause, Refused

SHAKEN_POLICIES = "2.16.840.1.114569.1.1."
"""Beginning of the policies that the governance authority gives out: 1, 3 and 4 at the end are in use."""
LARGEST_CHAIN_BYTES = 64 * 1024
LONGEST_CHAIN = 6
_READ = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS.dotted_string,
        ExtensionOID.KEY_USAGE.dotted_string,
        ExtensionOID.CERTIFICATE_POLICIES.dotted_string,
        ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string,
        number_authority.OID,
        claim_constraints.OID,
        claim_constraints.ENHANCED_OID,
    }
)
"""Extensions that may be critical."""
_MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
NameKey = tuple[tuple[str, str], ...]


class Scope(Enum):
    """What an end-entity certificate speaks for."""

    PROVIDER = auto()
    """Exactly one service provider code: it signs `shaken` (ATIS-1000080)."""
    DELEGATE = auto()
    """Numbers alone: it signs for these, and never `shaken` (RFC 9060)."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A certificate as far as verifying needs it.

    Attributes:
        x509: The certificate itself, to check who issued it.
        key: Its public key; None unless it is one on P-256.
        subject: Name of its owner, to compare.
        issuer: Name of its issuer, likewise.
        serial: Serial number.
        not_before_ms: Epoch milliseconds, from then on it is valid.
        not_after_ms: Until then, that instant included.
        is_authority: It may issue certificates.
        is_end_entity: It says nowhere that it is an authority's, whether or not that may issue.
        path_length: How many authorities may stand below it; None for any.
        signs: Its key usage lets it sign tokens, or does not say.
        has_policy: It has a policy of SHAKEN.
        authority: Whom it speaks for; None without TNAuthList.
        constraints: What tokens below it must be like; None for anything.
        fingerprint: SHA-256 of its bytes.
    """

    x509: x509.Certificate
    key: ec.EllipticCurvePublicKey | None
    subject: NameKey
    issuer: NameKey
    serial: int
    not_before_ms: int
    not_after_ms: int
    is_authority: bool
    is_end_entity: bool
    path_length: int | None
    signs: bool
    has_policy: bool
    authority: NumberAuthority | None
    constraints: ClaimConstraints | None
    fingerprint: bytes

    def is_issued_by(self, issuer: "Certificate") -> bool:
        """Tell whether the other one signed this one. Costs a signature check, and keys of P-256 on both sides."""
        if issuer.key is None or self.x509.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
            return False
        try:
            self.x509.verify_directly_issued_by(issuer.x509)
        except (InvalidSignature, *_MALFORMED):
            return False
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """What stands at a certificate's address: the signer's, then those of authorities above it, in any order.

    Attributes:
        certificates: The signer's first; at least one.
        fingerprint: SHA-256 over all of them.
    """

    certificates: tuple[Certificate, ...]
    fingerprint: bytes

    @property
    def leaf(self) -> Certificate:
        """The signer's."""
        return self.certificates[0]


def parse_chain(data: bytes) -> Chain:
    """Read a chain: certificates in PEM one after the other, or a single one in DER.

    Args:
        data: As it was fetched.

    Raises:
        Refused: it is none, is longer than `LARGEST_CHAIN_BYTES`, or has more than `LONGEST_CHAIN` certificates.
    """
    if len(data) > LARGEST_CHAIN_BYTES:
        raise Refused(Cause.CERTIFICATE_MALFORMED, f"the chain has more than {LARGEST_CHAIN_BYTES:,} bytes")
    found = parse_certificates(data)
    if len(found) > LONGEST_CHAIN:
        raise Refused(Cause.CERTIFICATE_MALFORMED, f"the chain has more than {LONGEST_CHAIN} certificates")
    digest = hashlib.sha256(b"".join(one.fingerprint for one in found)).digest()
    return Chain(tuple(found), digest)


def parse_certificates(data: bytes) -> list[Certificate]:
    """Read certificates in PEM one after the other, or a single one in DER; at least one.

    Raises:
        Refused: one of them cannot be read, or there is none.
    """
    try:
        if b"-----BEGIN" in data:
            loaded = x509.load_pem_x509_certificates(data)
        else:
            loaded = [x509.load_der_x509_certificate(data)]
    except _MALFORMED as error:
        raise Refused(Cause.CERTIFICATE_MALFORMED, "there is no certificate in PEM or DER") from error
    return [of_x509(one) for one in loaded]


def of_x509(certificate: x509.Certificate) -> Certificate:
    """Read what verifying asks of a certificate.

    Raises:
        Refused: a part of it cannot be read, or a critical extension is none that we know.
    """
    try:
        return _read(certificate)
    except (x509.UnsupportedGeneralNameType, *_MALFORMED) as error:
        raise Refused(Cause.CERTIFICATE_MALFORMED, "a certificate has a part that cannot be read") from error


def name_key(name: x509.Name) -> NameKey:
    """A name to compare: without case, runs of spaces and kinds of string (RFC 5280 section 7.1)."""
    return tuple((one.oid.dotted_string, " ".join(str(one.value).split()).casefold()) for one in name)


def scope_of(path: tuple[Certificate, ...]) -> Scope:
    """What the end-entity certificate of a path may speak for.

    Args:
        path: The signer's certificate, those above it, the anchor.

    Raises:
        Refused: it is an authority's, may not sign, has no policy of SHAKEN, or its TNAuthList is neither one code nor
            the numbers of a delegate below somebody who may delegate them.
    """
    leaf = path[0]
    if not leaf.is_end_entity or not leaf.signs:
        raise Refused(Cause.CERTIFICATE_USAGE, "the certificate is an authority's, or is not for signing")
    if not leaf.has_policy:
        raise Refused(Cause.CERTIFICATE_POLICY, "the certificate has no SHAKEN policy")
    authority = leaf.authority
    if authority is None:
        raise Refused(Cause.CERTIFICATE_SCOPE, "the certificate has no TNAuthList")
    if len(authority.spcs) == 1 and not authority.ranges:
        return Scope.PROVIDER
    if authority.spcs:
        raise Refused(Cause.CERTIFICATE_SCOPE, "the certificate names several codes, or a code and numbers")
    if len(path) == 1 or path[1].authority is None:
        raise Refused(Cause.CERTIFICATE_SCOPE, "the certificate names numbers, and nobody delegated them")
    return Scope.DELEGATE


def _read(certificate: x509.Certificate) -> Certificate:
    key = certificate.public_key()
    extensions = certificate.extensions
    if any(one.critical and one.oid.dotted_string not in _READ for one in extensions):
        raise Refused(Cause.CERTIFICATE_MALFORMED, "a certificate has a critical extension that is unknown")
    basic = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    policies = _extension(extensions, x509.CertificatePolicies)
    is_end_entity = basic is None or not basic.ca
    return Certificate(
        x509=certificate,
        key=key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None,
        subject=name_key(certificate.subject),
        issuer=name_key(certificate.issuer),
        serial=certificate.serial_number,
        not_before_ms=round(certificate.not_valid_before_utc.timestamp() * 1e3),
        not_after_ms=round(certificate.not_valid_after_utc.timestamp() * 1e3),
        is_authority=not is_end_entity and (usage is None or usage.key_cert_sign),
        is_end_entity=is_end_entity,
        path_length=basic.path_length if basic is not None else None,
        signs=usage is None or usage.digital_signature,
        has_policy=policies is not None
        and any(one.policy_identifier.dotted_string.startswith(SHAKEN_POLICIES) for one in policies),
        authority=_other(extensions, number_authority.OID, parse_number_authority),
        constraints=_constraints(extensions),
        fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest(),
    )


def _constraints(extensions: x509.Extensions) -> ClaimConstraints | None:
    def plain(value: bytes) -> ClaimConstraints:
        return parse_claim_constraints(value, is_enhanced=False)

    def enhanced(value: bytes) -> ClaimConstraints:
        return parse_claim_constraints(value, is_enhanced=True)

    older = _other(extensions, claim_constraints.OID, plain)
    newer = _other(extensions, claim_constraints.ENHANCED_OID, enhanced)
    if older is not None and newer is not None:
        raise Refused(Cause.CERTIFICATE_MALFORMED, "a certificate has both kinds of constraints on claims (RFC 9118)")
    return newer or older


def _extension(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


_Value = TypeVar("_Value")


def _other(extensions: x509.Extensions, oid: str, parse: Callable[[bytes], _Value]) -> _Value | None:
    for one in extensions:
        if one.oid.dotted_string == oid and isinstance(one.value, x509.UnrecognizedExtension):
            return parse(one.value.value)
    return None
