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


def test_what_we_verified_ourselves_counts() -> None:
    setup = call_setup(signer_spc="theirs", origid="x", attestation=Attestation.A, own_signer_spc="ours")
    call = SuspectCall.of(setup, "d-1", None)
    assert (call.signer_spc, call.origid, call.attestation, call.score) == ("ours", "x", "A", 1.0)
