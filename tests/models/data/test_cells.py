"""What strangers wrote is no formula in a file, and read back as they wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.cells import as_it_was, inert, separator_of


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("+1+1", "'+1+1"),
        ("'=1", "''=1"),
        ("+12025550100", "+12025550100"),
        ("-1.5", "-1.5"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_only_what_begins_like_a_formula_gets_an_apostrophe(text: str, cell: str) -> None:
    assert inert(text) == cell
    assert as_it_was(cell) == text


@given(st.text("'=+-@\t\r1.a", max_size=8) | st.text(max_size=8))
def test_every_text_is_read_back_and_none_is_a_formula(text: str) -> None:
    cell = inert(text)

    assert as_it_was(cell) == text
    assert not cell.startswith(("=", "@", "\t", "\r"))


def test_what_is_no_text_stays() -> None:
    assert inert(-1.5) == -1.5


@pytest.mark.parametrize(("header", "separator"), [("a,b;c,d", ","), ("a;b,c;d", ";"), ("a", ",")])
def test_the_separator_is_what_the_header_has_more_of(header: str, separator: str) -> None:
    assert separator_of(header) == separator
