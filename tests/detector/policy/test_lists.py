"""Matching of the carrier's lists."""

import pytest

from detector.policy.lists import ListEntryInvalid, Lists, dno_digits


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
    ],
)
def test_do_not_originate_entries_are_brought_to_national_digits(entry: str, digits: str) -> None:
    assert dno_digits(entry) == digits


@pytest.mark.parametrize("entry", ["", "8", "80055", "80055501", "800555019", "+4420", "abc"])
def test_an_entry_of_another_length_is_refused(entry: str) -> None:
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        Lists(dno=frozenset([entry]))


def test_the_longest_prefix_wins() -> None:
    lists = Lists(dno=frozenset(["800", "800555", "8005550", "8005550199"]))

    assert lists.dno_match("+18005550199") == "8005550199"
    assert lists.dno_match("+18005550198") == "8005550"
    assert lists.dno_match("+18005551198") == "800555"
    assert lists.dno_match("+18006551198") == "800"
    assert lists.dno_match("+18016551198") is None


@pytest.mark.parametrize("number", ["anonymous", "8005550199", "+448005550199", "+4480055501", "800", ""])
def test_only_north_american_numbers_match(number: str) -> None:
    assert Lists(dno=frozenset(["800", "448"])).dno_match(number) is None


def test_entries_may_carry_the_kind_of_entity() -> None:
    lists = Lists(allow=frozenset(["number:+12125550100", "trunk:t-1", "t-2"]))

    assert lists.allow == {"+12125550100", "t-1", "t-2"}


def test_lists_with_the_same_entries_are_equal() -> None:
    assert Lists(dno=frozenset(["+1800"])) == Lists(dno=frozenset(["800"]))
