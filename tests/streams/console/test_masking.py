"""No line of a number is left to be read, in whatever text it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+12025550123", "+1202555••••"),
        ("12025550123", "1202555••••"),
        ("+442079460000", "+44207946••••"),
        ("+1-202-555-0123", "+1-202-555-••••"),
        ("(202) 555-0123", "(202) 555-••••"),
        ("sip:+12025550123@192.0.2.1", "sip:+1202555••••@192.0.2.1"),
        ("alice.doe@example.com", "••••@example.com"),
        ("from +12025550123 to +13125550142", "from +1202555•••• to +1312555••••"),
        ("911", "911"),
        ("anonymous", "anonymous"),
        ("tg-chi-7", "tg-chi-7"),
        ("", ""),
    ],
)
def test_the_last_four_digits_are_covered(text: str, shown: str) -> None:
    """Short codes and words stay."""
    assert masked(text) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["", " ", "x", "<", ":", "-a"]))
def test_no_number_keeps_its_last_digits_whatever_stands_around_it(number: str, around: str) -> None:
    """Seven digits or more."""
    shown = masked(f"{around}{number}{around}")

    assert number[-4:] not in shown.replace(number[:-4], "", 1)
    assert number[:-4] in shown
