"""DER of extensions: what is read is exactly what was written, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.der import IA5_STRING, SEQUENCE, UTF8_STRING, read_all, read_one, text_of
from detector.trust.verdict import Refused
from tests.detector.trust.authority import tlv

TAGS = st.sampled_from([0x02, 0x0C, 0x16, 0x30, 0xA0])
VALUES = st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=5)


@given(VALUES)
def test_values_come_back(values: list[tuple[int, bytes]]) -> None:
    """Of any size, short and long lengths."""
    assert read_all(b"".join(tlv(tag, content) for tag, content in values)) == values


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """And what is read is written as it was: there is one way."""
    try:
        found = read_all(data)
    except Refused:
        return
    assert b"".join(tlv(tag, content) for tag, content in found) == data


@pytest.mark.parametrize(
    "data",
    [
        "30",  # no length
        "3001",  # cut off
        "3080",  # indefinite length
        "308101aa",  # long form of a short length
        "30820001aa",  # a leading zero
        "3084ffffffff",  # four bytes of length
        "1f0100",  # a tag of several bytes
        "bf2100",
    ],
)
def test_other_forms_are_refused(data: str) -> None:
    """BER that is not DER, and what we need not read."""
    with pytest.raises(Refused):
        read_all(bytes.fromhex(data))


def test_one_value_and_nothing_behind_it() -> None:
    """With its own tag."""
    assert read_one(bytes.fromhex("3002aabb"), SEQUENCE) == bytes.fromhex("aabb")
    for data in ("", "30003000", "1600"):
        with pytest.raises(Refused):
            read_one(bytes.fromhex(data), SEQUENCE)


def test_strings_have_the_characters_of_their_type() -> None:
    """IA5 is ASCII."""
    assert text_of((IA5_STRING, b"123A"), IA5_STRING) == "123A"
    assert text_of((UTF8_STRING, "\u00e9".encode()), UTF8_STRING) == "\u00e9"
    for value, tag in [((IA5_STRING, b"\xff"), IA5_STRING), ((UTF8_STRING, b"\xff"), UTF8_STRING),
                       ((UTF8_STRING, b"a"), IA5_STRING)]:  # fmt: skip
        with pytest.raises(Refused):
            text_of(value, tag)
