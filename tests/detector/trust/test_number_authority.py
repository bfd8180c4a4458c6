"""TNAuthList: codes and numbers, ranges and their edges, and what may be delegated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.number_authority import NumberAuthority, parse_number_authority
from detector.trust.verdict import Refused
from tests.detector.trust.authority import number, number_range, spc, tlv


def test_all_kinds_of_entries_are_read() -> None:
    """Worked out by hand: [0] IA5String "123A" is a0 06 16 04 31 32 33 41."""
    assert spc("123A") == bytes.fromhex("a006160431323341")

    found = parse_number_authority(tlv(0x30, spc("123A"), number("12025550101"), number_range("12025550100", 256)))

    assert found == NumberAuthority(("123A",), (("12025550101", 1), ("12025550100", 256)))


def test_a_range_has_its_ends_and_no_more() -> None:
    """First number and how many; numbers of another length are others."""
    found = NumberAuthority(ranges=(("12025550100", 100),))

    inside = ["12025550100", "12025550199"]
    outside = ["12025550099", "12025550200", "1202555010", "120255501000", "", "sip:a@b", "\u0661" * 11]
    assert [found.has_number(one) for one in inside] == [True] * 2
    assert [found.has_number(one) for one in outside] == [False] * 7
    assert not NumberAuthority(("123A",)).has_number("12025550100")


@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 40), st.integers(1, 30))
def test_a_range_is_within_another_where_all_its_numbers_are(first: int, count: int, ours: int, our_count: int) -> None:
    """Held against sets."""
    issuer = NumberAuthority(ranges=((f"{100 + ours}", our_count),))
    issued = NumberAuthority(ranges=((f"{100 + first}", count),))

    assert issuer.encompasses(issued) is (set(range(first, first + count)) <= set(range(ours, ours + our_count)))


RANGES = st.lists(st.tuples(st.sampled_from(["1{:02}", "2{:03}"]), st.integers(0, 20), st.integers(1, 12)), max_size=5)


@given(RANGES, RANGES)
def test_each_range_lies_within_one(issuers: list[tuple[str, int, int]], issued: list[tuple[str, int, int]]) -> None:
    """In any order, overlapping, of several lengths: as by looking at each pair."""
    ours, theirs = (
        NumberAuthority(ranges=tuple((form.format(first), count) for form, first, count in ranges))
        for ranges in (issuers, issued)
    )

    assert ours.encompasses(theirs) is all(
        any(form == by and first >= start and first + count <= start + size for by, start, size in issuers)
        for form, first, count in issued
    )


def test_codes_are_delegated_as_they_are() -> None:
    """A provider may delegate numbers; whose they are, nobody can tell."""
    provider, other = NumberAuthority(("123A",)), NumberAuthority(("456B",))
    numbers = NumberAuthority(ranges=(("12025550100", 100),))

    assert provider.encompasses(provider)
    assert provider.encompasses(numbers)
    assert not provider.encompasses(other)
    assert not numbers.encompasses(provider)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        tlv(0x30),
        tlv(0x31, spc("123A")),
        tlv(0x30, spc("123A")) + b"\x00",
        tlv(0x30, tlv(0xA3, b"")),
        tlv(0x30, tlv(0x80, b"123A")),  # implicit tagging
        tlv(0x30, spc("")),
        tlv(0x30, spc("12 3")),
        tlv(0x30, spc("1" * 17)),
        tlv(0x30, number("+12025550101")),
        tlv(0x30, number("1" * 16)),
        tlv(0x30, number_range("12025550100", 1)),
        tlv(0x30, number_range("999", 2)),
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x16, b"12025550100")))),
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x16, b"12025550100"), tlv(0x02, b"\xff")))),  # minus one
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x16, b"12025550100"), tlv(0x02, b"")))),
        tlv(0x30, tlv(0xA1, tlv(0x30, tlv(0x16, b"12025550100"), tlv(0x02, b"\x01" * 9)))),
        b"1ca.shaken.signalwire.cloud/sti-ca/acme/TNAuthList",  # a text, as a stack in use writes it
    ],
)
def test_other_forms_are_refused(value: bytes) -> None:
    """Of each entry and of the whole."""
    with pytest.raises(Refused):
        parse_number_authority(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else is raised."""
    try:
        found = parse_number_authority(data)
    except Refused:
        return
    assert found.spcs or found.ranges
