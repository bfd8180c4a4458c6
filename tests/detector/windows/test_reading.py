"""Small parts of a reading against plain Python: which window an instant is in, and counts in fields of six bits."""

from hypothesis import given
from hypothesis import strategies as st

from detector.features.window_constants import ENDED, N_SETUP_MEASURES, N_WINDOWS, RING, TALK_S, WINDOW_MS
from detector.windows.reading import count_of, shortest_window, spread

NOW_MS = 1_700_000_000_000
edges = st.builds(lambda length, off: length + off, st.sampled_from(WINDOW_MS), st.integers(-2, 2))
bits = st.integers(0, (1 << N_SETUP_MEASURES) - 1)


#  now - 24 h ... now - 1 h ... now - 5 min   now - 1 min   now - 10 s      now
#      (-- 4 -----(-- 3 ------(--- 2 -------(--- 1 -------(---- 0 ------------]   the shortest window that has it
@given(edges | st.integers(-10, 100_000_000))
def test_an_instant_is_in_every_window_from_its_shortest_on(age_ms: int) -> None:
    """Half-open: exactly a window ago is outside of it, and what comes after now is in none."""
    having = [window for window, length in enumerate(WINDOW_MS) if 0 <= age_ms < length]

    assert shortest_window(NOW_MS - age_ms, NOW_MS) == min(having, default=N_WINDOWS)


@given(st.lists(bits, max_size=RING), st.lists(bits, max_size=RING))
def test_calls_are_counted_for_all_measures_in_one_addition(setups: list[int], ends: list[int]) -> None:
    """A ring of calls: as many as show the measure, of set-ups and of ends apart."""
    added_setups, added_ends = sum(map(spread, setups)), sum(spread(end & 0xFF) for end in ends)

    for measure in range(N_SETUP_MEASURES):
        assert count_of(measure, added_setups, added_ends, 7) == sum(one >> measure & 1 for one in setups)
    for measure in range(ENDED, TALK_S):
        assert count_of(measure, added_setups, added_ends, 7) == sum(one >> (measure - ENDED) & 1 for one in ends)
    assert count_of(TALK_S, added_setups, added_ends, 7) == 7
