"""Files that are kept: what was put in comes out, and any damage is found."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.trust.sealing import sealed, unsealed


class Header(msgspec.Struct, frozen=True):
    name: str


class Other(msgspec.Struct, frozen=True):
    number: int


@given(st.text(), st.binary())
def test_what_was_put_in_comes_out(name: str, content: bytes) -> None:
    """Line breaks in either do no harm."""
    assert unsealed(b"kind 1 ", Header, sealed(b"kind 1 ", Header(name), content)) == (Header(name), content)


@given(st.binary(min_size=1), st.data())
def test_a_flipped_bit_is_found(content: bytes, data: st.DataObject) -> None:
    """Wherever it is; so is a file that was cut."""
    whole = sealed(b"kind 1 ", Header("a"), content)
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:place] + bytes((whole[place] ^ 1 << data.draw(st.integers(0, 7)),)) + whole[place + 1 :]

    assert unsealed(b"kind 1 ", Header, broken) is None
    assert unsealed(b"kind 1 ", Header, whole[:place]) is None


def test_a_file_of_another_kind_or_version_is_none() -> None:
    assert unsealed(b"kind 2 ", Header, sealed(b"kind 1 ", Header("a"), b"x")) is None
    assert unsealed(b"kind 1 ", Other, sealed(b"kind 1 ", Header("a"), b"x")) is None
