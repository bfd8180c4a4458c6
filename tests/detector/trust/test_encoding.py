"""Base64url and JSON of tokens: one text has one reading."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.encoding import canonical_json, decode_base64url, decode_object, encode_base64url
from detector.trust.verdict import Refused


@given(st.binary(max_size=100))
def test_bytes_come_back(data: bytes) -> None:
    """And the text is that of the standard library, without padding."""
    text = encode_base64url(data)

    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert decode_base64url(text) == data


@given(st.text(alphabet="ABQgwAEIMkz0189-_+/=. \n\u00e9", max_size=9))
def test_no_two_texts_are_the_same_bytes(text: str) -> None:
    """What is read is written as it was, whatever was tried."""
    try:
        decoded = decode_base64url(text)
    except Refused:
        return

    assert encode_base64url(decoded) == text


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "AA==", "A+A/", "AA A", "\u00e9\u00e9", "AAAA\n"])
def test_other_texts_are_refused(text: str) -> None:
    """Cut off, with bits behind the end, padded, ordinary base64."""
    with pytest.raises(Refused):
        decode_base64url(text)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"1", b'"a"', b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":NaN}', b'{"a":-Infinity}',
     b"\xff{}",     b'{"a":' * 50_000, b'{"a":1}{}', b"\xef\xbb\xbf{}", b'{"a":' + b"9" * 5_000 + b"}"],
)  # fmt: skip
def test_other_json_is_refused(data: bytes) -> None:
    """Nothing but `Refused` comes out."""
    with pytest.raises(Refused):
        decode_object(data)


def test_json_is_signed_in_one_form() -> None:
    """RFC 8225 section 9: keys in order, no white space."""
    value = json.loads('{"b": [1, true], "a": {"d": "\\u00e9", "c": null}}')

    assert canonical_json(value) == '{"a":{"c":null,"d":"\u00e9"},"b":[1,true]}'.encode()
    assert decode_object(canonical_json(value)) == value


def test_half_a_surrogate_has_no_form() -> None:
    """JSON can write it, UTF-8 cannot."""
    with pytest.raises(Refused):
        canonical_json({"a": "\ud800"})
