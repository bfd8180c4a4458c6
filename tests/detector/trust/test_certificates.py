"""Certificates as they are read: what a verifier asks of them, and what is not read at all."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.certificates import LONGEST_CHAIN, Scope, name_key, of_x509, parse_chain, scope_of
from detector.trust.number_authority import NumberAuthority
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import (
    AT_MS,
    Owner,
    anchors,
    constraints,
    delegate,
    issue,
    number_range,
    provider,
    root,
    spc,
    tn_auth_list,
    x509_name,
)

DAY_MS = 86_400_000


def test_a_providers_certificate() -> None:
    """Everything that is asked of it later, read once."""
    chain = provider().chain()
    leaf, above = chain.certificates

    assert (chain.leaf, leaf.serial) == (leaf, 4_711)
    assert (leaf.not_before_ms, leaf.not_after_ms) == (AT_MS - 30 * DAY_MS, AT_MS + 335 * DAY_MS)
    assert (leaf.is_authority, leaf.signs, leaf.has_policy) == (False, True, True)
    assert leaf.authority == NumberAuthority(("123A",))
    assert (above.is_authority, above.authority, above.constraints) == (True, None, None)
    assert leaf.is_issued_by(above)
    assert not above.is_issued_by(leaf)


@pytest.mark.parametrize("policy", ["2.16.840.1.114569.1.1.1", "2.16.840.1.114569.1.1.4"])
def test_each_edition_of_the_policy_is_one(policy: str) -> None:
    """Older and newer certificates are in use beside each other."""
    owner = issue("SHAKEN 1", root(), tn_auth_list(spc("1")), policy=policy)

    assert owner.chain().leaf.has_policy
    assert not issue("SHAKEN 2", root(), policy="2.16.840.1.114569.1.10").chain().leaf.has_policy


def test_scopes() -> None:
    """Of providers and delegates; all others are refused."""
    assert scope_of(anchors().path(provider().chain())) is Scope.PROVIDER
    assert scope_of(anchors().path(delegate().chain())) is Scope.DELEGATE


def test_names_are_compared_as_rfc_5280_says() -> None:
    """Case and runs of spaces do not matter, words and their order do."""
    assert name_key(x509_name("SHAKEN  123A ")) == name_key(x509_name("shaken 123a"))
    assert name_key(x509_name("SHAKEN 123A")) != name_key(x509_name("123A SHAKEN"))


def test_the_order_of_a_chain_is_part_of_what_it_is() -> None:
    """The first one signs."""
    one = provider()
    turned = Owner(one.name, one.key, one.above[0], (one.certificate,))

    assert one.chain().fingerprint == one.chain().fingerprint
    assert one.chain().fingerprint != turned.chain().fingerprint


def test_a_single_certificate_may_be_der() -> None:
    """Some addresses hold that."""
    assert parse_chain(provider().certificate.public_bytes(Encoding.DER)).leaf.serial == 4_711


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"-----BEGIN PUBLIC KEY-----\n",
     b"\x30\x82", b"A" * (64 * 1024 + 1)],
)  # fmt: skip
def test_what_is_no_chain_is_refused(data: bytes) -> None:
    """A web page, a key, too much."""
    with pytest.raises(Refused) as refusal:
        parse_chain(data)
    assert refusal.value.cause is Cause.CERTIFICATE_MALFORMED


def test_a_long_chain_is_refused() -> None:
    """Each certificate of it would cost signature checks."""
    pem = provider().certificate.public_bytes(Encoding.PEM)

    assert len(parse_chain(pem * LONGEST_CHAIN).certificates) == LONGEST_CHAIN
    with pytest.raises(Refused):
        parse_chain(pem * (LONGEST_CHAIN + 1))


def test_both_kinds_of_constraints_are_one_too_many() -> None:
    """RFC 9118 section 4."""
    both = [constraints(include=["attest"]), constraints(exclude=["rcd"])]

    with pytest.raises(Refused) as refusal:
        issue("SHAKEN 3", root(), tn_auth_list(spc("3")), *both).chain()
    assert refusal.value.cause is Cause.CERTIFICATE_MALFORMED


def test_a_tn_auth_list_that_is_none_is_refused() -> None:
    """As of a stack in use, which writes a URL into it."""
    text = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26"), b"1ca.example.org/TNAuthList")

    with pytest.raises(Refused):
        issue("SHAKEN 4", root(), text).chain()


@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=4))
def test_damaged_certificates_are_read_or_refused(place: int, damage: bytes) -> None:
    """Nothing else is raised, wherever the damage is; and no damage keeps the issuer's signature."""
    whole = issue("SHAKEN 5", root(), tn_auth_list(number_range("12025550100", 9)), constraints(["iat"]), serial=5)
    data = whole.certificate.public_bytes(Encoding.DER)
    changed = bytes(data[: place % len(data)]) + damage + bytes(data[place % len(data) + len(damage) :])

    try:
        found = parse_chain(changed).leaf
    except Refused:
        return
    is_same = changed == whole.certificate.public_bytes(Encoding.DER)
    assert found.is_issued_by(of_x509(root().certificate)) is is_same
