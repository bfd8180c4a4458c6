"""Verdicts as fields of a set-up: what travels, within the bounds of the contract, and who is not believed."""

from dataclasses import fields
from typing import Any

import pytest

from detector.contract.events import NAMES_LIMIT, TEXT_LIMIT, Attestation, CallSetup
from detector.trust.verdict import CallerName, Cause, Verdict
from streams.trust.own_fields import OWN_FIELDS, own_fields, without_own
from streams.wire.decoder import decode_one
from streams.wire.record_columns import records_of
from streams.wire.records import encode
from streams.wire.scan import scan

SETUP: dict[str, Any] = {
    "type": "call_setup",
    "call_id": "1@a",
    "setup_time_ms": 1_800_000_000_000,
    "calling_number": "+12025550101",
    "called_number": "+12025550199",
    "trunk_group_id": "t",
}
PASSED = Verdict(
    cause=Cause.PASSED,
    attestation=Attestation.A,
    origid="o" * TEXT_LIMIT,
    signer_spc="123A",
    priorities=("ets.0", "esnet.1"),
    sip_priority="psap-callback",
    priority_spc="789C",
    names=tuple(
        CallerName(name=f"{number} {'n' * TEXT_LIMIT}", reason=f"{number} {'r' * TEXT_LIMIT}" if number else None)
        for number in range(9)
    ),
    is_diverted=True,
    diverted_from="12025550188",
    forwarder_spc="456B",
)


def test_a_verdict_that_passed_says_who_signed() -> None:
    found = own_fields(PASSED)

    assert found.pop("own_names") == [f"{number} {'n' * (TEXT_LIMIT - 2)}" for number in range(NAMES_LIMIT)]
    assert found == {
        "own_verstat": "TN-Validation-Passed",
        "own_cause": "passed",
        "own_attestation": "A",
        "own_signer_spc": "123A",
        "own_origid": "o" * TEXT_LIMIT,
        "own_priority": "psap-callback, ets.0, esnet.1",
        "own_priority_spc": "789C",
        "own_call_reason": f"1 {'r' * (TEXT_LIMIT - 2)}",
        "own_diverted_from": "+12025550188",
        "own_forwarder_spc": "456B",
    }


@pytest.mark.parametrize("party", ["sip:desk@example.com", "911", "x" * TEXT_LIMIT])
def test_what_is_no_number_forwards_as_it_is_named(party: str) -> None:
    """One of RFC 8225 has no `+`, ours have: a short code and an address get none."""
    found = own_fields(PASSED._replace(diverted_from=party, forwarder_spc=None))

    assert (found["own_diverted_from"], "own_forwarder_spc" in found) == (party, False)


def test_a_call_reason_travels_with_its_name_alone() -> None:
    """Of a name beyond the bound of the contract the reason stays behind, too."""
    names = tuple(CallerName(name=f"{number}", reason="late" if number == NAMES_LIMIT else None) for number in range(9))

    assert "own_call_reason" not in own_fields(PASSED._replace(names=names))


def test_priorities_travel_without_a_passed_number_and_within_the_bound() -> None:
    failed = Verdict(cause=Cause.STALE, priorities=tuple(f"esnet.{'x' * 30}{number}" for number in range(16)))

    found = own_fields(failed)["own_priority"]

    assert found.startswith("esnet.")
    assert len(found) == TEXT_LIMIT


@pytest.mark.parametrize("cause", [one for one in Cause if one is not Cause.PASSED])
def test_others_say_their_cause_alone(cause: Cause) -> None:
    verdict = Verdict(cause=cause, detail="a sentence")

    assert own_fields(verdict) == {"own_verstat": verdict.verstat, "own_cause": cause}


@pytest.mark.parametrize("verdict", [PASSED, Verdict(cause=Cause.SIGNATURE_INVALID)])
def test_the_worker_reads_them_the_fast_way_and_an_archive_has_them(verdict: Verdict) -> None:
    """The scan is certain of the record, so that it costs what any other costs; nothing is cut or repaired."""
    value = encode(SETUP | own_fields(verdict))

    scanned, event = scan(records_of([value])), decode_one(value)

    assert scanned.odd == 0
    assert not isinstance(event, tuple)
    assert {name: getattr(event, name) for name in own_fields(verdict)} == own_fields(verdict)


def test_what_others_wrote_is_left_out() -> None:
    assert without_own(SETUP | dict.fromkeys(OWN_FIELDS, "A")) == SETUP
    assert {field.name for field in fields(CallSetup)} >= OWN_FIELDS == set(own_fields(PASSED))
