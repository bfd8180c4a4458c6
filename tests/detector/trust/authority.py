"""An authority of the tests' own: keys, certificates, tokens and lists that only they trust, and a call to sign for.

`Signer.sign` builds what a lawful signer builds; each argument breaks one rule.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from detector.trust import claim_constraints, number_authority
from detector.trust.anchors import Anchors
from detector.trust.certificates import Chain, parse_chain
from detector.trust.parties import Parties
from detector.trust.verdict import Refused
from detector.trust.verify import Trust

AT_S = 1_800_000_000
AT_MS = AT_S * 1_000
CALLING, CALLED, FORWARDED = "12025550101", "12025550199", "13125550142"
X5U = "https://certificates.example.org/shaken.pem"
POLICY = "2.16.840.1.114569.1.1.3"
CALL = Parties(calling=frozenset({CALLING}), called=CALLED, target=CALLED)
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def tlv(tag: int, *contents: bytes) -> bytes:
    """A value in DER, of any size below 64 KiB."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes(1 if len(content) < 0x100 else 2)
    return bytes((tag, 0x80 | len(size))) + size + content


def spc(code: str) -> bytes:
    """An entry of TNAuthList: a provider's code."""
    return tlv(0xA0, tlv(0x16, code.encode()))


def number(text: str) -> bytes:
    """An entry of TNAuthList: one number."""
    return tlv(0xA2, tlv(0x16, text.encode()))


def number_range(first: str, count: int) -> bytes:
    """An entry of TNAuthList: numbers that follow each other."""
    written = count.to_bytes(count.bit_length() // 8 + 1)
    return tlv(0xA1, tlv(0x30, tlv(0x16, first.encode()), tlv(0x02, written)))


def tn_auth_list(*entries: bytes) -> x509.UnrecognizedExtension:
    """The extension with these entries."""
    return x509.UnrecognizedExtension(ObjectIdentifier(number_authority.OID), tlv(0x30, *entries))


def constraints(
    include: Sequence[str] = (), permitted: Mapping[str, Sequence[str]] | None = None, exclude: Sequence[str] = ()
) -> x509.UnrecognizedExtension:
    """JWTClaimConstraints, or the enhanced ones where claims are forbidden."""

    def names(claims: Sequence[str]) -> bytes:
        return tlv(0x30, *(tlv(0x16, one.encode()) for one in claims))

    values = [
        tlv(0x30, tlv(0x16, claim.encode()), tlv(0x30, *(tlv(0x0C, one.encode()) for one in several)))
        for claim, several in (permitted or {}).items()
    ]
    parts = [tlv(0xA0, names(include))] if include else []
    parts += [tlv(0xA1, tlv(0x30, *values))] if values else []
    parts += [tlv(0xA2, names(exclude))] if exclude else []
    oid = claim_constraints.ENHANCED_OID if exclude else claim_constraints.OID
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), tlv(0x30, *parts))


@cache
def key_of(name: str, kind: str = "P-256") -> Key:
    """The private key of somebody, by their name; one of each is made in a run."""
    assert name
    if kind == "RSA":
        return rsa.generate_private_key(65_537, 2_048)
    return ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())


