"""What a called number must look like to be an emergency, and a calling number to be impossible."""

import pytest

from detector.policy import DoNotOriginate, Impossible, Policy
from detector.policy_tables import PolicyTables

TABLES = PolicyTables(Policy())


@pytest.mark.parametrize(
    "called",
    [
        "911",
        "+911",
        "1911",
        "+1911",
        "+1-911",
        "9-1-1",
        " 911 ",
        "933",
        "+1933",
        "988",
        "+1988",
        "tel:911",
        "sip:911@example.com",
        "sips:+1911@x;user=phone",
        "911;phone-context=+1",
        "urn:service:sos",
        "URN:service:SOS.police",
    ],
)
def test_emergency_numbers_are_known_in_every_form(called: str) -> None:
    assert TABLES.is_emergency(called)


@pytest.mark.parametrize("called", ["", "411", "9115", "+19115550123", "anonymous", "+91911", "sip:bob@911", "urn:x"])
def test_other_numbers_are_no_emergency(called: str) -> None:
    assert not TABLES.is_emergency(called)


def test_a_carrier_may_add_emergency_numbers() -> None:
    tables = PolicyTables(Policy(emergency_numbers=("911", "933", "988", "112")))

    assert tables.is_emergency("112")
    assert not TABLES.is_emergency("112")


IMPOSSIBLE = {
    "+10125550123": Impossible.AREA_CODE,
    "+11125550123": Impossible.AREA_CODE,
    "+12115550123": Impossible.AREA_CODE,
    "+19115550123": Impossible.AREA_CODE,
    "+12120550123": Impossible.EXCHANGE,
    "+12121550123": Impossible.EXCHANGE,
    "+12222222222": Impossible.REPEATED_DIGIT,
    "+1212555012": Impossible.LENGTH,
    "+121255501234": Impossible.LENGTH,
}


@pytest.mark.parametrize(("number", "kind"), IMPOSSIBLE.items())
def test_each_kind_of_impossible_number_can_be_left_out(number: str, kind: Impossible) -> None:
    only = PolicyTables(Policy(dno=DoNotOriginate(impossible=(kind,))))
    without = PolicyTables(Policy(dno=DoNotOriginate(impossible=tuple(k for k in Impossible if k is not kind))))

    assert TABLES.is_impossible(number)
    assert only.is_impossible(number)
    assert not without.is_impossible(number)


@pytest.mark.parametrize(
    "number",
    [
        "+12125550123",
        "+18005550199",
        "anonymous",
        "private",
        "",
        "611",
        "+1611",
        "+172345",
        "72345",
        "+442071838750",
        "+4930901820",
        "2115550123",
        "+0",
        "0000000000",
        "restricted",
    ],
)
def test_possible_numbers_short_codes_and_anything_else_are_left_alone(number: str) -> None:
    assert not TABLES.is_impossible(number)
