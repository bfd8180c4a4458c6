"""What must not pass: over a hundred cases, with the cause and the code that a verifier would answer."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from detector.trust.verdict import Cause, Refused, Verstat
from detector.trust.verify import verify
from tests.detector.trust.authority import (
    AT_MS,
    CALL,
    CALLED,
    CALLING,
    FORWARDED,
    identity,
    spc,
    tlv,
    tn_auth_list,
    trust,
)  # fmt: skip
from tests.detector.trust.refusal_cases import CASES, OTHER, leaf

PAGE = Path(__file__).parents[3] / "docs" / "signatures.md"
NOT_FAILED = {Cause.NO_IDENTITY, Cause.PPT_UNSUPPORTED, Cause.CERTIFICATE_UNAVAILABLE}
CODES = {
    Cause.NO_IDENTITY: 428,
    Cause.STALE: 403,
    Cause.FUTURE: 403,
    Cause.INFO_INVALID: 436,
    Cause.INFO_MISMATCH: 436,
    Cause.CERTIFICATE_UNAVAILABLE: 436,
    Cause.NUMBER_NOT_COVERED: 437,
} | {cause: 437 for cause in Cause if cause.startswith("certificate_") and cause != "certificate_unavailable"}


@pytest.mark.parametrize("name", CASES)
def test_it_does_not_pass(name: str) -> None:
    """With the cause, and the code that a verifier would answer."""
    make, cause = CASES[name]
    case = make()

    found = verify(case.identities, case.call, case.at_ms, case.using)

    assert (found.cause, found.code) == (cause, CODES.get(cause, 438)), found.detail
    assert found.verstat == (Verstat.NONE if cause in NOT_FAILED else Verstat.FAILED)
    assert (found.attestation, found.origid, found.signer_spc, found.names, found.token) == (None, None, None, (), b"")
    assert found.detail


def test_each_case_breaks_one_rule_of_a_call_that_passes() -> None:
    """So that no case is refused for another reason; and they are as many as the page says."""
    assert verify((identity(),), CALL, AT_MS, trust()).verstat is Verstat.PASSED
    assert f"- {len(CASES)} calls that must not pass" in PAGE.read_text()


def test_a_detail_quotes_no_number() -> None:
    """Details end up in logs."""
    for name, (make, _) in CASES.items():
        case = make()
        detail = verify(case.identities, case.call, case.at_ms, case.using).detail
        assert not any(text in detail for text in (CALLING, CALLED, OTHER, FORWARDED)), name


def test_unknown_critical_extensions_are_refused() -> None:
    """RFC 5280 section 4.2: what must be understood and is not."""
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), tlv(0x30))

    with pytest.raises(Refused) as refusal:
        leaf(tn_auth_list(spc("666X")), critical=[unknown]).chain()

    assert refusal.value.cause is Cause.CERTIFICATE_MALFORMED
