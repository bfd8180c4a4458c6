"""Standing blocks raise the margin at which a call is blocked, exactly as far as a slow look at every call says."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from detector.policy.settings import StandingBlocks
from models.budgets.bounds import ReferenceCalls
from models.budgets.standing import with_standing_blocks

RULE = StandingBlocks(after_blocks=3, within_s=60, block_s=100)


def calls_of(calls: list[tuple[int, int, float]]) -> ReferenceCalls:
    """Calls as (caller, seconds, margin)."""
    callers, seconds, margins = (np.array(column) for column in zip(*calls, strict=True))
    return ReferenceCalls(
        margins.astype(np.float64),
        callers.astype(np.int64),
        seconds.astype(np.int64) * 1_000,
    )


def test_the_third_block_within_a_minute_blocks_what_follows_for_100_seconds() -> None:
    """Of the caller alone.

    s        0  10  20  30  119 120
    margin   5   6   7   1    1   1
    blocked  5   6   7   5    5   1
    """
    times = (0, 10, 20, 30, 119, 120)
    calls = [(1, at_s, margin) for at_s, margin in zip(times, (5.0, 6.0, 7.0, 1.0, 1.0, 1.0), strict=True)]

    found = with_standing_blocks(calls_of([*calls, (2, 30, 1.0)]), RULE, from_margin=4.0)

    assert found.margins.tolist() == [5.0, 6.0, 7.0, 5.0, 5.0, 1.0, 1.0]


def test_margins_that_block_nothing_bring_about_nothing() -> None:
    calls = calls_of([(1, 0, 5.0), (1, 1, 6.0), (1, 2, 7.0), (1, 3, 1.0)])

    found = with_standing_blocks(calls, RULE, from_margin=5.5)

    assert found.margins.tolist() == calls.margins.tolist()


@example(calls=[(1, 0, 5.0), (1, 1, 5.0), (1, 60, 5.0), (1, 61, 1.0)])  # the first is just too long ago
@example(calls=[(1, 0, 5.0), (1, 0, 5.0), (1, 0, 5.0), (1, 1, 4.0), (1, 100, 1.0)])
@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 300), st.sampled_from([1.0, 4.0, 5.0, 6.0])),
        min_size=1,
        max_size=40,
    )
)
def test_a_call_is_hit_from_the_margin_on_at_which_a_slow_look_finds_it_blocked(
    calls: list[tuple[int, int, float]],
) -> None:
    """For each threshold: blocked by itself, or within 100 s after a third block in a minute."""
    made = calls_of(calls)

    found = with_standing_blocks(made, RULE, from_margin=4.0)

    for threshold in (4.0, 4.5, 5.0, 6.0):
        assert (found.margins >= threshold).tolist() == _slow(made, threshold)


def _slow(calls: ReferenceCalls, threshold: float) -> list[bool]:
    order = np.argsort(calls.at_ms, kind="stable").tolist()
    place = {index: rank for rank, index in enumerate(order)}
    hit = []
    for index in range(len(calls.margins)):
        mine = [one for one in order if calls.callers[one] == calls.callers[index]]
        blocks = [one for one in mine if calls.margins[one] >= threshold]
        stands = False
        for last in blocks:
            now_ms = calls.at_ms[last]
            recent = [one for one in blocks if place[one] <= place[last] and calls.at_ms[one] > now_ms - 60_000]
            lasts = now_ms + 100_000 > calls.at_ms[index]
            stands |= len(recent) >= 3 and place[last] < place[index] and bool(lasts)
        hit.append(bool(calls.margins[index] >= threshold) or stands)
    return hit
