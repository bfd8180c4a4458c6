"""ES256 held against others' keys: the tokens that RFCs and an open stack print, and the one that verifies nowhere."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.identity_header import parse_identities, parse_token
from detector.trust.parties import Parties
from detector.trust.passport import read_passport
from detector.trust.signatures import require_signature
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import base64url, key_of, provider


def digest_of(signed: bytes) -> bytes:
    """What a signature is over."""
    return hashlib.sha256(signed).digest()


ANYBODY = Parties(calling=frozenset(), called="", target="")
KEYS = {
    "rfc8225.txt:PUBLIC": "rfc8225_A2_public.pem",
    "rfc8946.txt:PUBLIC": "rfc8946_public.pem",
    "libstirshaken/test/ref/sp/sp.pem": "libstirshaken_ref/sp.pem",
    "libstirshaken/test/ref/pa/pa.pem": "libstirshaken_ref/pa.pem",
}


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    """Tokens and keys that nobody of this project made."""
    found = reference_data / "stir_shaken"
    if not found.is_dir():
        pytest.skip(f"no tokens at {found}")
    return found


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, ec.EllipticCurvePublicKey]:
    """Public keys by the name that the tokens know them by."""
    return {name: public_key((folder / file).read_bytes()) for name, file in KEYS.items()}


def public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    is_certificate = b"BEGIN CERTIFICATE" in pem
    key = x509.load_pem_x509_certificate(pem).public_key() if is_certificate else load_pem_public_key(pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def holds(token: str, key: ec.EllipticCurvePublicKey) -> bool:
    header = parse_token(token)
    try:
        require_signature(key, header.signature, digest_of(f"{header.protected}.{header.claims}".encode()))
    except Refused:
        return False
    return True


def test_each_printed_token_holds_under_its_key_and_under_no_other(
    folder: Path, keys: dict[str, ec.EllipticCurvePublicKey]
) -> None:
    """The example of RFC 8225, Appendix A, holds under none: what it prints is not what was signed."""
    tokens = json.loads((folder / "extracted_tokens.json").read_text())

    found = {one["token"]: {name for name, key in keys.items() if holds(one["token"], key)} for one in tokens}

    assert found == {one["token"]: keys.keys() & set(one["verifies_with"]) for one in tokens}
    assert sum(map(bool, found.values())) == 8
    assert found[(folder / "rfc8225_A_token.txt").read_text().strip()] == set()


def test_odd_claims_of_printed_tokens_are_refused_and_not_crashed_on(folder: Path) -> None:
    """Text for `iat`, JSON inside of a text, a number that is no list, no JSON: each is somebody's example."""
    causes: dict[str, Cause | None] = {}
    for one in json.loads((folder / "extracted_tokens.json").read_text()):
        try:
            read_passport(parse_token(one["token"]), ANYBODY, 0, is_inner=True)
            causes[one["token"]] = None
        except Refused as refusal:
            causes[one["token"]] = refusal.cause

    assert list(causes.values()).count(None) == 3  # RFC 8225 A, and the two of RFC 8946 that keep to their own types
    assert set(causes.values()) == {
        None, Cause.ALGORITHM_UNSUPPORTED, Cause.CLAIMS_MALFORMED, Cause.IDENTITY_MALFORMED, Cause.INFO_INVALID,
    }  # fmt: skip


def test_the_printed_header_names_two_addresses(folder: Path) -> None:
    """In RFC 8224 `info` is not what the token says."""
    (header,) = parse_identities([(folder / "rfc8224_identity_token.txt").read_text()])

    assert not isinstance(header, Refused)
    with pytest.raises(Refused) as refusal:
        read_passport(header, ANYBODY, 0)
    assert refusal.value.cause is Cause.INFO_MISMATCH


@given(st.binary(max_size=100))
def test_no_bytes_but_the_signature_hold(data: bytes) -> None:
    """Of any length."""
    key = provider().certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)

    with pytest.raises(Refused):
        require_signature(key, base64url(data), digest_of(b"signed"))
    require_signature(key, base64url(provider().signature(b"signed")), digest_of(b"signed"))


def test_without_a_key_on_p_256_nothing_holds() -> None:
    """A certificate on another curve has none."""
    assert key_of("x", "P-384")
    with pytest.raises(Refused) as refusal:
        require_signature(None, base64url(bytes(64)), digest_of(b"signed"))
    assert refusal.value.cause is Cause.CERTIFICATE_KEY
