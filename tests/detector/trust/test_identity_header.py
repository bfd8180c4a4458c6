"""Identity headers taken apart: both forms, parameters, several in one value, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import IDENTITY_LIMIT, LIST_LIMIT
from detector.trust.identity_header import IdentityHeader, parse_identities, parse_token
from detector.trust.verdict import Cause, Refused

FULL = IdentityHeader("e30", "e30", "c2ln", "https://example.org/a.pem", "ES256", "shaken")
PART = st.text(alphabet="abcABC019-_", min_size=1, max_size=20)
WORD = st.text(alphabet="abcABC019-.!~", min_size=1, max_size=8)
URI = st.text(alphabet="abc019:/.-_,;=", min_size=1, max_size=30)


@pytest.mark.parametrize(
    "value",
    [
        "e30.e30.c2ln;info=<https://example.org/a.pem>;alg=ES256;ppt=shaken",
        "Identity: e30.e30.c2ln;info=<https://example.org/a.pem>;alg=ES256;ppt=shaken",
        "y:e30.e30.c2ln ; info = <https://example.org/a.pem> ; ppt = shaken ; alg = ES256",
        'e30.e30.c2ln;INFO=<https://example.org/a.pem>;ALG="ES256";PPT="shaken"',
        "e30.e30.c2ln;info=<https://example.org/a.pem>;other;alg=ES256;more=1;ppt=shaken",
        "\r\n e30.e30.c2ln;\r\n info=<https://example.org/a.pem>;alg=ES256;ppt=shaken  ",
    ],
)
def test_one_header_in_many_forms(value: str) -> None:
    """White space, order, case of names and quotes do not matter."""
    assert parse_identities([value]) == [FULL]


def test_the_compact_form_has_a_signature_alone() -> None:
    """The rest is rebuilt from the call."""
    (found,) = parse_identities(["..c2ln;info=<https://example.org/a.pem>"])

    assert isinstance(found, IdentityHeader)
    assert (found.is_compact, found.signature, found.ppt) == (True, "c2ln", None)
    assert not FULL.is_compact


def test_several_in_one_value_and_several_values() -> None:
    """A comma inside of an address or of quotes parts nothing."""
    comma = IdentityHeader("e30", "e30", "c2ln", "https://example.org/a,b.pem", None, "a,b")
    value = 'e30.e30.c2ln;info=<https://example.org/a,b.pem>;ppt="a,b"'

    assert parse_identities([f"{value}, {value}", FULL.encode()]) == [comma, comma, FULL]


def test_a_bad_one_does_not_hide_its_neighbours() -> None:
    """What stands before it in its value is read, and so are other values."""
    first, bad, last = parse_identities([f"{FULL.encode()}, junk", FULL.encode()])

    assert (first, last) == (FULL, FULL)
    assert isinstance(bad, Refused)


@given(PART, PART, PART, st.none() | URI, st.none() | WORD, st.none() | WORD)
def test_what_is_written_is_read_again(
    protected: str, body: str, signature: str, info: str | None, alg: str | None, ppt: str | None
) -> None:
    """Encoded and parsed headers agree."""
    header = IdentityHeader(protected, body, signature, info, alg, ppt)

    assert parse_identities([header.encode()]) == [header]


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_read_or_refused(values: list[str]) -> None:
    """And what is read can be written and read again."""
    for found in parse_identities(values):
        if isinstance(found, IdentityHeader):
            assert parse_identities([found.encode()]) == [found]


def test_too_large_and_too_many_are_refused() -> None:
    """The bounds of the event contract."""
    (large,) = parse_identities(["a" * (IDENTITY_LIMIT + 1)])

    assert isinstance(large, Refused)
    assert large.cause is Cause.IDENTITY_TOO_LARGE
    assert len(parse_identities([FULL.encode()] * LIST_LIMIT)) == LIST_LIMIT
    with pytest.raises(Refused) as refusal:
        parse_identities([",".join([FULL.encode()] * LIST_LIMIT), FULL.encode()])
    assert refusal.value.cause is Cause.TOO_MANY_IDENTITIES


@pytest.mark.parametrize(
    "text",
    [
        ";a=" * 2_700,
        "a.b.c" + " " * 8_000 + "x",
        "a.b.c;" + "a" * 8_000 + "=",
        "a.b.c;a=" + '"' + "\\" * 8_000,
        "." * 8_000,
    ],
)
def test_hostile_values_are_read_once(text: str) -> None:
    """A pattern that tried again from each place would run into the time-out of the tests."""
    for _ in range(100):
        assert all(isinstance(found, Refused) for found in parse_identities([text]))


@pytest.mark.parametrize(
    "text", ["", "..c2ln", "e30.e30", "e30.e30.c2ln;ppt=shaken", "e30.e30.", "a b.c.d", "a" * 9_000]
)
def test_a_token_alone_has_the_full_form(text: str) -> None:
    """As in the claim `opt`."""
    assert parse_token("e30.e30.c2ln") == IdentityHeader("e30", "e30", "c2ln")
    with pytest.raises(Refused):
        parse_token(text)
