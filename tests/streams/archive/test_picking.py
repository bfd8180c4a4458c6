"""The best examples: young, answered, latest, between different numbers."""

from hypothesis import given
from hypothesis import strategies as st

from streams.archive.picking import OLDEST_MS, best
from tests.streams.traceback.traceback_case import NOON_MS, archived

CALLS = st.lists(
    st.builds(
        lambda age_ms, calling, called, duration_s: archived(
            NOON_MS - age_ms, duration_s=duration_s, calling_number=calling, called_number=called,
            call_id=f"{age_ms}-{calling}-{called}",
        ),
        st.integers(-OLDEST_MS // 10, 2 * OLDEST_MS), st.sampled_from("abc"), st.sampled_from("xyz"),
        st.none() | st.just(20.0),
    ),
    max_size=20,
)  # fmt: skip


def test_answered_calls_come_first_and_then_the_latest() -> None:
    calls = [
        archived(NOON_MS - 5_000, duration_s=9.0, calling_number="a", called_number="1"),
        archived(NOON_MS - 1_000, calling_number="b", called_number="2"),
        archived(NOON_MS - 9_000, duration_s=9.0, calling_number="c", called_number="3"),
        archived(NOON_MS - 2_000, is_ended=False, calling_number="d", called_number="4"),
    ]
    assert [call.set_up.calling_number for call in best(calls, NOON_MS, 4)] == ["a", "c", "b", "d"]


def test_a_number_comes_again_only_where_nothing_else_is_left() -> None:
    calls = [
        archived(NOON_MS - 1_000, calling_number="a", called_number="1"),
        archived(NOON_MS - 2_000, calling_number="a", called_number="2"),
        archived(NOON_MS - 3_000, calling_number="b", called_number="3"),
        archived(NOON_MS - 4_000, calling_number="a", called_number="1"),
    ]
    chosen = [(call.set_up.calling_number, call.set_up.called_number) for call in best(calls, NOON_MS, 9)]
    assert chosen == [("a", "1"), ("b", "3"), ("a", "2")]


@given(calls=CALLS, count=st.integers(0, 6))
def test_examples_are_young_and_of_different_pairs(calls: list, count: int) -> None:  # type: ignore[type-arg]
    chosen = best(calls, NOON_MS, count)
    pairs = [(call.set_up.calling_number, call.set_up.called_number) for call in chosen]
    assert len(pairs) == len(set(pairs)) <= count
    assert all(0 <= NOON_MS - call.set_up.setup_time_ms < OLDEST_MS for call in chosen)
    young = {
        (call.set_up.calling_number, call.set_up.called_number)
        for call in calls
        if 0 <= NOON_MS - call.set_up.setup_time_ms < OLDEST_MS
    }
    assert len(chosen) == min(count, len(young))
