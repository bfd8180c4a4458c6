"""Events that are too old where they stand are counted, however they are cut into batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.screening.order import TOLERATED_MS, Order


def order_of(*batches: list[int]) -> Order:
    order = Order()
    for one in batches:
        order.add(np.array(one, np.int64))
    return order


def test_an_event_is_late_by_more_than_an_hour_after_the_newest_one_before_it() -> None:
    """Exactly an hour is not; what comes behind is compared with the newest, not with the late one."""
    newest = 10 * TOLERATED_MS

    assert order_of([newest, newest - TOLERATED_MS]).late == 0
    order = order_of([newest, newest - TOLERATED_MS - 1], [], [newest - TOLERATED_MS - 1, newest + 1])
    assert order.late == 2
    assert order.warning == "2 events are more than 1 h older than one before them: give events in order of time"


@given(st.lists(st.lists(st.integers(0, 4 * TOLERATED_MS), max_size=5), max_size=5))
def test_batches_change_nothing(batches: list[list[int]]) -> None:
    times = [one for batch in batches for one in batch]
    late = sum(max(times[: place + 1]) - one > TOLERATED_MS for place, one in enumerate(times))

    assert order_of(*batches).late == order_of(times).late == late
