"""Matching of the carrier's lists."""

import pytest

from detector.numbers.do_not_originate import ListEntryInvalid
from detector.policy.lists import Lists


@pytest.mark.parametrize("entry", ["", "8", "80055", "80055501", "800555019", "+4420", "abc"])
def test_an_entry_of_another_length_is_refused(entry: str) -> None:
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        Lists(dno=frozenset([entry]))


def test_entries_may_carry_the_kind_of_entity() -> None:
    lists = Lists(allow=frozenset(["number:+12125550100", "trunk:t-1", "t-2"]))

    assert lists.allow == {"+12125550100", "t-1", "t-2"}


def test_lists_with_the_same_entries_are_equal() -> None:
    assert Lists(dno=frozenset(["+1800"])) == Lists(dno=frozenset(["800"]))
