"""What counts as dialling on in sequence, against plain integers."""

from hypothesis import example, given
from hypothesis import strategies as st

from detector.columns.numbering import SUBSCRIBER_RANGE
from detector.features.window_constants import SEQUENTIAL_REACH
from detector.windows.counting import is_sequential

nanp = st.builds(
    lambda area, office, line: 10_000_000_000 + area * 10_000_000 + office * 10_000 + line,
    st.integers(200, 999),
    st.integers(200, 999),
    st.integers(0, 9_999),
)


def low(number: int) -> int:
    """What a row keeps of a number: its low 32 bits, signed."""
    return (number + 2**31) % 2**32 - 2**31


@given(nanp, st.integers(-30, 30))
@example(13_105_559_995, 10)
@example(13_105_550_000, -1)
def test_numbers_of_one_block_and_near_are_a_sequence(last: int, step: int) -> None:
    """Up to ten from the last one, up or down, within the block; the same number again is none."""
    called = last + step
    same_block = called // SUBSCRIBER_RANGE == last // SUBSCRIBER_RANGE

    assert is_sequential(low(last), called) == (same_block and 0 < abs(step) <= SEQUENTIAL_REACH)


@given(nanp, nanp)
def test_any_two_numbers_are_a_sequence_by_their_distance_alone(last: int, called: int) -> None:
    same_block = called // SUBSCRIBER_RANGE == last // SUBSCRIBER_RANGE

    assert is_sequential(low(last), called) == (same_block and 0 < abs(called - last) <= SEQUENTIAL_REACH)


def test_a_number_that_is_not_nanp_is_in_no_sequence() -> None:
    assert not is_sequential(low(13_105_550_100), 0)
    assert not is_sequential(0, 13_105_550_100)
