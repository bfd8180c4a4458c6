"""Constraints on claims: read from both extensions, and kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.claim_constraints import ClaimConstraints, parse_claim_constraints
from detector.trust.verdict import Cause, Refused
from tests.detector.trust.authority import constraints, tlv


def test_both_extensions_are_read() -> None:
    """RFC 8226 and RFC 9118, which can forbid."""
    older = parse_claim_constraints(constraints(["attest"], {"attest": ["A", "B"]}).value, is_enhanced=False)
    newer = parse_claim_constraints(constraints(["attest"], exclude=["rcd"]).value, is_enhanced=True)

    assert older == ClaimConstraints(frozenset({"attest"}), {"attest": frozenset("AB")})
    assert newer == ClaimConstraints(frozenset({"attest"}), {}, frozenset({"rcd"}))


@pytest.mark.parametrize(
    ("claims", "holds"),
    [
        ({"attest": "A", "iat": 1}, True),
        ({"attest": "B", "iat": 1}, True),
        ({"attest": "C", "iat": 1}, False),
        ({"iat": 1}, False),
        ({"attest": "A", "rcd": {}}, False),
        ({"attest": "A", "rph": {"auth": ["ets.0"]}}, True),
        ({"attest": "A", "rph": {"auth": ["wps.0"]}}, False),
        ({"attest": ["A"]}, False),
    ],
)
def test_claims_keep_to_them(claims: dict[str, object], holds: bool) -> None:
    """Demanded, permitted, forbidden; what is no text is compared in its canonical form."""
    permitted = {"attest": frozenset("AB"), "rph": frozenset({'{"auth":["ets.0"]}'})}
    whole = ClaimConstraints(frozenset({"attest"}), permitted, frozenset({"rcd"}))

    if holds:
        whole.require(claims)
        return
    with pytest.raises(Refused) as refusal:
        whole.require(claims)
    assert refusal.value.cause is Cause.CLAIMS_NOT_PERMITTED


def test_a_claim_that_is_named_twice_keeps_to_both() -> None:
    """The stricter reading."""
    twice = tlv(0x30, tlv(0xA1, tlv(0x30, *(
        tlv(0x30, tlv(0x16, b"attest"), tlv(0x30, *(tlv(0x0C, one) for one in several)))
        for several in ([b"A", b"B"], [b"B", b"C"])
    ))))  # fmt: skip

    assert parse_claim_constraints(twice, is_enhanced=False).permitted == {"attest": frozenset("B")}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        tlv(0x30),
        tlv(0x31, tlv(0xA0, tlv(0x30))),
        tlv(0x30, tlv(0xA2, tlv(0x30))),  # what only the enhanced extension has
        tlv(0x30, tlv(0xA0, tlv(0x30)), tlv(0xA0, tlv(0x30))),
        tlv(0x30, tlv(0xA0, tlv(0x30, tlv(0x0C, b"attest")))),  # UTF8String, not IA5String
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x30, tlv(0x16, b"attest"))))),
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x31, tlv(0x16, b"attest"), tlv(0x30))))),
    ],
)
def test_other_forms_are_refused(value: bytes) -> None:
    """Constraints that cannot be read cannot be kept."""
    with pytest.raises(Refused):
        parse_claim_constraints(value, is_enhanced=False)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, is_enhanced: bool) -> None:
    """Nothing else is raised."""
    try:
        parse_claim_constraints(data, is_enhanced=is_enhanced)
    except Refused:
        return
