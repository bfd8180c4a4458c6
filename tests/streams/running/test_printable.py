"""What a stranger wrote reaches a terminal as text, never as a command to it."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from streams.running.printable import counted_in_words, printable


@given(st.text())
def test_nothing_but_text_and_blanks_comes_out(text: str) -> None:
    shown = printable(text)
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in shown)
    assert printable(shown) == shown


def test_what_can_be_read_stays_and_what_cannot_is_its_escape() -> None:
    assert printable("Dr. Müller, +1 202") == "Dr. Müller, +1 202"
    assert printable("+1\x1b[2J\x9b\u202e\n\ud800") == r"+1\x1b[2J\x9b\u202e\n\ud800"


def test_one_of_a_thing_is_in_the_singular() -> None:
    assert [counted_in_words(count, "call") for count in (0, 1, 1_200)] == ["0 calls", "1 call", "1,200 calls"]
