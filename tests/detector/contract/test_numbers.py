"""Numbers as switches write them: one number has one form, and what is no number keeps its own."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.numbers import FORMATTING, is_e164, naming, normal_form, written_forms


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
        "+12025550101x5",
        "+1-202-555-0101 x12",
        "+1-202-555-0101 ext 5",
        "+1-202-555-0101 Ext. 5",
        "+12025550101 extension: 5",
        "tel:+1-202-555-0101;ext=5",
        "+12025550101#",
        "+12025550101#5",
        "+1/202/555/0101",
        "(+1) 202 555 0101",
        "+1\u2011202\u2011555\u20110101",
        "+1\u2013202\u2212555\u00ad0101",
        "+1\u00a0202\u202f555\u30000101",
        "\u202a+12025550101\u202c",
        "\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff11",
        "+12025550101\n",
        "\t+1202555\r\n0101",
        "+12025550101:5060",
        "sip:+12025550101:5060;transport=udp",
        "sip:+12025550101:secret@sbc.example.net:5060",
        "sip:%2B12025550101@sbc.example.net",
        "<sip:+12025550101@sbc.example.net>",
        "<tel:+12025550101>;tag=7",
        "<+12025550101>",
        "+12025550101>",
        "<sip:+12025550101@sbc.example.net",
        '"+12025550101"',
        '"A" <sip:+12025550101@sbc.example.net;user=phone>;tag=7',
        "A Bank <sip:+12025550101@sbc.example.net>, <tel:+12025550102>",
        '"\\"911\\" <tel:911>" <tel:+1-202-555-0101>',
        '"+12025550102"<tel:+12025550101>',
    ],
)
def test_formatting_is_removed(written: str) -> None:
    """All of these are one number."""
    assert normal_form(written) == "+12025550101"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("tel:911", "911"),
        ("sip:911@psap.example.net", "911"),
        ("tel:555-0101;phone-context=+1202", "5550101"),
        ('"A" <2025550101>', "2025550101"),
        ("<tel:911>", "911"),
    ],
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
        "911x5",
        "tel:911x5",
        "2025550101 ext 5",
        "+1+202",
        "+1 anonymous caller",
        "+12025550101 or +12025550102",
        "+12025550101<911>",
        "+12025550101 <sip:alice@example.net>",
        "sip:12025550101%40x@example.net",
        "<>",
        '"',
        "%",
        "tel:",
        "+-",
        "-",
        "\u0661-\u0662",
    ],
)
def test_what_is_no_formatted_number_stays_as_it_came(text: str) -> None:
    """It is a signal as it is."""
    assert normal_form(text) == text


@given(st.text('+0123456789 ().-/:;@telsipx<>"%#\n\\\u2011\u00a0\uff0b\uff11', max_size=24))
def test_normal_form_is_final_and_needs_formatting_to_differ(text: str) -> None:
    """A normal form is its own normal form; text without formatting, which the scan looks for, is untouched."""
    normal = normal_form(text)

    assert normal_form(normal) == normal
    assert normal == text or not text.isascii() or not FORMATTING.isdisjoint(text)
    assert normal == text or FORMATTING.isdisjoint(normal)


@pytest.mark.parametrize("piece", ["+1 ", '"', '"\\', "<", "a ", "+1x", "sip:", "%30", ":1", "ext", "+1;<", "\u2011"])
def test_no_text_is_dear_to_read(piece: str) -> None:
    """Twenty times the length costs some twenty times as much, not four hundred times."""
    short, long = (_cost_of(piece * count) for count in (1_000, 20_000))

    assert long < 100 * short


def _cost_of(text: str) -> float:
    """Seconds of this thread, the least of three."""
    costs = []
    for _ in range(3):
        began = time.thread_time()
        for _ in range(5):
            normal_form(text)
        costs.append(time.thread_time() - began)
    return min(costs)


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


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("+12025550101", ("+12025550101", "12025550101", "2025550101")),
        ("+442071234567", ("+442071234567", "442071234567", "011442071234567")),
        ("anonymous", ("anonymous",)),
        ("2025550101", ("2025550101",)),
        ("911", ("911",)),
    ],
)
def test_forms_in_which_switches_write_a_number(number: str, forms: tuple[str, ...]) -> None:
    assert written_forms(number) == forms
    assert tuple(map(normal_form, forms)) == forms


@pytest.mark.parametrize(
    "text",
    [
        "+12025550101",
        "12025550101",
        "2025550101",
        '{"called_number":"2025550101"}',
        "a note: 12025550101, who called",
        "5+12025550101",
        "tel:+12025550101;ext=5",
    ],
)
def test_a_number_is_found_in_a_text_in_each_of_its_forms(text: str) -> None:
    assert re.search(naming(written_forms("+12025550101")), text)


@pytest.mark.parametrize(
    "text", ["+120255501011", "+2025550101", "112025550101", "20255501010", "5552025550101", "01112025550101"]
)
def test_a_number_is_not_found_in_another(text: str) -> None:
    """`+2025550101` is an Egyptian one."""
    assert not re.search(naming(written_forms("+12025550101")), text)
