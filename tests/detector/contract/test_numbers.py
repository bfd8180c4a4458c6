"""Numbers as switches write them: one number has one form, and what is no number keeps its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.numbers import FORMATTING, is_e164, normal_form


@pytest.mark.parametrize(
    "written",
    [
        "+1-202-555-0101",
        "+1 (202) 555-0101",
        "+1.202.555.0101",
        " +12025550101 ",
        "tel:+12025550101",
        "tel:+1-202-555-0101",
        "TEL:+12025550101",
        "sip:+12025550101@sbc.example.net;user=phone",
        "sips:+12025550101@192.0.2.1:5061",
        "sip:+12025550101;verstat=TN-Validation-Passed@sbc.example.net;user=phone",
        "+12025550101;verstat=TN-Validation-Passed",
        "tel:+12025550101;rn=+13125550000;npdi",
        "+12025550101@sbc.example.net",
    ],
)
def test_formatting_is_removed(written: str) -> None:
    """All of these are one number."""
    assert normal_form(written) == "+12025550101"


@pytest.mark.parametrize(
    ("written", "normal"),
    [("tel:911", "911"), ("sip:911@psap.example.net", "911"), ("tel:555-0101;phone-context=+1202", "5550101")],
)
def test_a_local_number_stays_local(written: str, normal: str) -> None:
    """Nobody guesses its country."""
    assert normal_form(written) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+12025550101",
        "anonymous",
        "sip:anonymous@anonymous.invalid",
        "sip:alice@example.net",
        "202-555-0101",
        "192.0.2.1",
        "sip:192.0.2.1",
        "urn:service:sos",
        "+1-202-555-0101 x12",
        "+1+202",
        "tel:",
        "+-",
        "-",
        "\u0661-\u0662",
    ],
)
def test_what_is_no_formatted_number_stays_as_it_came(text: str) -> None:
    """It is a signal as it is."""
    assert normal_form(text) == text


@given(st.text("+0123456789 ().-:;@telsip", max_size=24))
def test_normal_form_is_final_and_needs_formatting_to_differ(text: str) -> None:
    """A normal form is its own normal form; text without formatting, which the scan looks for, is untouched."""
    normal = normal_form(text)

    assert normal_form(normal) == normal
    assert normal == text or not FORMATTING.isdisjoint(text)
    assert normal == text or FORMATTING.isdisjoint(normal)


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("+12025550101", True),
        ("+442071234567", True),
        ("+1202555010", False),
        ("+120255501011", False),
        ("+02071234567", False),
        ("+1234567890123456", False),
        ("12025550101", False),
        ("911", False),
        ("anonymous", False),
        ("", False),
        ("+1202555010\u0661", False),
        ("+12025550101\n", False),
    ],
)
def test_form_of_e164(number: str, holds: object) -> None:
    """What a standing decision may be about."""
    assert is_e164(number) == holds
