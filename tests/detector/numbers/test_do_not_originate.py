"""The table of do-not-originate entries finds what a look into sets of texts finds, and says whose entry it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.numbers.do_not_originate import (
    NO_ENTRIES,
    DnoEntry,
    DnoList,
    DnoSource,
    DnoTable,
    ListEntryInvalid,
    dno_digits,
)

FIRST, SECOND = DnoSource("registry", "2026-11-20"), DnoSource("regulator", "2026-10-01")
NEAR = [f"{npa}{nxx}{line}" for npa in (212, 213) for nxx in (555, 556) for line in ("0000", "0001", "0999", "1000")]
NUMBERS = [*NEAR, "2129999999", "9999999999", "9992229999"]
ENTRIES = st.frozensets(st.sampled_from(sorted({number[:n] for number in NUMBERS for n in (3, 6, 7, 10)})))


def table(*entries: str) -> DnoTable:
    return DnoTable([DnoList.of(entries)])


def found_in(made: DnoTable, numbers: list[str]) -> list[DnoEntry | None]:
    """What a batch of national numbers begins with."""
    digits = np.array([int("1" + number) if number else 0 for number in numbers], np.int64)
    lengths = made.lengths(digits)
    return [made.entry(digits.item(row), length) if length else None for row, length in enumerate(lengths.tolist())]


def naive(first: frozenset[str], second: frozenset[str], number: str) -> DnoEntry | None:
    for length in (10, 7, 6, 3):
        for entries, source in ((first, FIRST), (second, SECOND)):
            if number[:length] in entries:
                return DnoEntry(number[:length], source)
    return None


@given(first=ENTRIES, second=ENTRIES)
def test_the_longest_entry_is_found_and_of_equal_ones_that_of_the_first_list(
    first: frozenset[str], second: frozenset[str]
) -> None:
    made = DnoTable([DnoList.of(first, FIRST), DnoList.of(second, SECOND)])
    expected = [naive(first, second, number) for number in NUMBERS]

    assert found_in(made, NUMBERS) == expected
    assert [made.match(f"+1{number}") for number in NUMBERS] == expected
    assert made.size == len(first | second)


def test_a_full_block_of_numbers_is_searched_to_both_ends() -> None:
    """All lines of one NPA-NXX but two, and none of its neighbours."""
    lines = [f"212555{line:04}" for line in range(10_000) if line not in {4_999, 9_998}]
    made = table(*lines)
    numbers = ["2125549999", "2125550000", "2125554999", "2125559998", "2125559999", "2125560000"]

    assert [entry is not None for entry in found_in(made, numbers)] == [False, True, False, False, True, False]


def test_a_number_of_another_form_begins_with_nothing() -> None:
    """Its digits are 0 in a batch."""
    assert found_in(table("000", "212"), [""]) == [None]


@pytest.mark.parametrize("number", ["anonymous", "8005550199", "+448005550199", "+4480055501", "800", ""])
def test_only_north_american_numbers_match(number: str) -> None:
    assert table("800", "448").match(number) is None


def test_numbers_that_nobody_can_have_match_too() -> None:
    """A carrier may list them, and a text of which only the beginning is digits has that beginning."""
    made = table("000", "0001112222", "212055")

    assert made.match("+10001112222") == DnoEntry("0001112222")
    assert made.match("+10009999999") == DnoEntry("000")
    assert made.match("+1212055abcd") == DnoEntry("212055")
    assert made.match("+1\u0662120550000") is None


def test_without_entries_nothing_is_found_and_no_memory_is_taken() -> None:
    assert NO_ENTRIES.match("+12125550100") is None
    assert found_in(NO_ENTRIES, ["2125550100"]) == [None]
    assert NO_ENTRIES.size_bytes == 0


def test_what_is_not_there_is_no_entry() -> None:
    with pytest.raises(LookupError, match="no entry of 6 digits"):
        table("212").entry(12125550100, 6)


def test_entries_take_three_bytes_each() -> None:
    few, many = table("2125550000"), table(*(f"212555{line:04}" for line in range(10_000)))

    assert many.size_bytes - few.size_bytes == 3 * 9_999


@pytest.mark.parametrize(
    ("entry", "digits"),
    [
        ("800", "800"),
        ("800555", "800555"),
        ("8005550", "8005550"),
        ("8005550199", "8005550199"),
        ("+18005550199", "8005550199"),
        ("18005550199", "8005550199"),
        ("+1800", "800"),
        ("(800) 555-0199", "8005550199"),
        ("1 800.555.0199", "8005550199"),
        (" +1 800-555 ", "800555"),
        ("800-555-0", "8005550"),
    ],
)
def test_do_not_originate_entries_are_brought_to_national_digits(entry: str, digits: str) -> None:
    assert dno_digits(entry) == digits


@pytest.mark.parametrize("entry", ["", "8", "80055", "80055501", "800555019", "+4420", "abc"])
def test_an_entry_of_another_length_is_refused(entry: str) -> None:
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        dno_digits(entry)


@pytest.mark.parametrize(
    "entry",
    ["ACME 212", "Bank of 415", "212 (whole?)", "x8005550199y", "2 1 2", "2 800555", "11/20/26", "1.800.55.5", "212;9"],
)
def test_text_that_only_has_so_many_digits_is_no_entry(entry: str) -> None:
    """Names, dates, addresses and row numbers: as entries they would block area codes that nobody listed."""
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        dno_digits(entry)


@pytest.mark.parametrize("text", ["80055", "8005550abc", "+18005550199", "\u0668\u0660\u0660"])
def test_a_list_takes_bare_digits_alone(text: str) -> None:
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        DnoList.of([text])
