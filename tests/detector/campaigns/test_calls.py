"""Cells: what a caller cannot change from call to call."""

import pytest

from detector.campaigns.calls import Cell, SuspectCall, area_of, caller_class
from detector.contract.events import Attestation
from detector.testing.events import call_setup
from tests.detector.campaigns.calls_of import suspect


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+12125550123", "domestic"),
        ("+18005550123", "toll_free"),
        ("+19115550123", "invalid"),
        ("+12129110123", "invalid"),
        ("+12120550123", "invalid"),
        ("+4420794601", "foreign +44"),
        ("5550123", "invalid"),
        ("anonymous", "anonymous"),
        ("", "anonymous"),
    ],
)
def test_numbers_are_told_apart_by_who_can_have_them(number: str, expected: str) -> None:
    assert caller_class(number) == expected


@pytest.mark.parametrize(("number", "area"), [("+12125550123", "212"), ("+4420794601", "+44"), ("911", "")])
def test_an_area_is_that_of_the_number(number: str, area: str) -> None:
    assert area_of(number) == area


def test_a_cell_stays_the_same_however_the_number_changes() -> None:
    one, other = suspect(calling_number="+12125550123"), suspect(calling_number="+14155550123")
    assert Cell.of(one) == Cell.of(other)


def test_another_origin_is_another_cell() -> None:
    one, other = suspect(signer_spc="123A", origid="a"), suspect(signer_spc="123A", origid="b")
    assert Cell.of(one) != Cell.of(other)
    assert Cell.of(one).without_origid() == Cell.of(other).without_origid()


def test_an_unsigned_call_has_no_origin() -> None:
    assert Cell.of(suspect()).origin is None


def test_a_call_that_no_model_was_asked_about_has_score_one() -> None:
    assert SuspectCall.of(call_setup(), "d-1", None).score == 1.0


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({}, ("123A", "claimed", "A")),
        ({"own_cause": "passed", "own_signer_spc": "567B", "own_origid": "ours"}, ("567B", "ours", "")),
        ({"own_cause": "signature_invalid"}, ("", "", "")),
        ({"own_cause": "not_checked"}, ("123A", "claimed", "A")),
    ],
)
def test_a_signature_that_failed_says_nothing_of_who_signed(own: dict[str, str], told: tuple[str, str, str]) -> None:
    claimed = {"signer_spc": "123A", "origid": "claimed", "attestation": Attestation.A}

    call = SuspectCall.of(call_setup("c", **claimed, **own), "d", 0.9)

    assert (call.signer_spc, call.origid, call.attestation) == told
