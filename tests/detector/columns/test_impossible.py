"""Numbers that nobody can have: the form for one text and the form for all calls of a batch agree."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.columns.impossible import (
    HEAD_LENGTH,
    REPEATED,
    Impossible,
    heads_of,
    is_wrong_length,
    may_be_impossible,
    may_be_judged,
)
from detector.columns.numbering import nanp_digits, npa_nxx

HEADS = heads_of(tuple(Impossible))
national = st.text("0123456789", min_size=10, max_size=10) | st.sampled_from("0123456789").map(lambda digit: digit * 10)


def may_be(number: str) -> bool:
    data = np.frombuffer(number.encode(), np.uint8)
    digits = nanp_digits(data, 0, len(data))
    return bool(may_be_impossible(digits, npa_nxx(digits)))


def is_impossible(number: str) -> bool:
    return may_be_judged(number) and (number[:HEAD_LENGTH] in HEADS or number in REPEATED or is_wrong_length(number))


@settings(max_examples=400)
@given(national.map(lambda digits: "+1" + digits) | st.text("+0123456789", max_size=16))
@example("+12115550123")
@example("+12121550123")
@example("+17777777777")
def test_no_impossible_number_is_missed_among_all_calls(number: str) -> None:
    assert may_be(number) or not is_impossible(number)


def test_ordinary_numbers_are_not_looked_at() -> None:
    """Or every call would be looked at one by one."""
    assert not any(map(may_be, ("+12125550123", "+18005550199", "+14155551111")))


def test_a_toll_free_number_of_one_digit_is_possible() -> None:
    """+1 888 888 8888 is assigned; no other number of one digit ten times is."""
    assert not is_impossible("+18888888888")
    assert all(is_impossible("+1" + digit * 10) for digit in "012345679")


def test_each_kind_has_its_own_heads() -> None:
    """+1 911 N..., +1 212 0..., and never both."""
    areas, exchanges = heads_of([Impossible.AREA_CODE]), heads_of([Impossible.EXCHANGE])

    assert {"+19115", "+10125", "+11000"} <= areas
    assert {"+12120", "+12121"} <= exchanges
    assert not areas & exchanges
    assert heads_of([Impossible.LENGTH]) == frozenset()
