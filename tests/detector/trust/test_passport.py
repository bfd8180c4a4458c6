"""PASSporTs read: what a token says once its form is right. What is refused stands in `test_verify_refusals.py`."""

import hashlib
from typing import Any

import pytest

from detector.trust.identity_header import IdentityHeader, parse_identities, parse_token
from detector.trust.parties import Parties
from detector.trust.passport import BASE, SHAKEN, number_of, read_passport
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    CALL,
    CALLED,
    CALLING,
    X5U,
    base_claims,
    claims,
    header,
    provider,
)


def parsed(value: str) -> IdentityHeader:
    (found,) = parse_identities([value])
    assert isinstance(found, IdentityHeader)
    return found


def test_a_token_says_who_calls_whom_and_when() -> None:
    """With what its signature is over, as it came."""
    token = provider().sign(claims(extra=1))

    found = read_passport(parsed(header(token)), CALL, AT_MS)

    assert (found.orig, found.dest, found.iat_s) == (CALLING, frozenset({CALLED}), AT_S)
    assert (found.ppt, found.x5u, found.claims["extra"]) == (SHAKEN, X5U, 1)
    signed, _, signature = token.rpartition(".")
    assert (found.digest, found.signature) == (hashlib.sha256(signed.encode()).digest(), signature)


def test_addresses_are_canonical_too() -> None:
    """Beside numbers, in one list of those who are called."""
    made = base_claims(orig={"uri": "sip:Alice@Example.ORG;a=b"}, dest={"tn": [CALLED], "uri": ["sip:bob@example.org"]})

    found = read_passport(parsed(header(provider().sign(made, ppt=None), ppt=None)), CALL, AT_MS)

    assert found.orig == "sip:Alice@example.org"
    assert found.dest == {CALLED, "sip:bob@example.org"}


def test_the_order_of_what_was_signed_does_not_matter() -> None:
    """Signers in use do not all sort; the signature is over the bytes as they came."""
    shuffled = '{"origid":"x","iat":1,"attest":"A","orig":{"tn":"12025550101"},"dest":{"tn":["12025550199"]}}'

    assert read_passport(parsed(header(provider().sign(shuffled))), CALL, AT_MS).iat_s == 1


@pytest.mark.parametrize(("date_s", "iat_s"), [(None, AT_S), (AT_S - 7, AT_S - 7)])
def test_the_compact_form_is_what_its_signer_signed(date_s: int | None, iat_s: int) -> None:
    """The Date header is its `iat`; without one, the second in which the call came."""
    call = Parties(calling=CALL.calling, called=CALLED, target=CALLED, date_s=date_s)
    full = parse_token(provider().sign(base_claims(iat=iat_s), ppt=None))

    compact = read_passport(IdentityHeader("", "", full.signature, X5U), call, AT_MS + 999)

    assert compact.digest == hashlib.sha256(f"{full.protected}.{full.claims}".encode()).digest()
    assert (compact.ppt, compact.orig, compact.iat_s) == (BASE, CALLING, iat_s)


def test_the_compact_form_of_addresses() -> None:
    """They are rebuilt as addresses."""
    call = Parties(calling=frozenset({"sip:alice@example.org"}), called="sip:bob@example.org", target="")
    made = base_claims(orig={"uri": "sip:alice@example.org"}, dest={"uri": ["sip:bob@example.org"]})
    full = parse_token(provider().sign(made, ppt=None))

    compact = read_passport(IdentityHeader("", "", full.signature, X5U), call, AT_MS)

    assert compact.digest == hashlib.sha256(f"{full.protected}.{full.claims}".encode()).digest()


def test_the_compact_form_needs_one_caller() -> None:
    """Of several nobody knows whose it is."""
    call = Parties(calling=frozenset({CALLING, CALLED}), called=CALLED, target=CALLED)

    with pytest.raises(Refused) as refusal:
        read_passport(IdentityHeader("", "", "c2ln", X5U), call, AT_MS)
    assert refusal.value.cause is Cause.COMPACT_UNSUPPORTED


def test_a_token_is_the_same_whatever_header_it_came_in() -> None:
    """So a replay cannot hide behind another parameter."""
    token = provider().sign(claims())

    one, other = (read_passport(parsed(header(token) + more), CALL, AT_MS) for more in ("", ";other=1"))

    assert one.digest == other.digest
    assert one.digest != read_passport(parsed(header(provider().sign(claims(origid="y")))), CALL, AT_MS).digest


@pytest.mark.parametrize(
    "claim", [None, [], {}, "12025550101", {"tn": "1", "uri": "a"}, {"x": "1"}, {"uri": ""}, {"tn": 1}]
)
def test_one_number_or_address_and_nothing_else(claim: Any) -> None:
    """As RFC 8225 section 5.2.1 has it."""
    with pytest.raises(Refused) as refusal:
        number_of(claim, "orig")
    assert refusal.value.cause is Cause.CLAIMS_MALFORMED