def x509_name(name: str) -> x509.Name:
    """Its X.500 name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


@dataclass(frozen=True)
class Owner:
    """Somebody with a key and a certificate, and those above."""

    name: str
    key: Key
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The chain as it stands at an address."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above))

    def chain(self) -> Chain:
        """The chain, parsed."""
        return parse_chain(self.pem)

    def sign(self, claims: Mapping[str, Any] | str | bytes, **header: Any) -> str:
        """A token of these claims; an item of the header that is None is left out."""
        full = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U} | header
        written = encoded({name: value for name, value in full.items() if value is not None})
        body = claims if isinstance(claims, str | bytes) else canonical(claims)
        signed = f"{written}.{base64url(body.encode() if isinstance(body, str) else body)}"
        return f"{signed}.{base64url(self.signature(signed.encode()))}"

    def signature(self, signed: bytes, hash_algorithm: SHA256 | SHA384 | None = None) -> bytes:
        """Signature of 32 bytes each for r and s, or what the other kind of key makes."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hash_algorithm or SHA256())))
        size = (self.key.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: Mapping[str, Any]) -> str:
    """JSON as it is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def encoded(value: Mapping[str, Any]) -> str:
    """Canonical JSON in base64url."""
    return base64url(canonical(value).encode())


def issue(
    name: str,
    issuer: Owner | None,
    *extensions: x509.ExtensionType,
    kind: str = "P-256",
    is_authority: bool = False,
    path_length: int | None = None,
    policy: str | None = POLICY,
    days: tuple[int, int] = (-30, 335),
    serial: int | None = None,
    usage: x509.KeyUsage | None = None,
    hash_algorithm: SHA256 | SHA384 | None = None,
    critical: Sequence[x509.ExtensionType] = (),
    issuer_name: str | None = None,
) -> Owner:
    """Issue a certificate; without an issuer it issues itself."""
    key = key_of(name, kind)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(name))
        .issuer_name(x509_name(issuer_name or (issuer.name if issuer else name)))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(AT_S, UTC) + days[0] * DAY)
        .not_valid_after(datetime.fromtimestamp(AT_S, UTC) + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(usage or key_usage(signs=not is_authority), critical=True)
    )
    if policy is not None:
        builder = builder.add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier(policy), None)]), critical=False
        )
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    for one in critical:
        builder = builder.add_extension(one, critical=True)
    signing_key = issuer.key if issuer else key
    certificate = builder.sign(signing_key, hash_algorithm or SHA256())
    above = () if issuer is None else (issuer.certificate, *issuer.above)
    return Owner(name, key, certificate, above)


def key_usage(*, signs: bool) -> x509.KeyUsage:
    """Of somebody who signs tokens, or who issues certificates."""
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=not signs, crl_sign=not signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def indirect_list(signer: Owner, *entries: tuple[Owner, int], until: datetime | None = None) -> bytes:
    """A list of withdrawn certificates in PEM, as the policy administrator makes it: each entry names its issuer."""
    now = datetime.fromtimestamp(AT_S, UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509_name(signer.name))
        .last_update(now - 2 * DAY)
        .next_update(until or now + DAY)
        .add_extension(x509.IssuingDistributionPoint(None, None, False, False, None, True, False), critical=True)
    )
    for issuer, serial in entries:
        name = x509.CertificateIssuer([x509.DirectoryName(x509_name(issuer.name))])
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY)
        builder = builder.add_revoked_certificate(one.add_extension(name, critical=True).build())
    return builder.sign(signer.key, SHA256()).public_bytes(Encoding.PEM)


@cache
def root() -> Owner:
    """The authority that is trusted."""
    return issue("Authority", None, is_authority=True)


@cache
def provider() -> Owner:
    """A provider whose certificate is in order."""
    return issue("SHAKEN 123A", root(), tn_auth_list(spc("123A")), serial=4_711)


@cache
def provider_authority() -> Owner:
    """A provider who may delegate numbers (RFC 9060)."""
    return issue("SHAKEN 123A CA", root(), tn_auth_list(spc("123A")), is_authority=True, path_length=0)


@cache
def delegate() -> Owner:
    """A customer of that provider with a hundred numbers, the caller's among them."""
    return issue("Customer", provider_authority(), tn_auth_list(number_range("12025550100", 100)))


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a shaken token for the call; None leaves one out."""
    whole = {
        "attest": "A",
        "dest": {"tn": [CALLED]},
        "iat": AT_S,
        "orig": {"tn": CALLING},
        "origid": "123e4567-e89b-12d3-a456-426655440000",
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def base_claims(**changes: Any) -> dict[str, Any]:
    """Claims of a token without extension."""
    return claims(attest=None, origid=None, **changes)


def header(token: str, info: str | None = X5U, alg: str | None = "ES256", ppt: str | None = "shaken") -> str:
    """An Identity header; None leaves a parameter out."""
    parameters = {"info": None if info is None else f"<{info}>", "alg": alg, "ppt": ppt}
    return ";".join([token, *(f"{name}={value}" for name, value in parameters.items() if value is not None)])


def identity(owner: Owner | None = None, ppt: str | None = "shaken", **changes: Any) -> str:
    """A whole header for the call, signed in order; changes are of its claims."""
    signer = owner or provider()
    made = claims(**changes) if ppt == "shaken" else base_claims(**changes)
    return header(signer.sign(made, ppt=ppt), ppt=ppt)


def trust(chain: Chain | Refused | None = None, **changes: Any) -> Trust:
    """What a verifier has at hand: the provider's chain, or another one, at the one address."""
    whole = Trust({X5U: chain or provider().chain()}, anchors())
    return replace(whole, **changes)


def anchors() -> Anchors:
    """The authority alone."""
    return Anchors(parse_chain(root().certificate.public_bytes(Encoding.PEM)).certificates)
