"""Which call is meant: the single one in the tolerance that nothing contradicts, or nobody is named."""

from hypothesis import given
from hypothesis import strategies as st

from streams.traceback.matching import TOLERANCE_MS, Asked, match, whole_hours_away
from streams.traceback.records import Status
from tests.streams.traceback.traceback_case import NOON_MS, archived

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
OFFSETS_MS = st.integers(-30 * MINUTE_MS, 30 * MINUTE_MS)


def test_the_single_call_in_the_tolerance_is_found_up_to_its_edge() -> None:
    for offset_ms, status in (
        (TOLERANCE_MS, Status.FOUND),
        (-TOLERANCE_MS, Status.FOUND),
        (TOLERANCE_MS + 1, Status.NOT_FOUND),
    ):
        found = match(Asked((NOON_MS,)), [archived(NOON_MS + offset_ms), archived(NOON_MS + HOUR_MS)])
        assert found.status is status
        assert len(found.calls) == (status is Status.FOUND)


def test_two_calls_in_the_tolerance_are_ambiguous_even_when_one_is_exact() -> None:
    found = match(Asked((NOON_MS,)), [archived(NOON_MS), archived(NOON_MS + 4 * MINUTE_MS)])
    assert found.status is Status.AMBIGUOUS
    assert [call.set_up.setup_time_ms for call in found.calls] == [NOON_MS, NOON_MS + 4 * MINUTE_MS]


@given(
    true_ms=OFFSETS_MS,
    others_ms=st.lists(OFFSETS_MS, max_size=4, unique=True),
    clock_ms=st.integers(-TOLERANCE_MS, TOLERANCE_MS),
)
def test_no_other_call_is_ever_named_while_clocks_differ_by_less_than_the_tolerance(
    true_ms: int, others_ms: list[int], clock_ms: int
) -> None:
    """Whatever else the pair called: the call that is meant is found, or it is said that nobody can tell."""
    meant = archived(NOON_MS + true_ms, call_id="meant")
    others = [archived(NOON_MS + other_ms, call_id=f"other-{other_ms}") for other_ms in others_ms]
    found = match(Asked((NOON_MS + true_ms + clock_ms,)), [*others, meant])
    assert found.status in {Status.FOUND, Status.AMBIGUOUS}
    assert meant in found.calls
    if found.status is Status.FOUND:
        assert found.calls == (meant,)


def test_a_single_call_that_is_unlike_what_was_said_is_not_named() -> None:
    """The call that is meant is missing here, and the pair called once more: durations tell."""
    other = archived(NOON_MS, duration_s=70.0)
    assert match(Asked((NOON_MS,), duration_s=30.0), [other]).status is Status.AMBIGUOUS
    assert match(Asked((NOON_MS,), duration_s=62.0), [other]).status is Status.FOUND
    assert match(Asked((NOON_MS,), is_answered=False), [other]).status is Status.AMBIGUOUS
    assert match(Asked((NOON_MS,), is_answered=True), [other]).status is Status.FOUND
    assert (
        match(Asked((NOON_MS,), duration_s=30.0, is_answered=True), [archived(NOON_MS, is_ended=False)]).status
        is Status.FOUND
    )


def test_an_hour_that_came_twice_is_looked_for_twice() -> None:
    asked = Asked((NOON_MS, NOON_MS + HOUR_MS))
    assert match(asked, [archived(NOON_MS + HOUR_MS)]).status is Status.FOUND
    assert match(asked, [archived(NOON_MS), archived(NOON_MS + HOUR_MS)]).status is Status.AMBIGUOUS
    assert (asked.begin_ms, asked.end_ms) == (NOON_MS - TOLERANCE_MS, NOON_MS + HOUR_MS + TOLERANCE_MS)


def test_a_wrong_zone_is_guessed_and_not_used() -> None:
    asked = Asked((NOON_MS,))
    calls = [archived(NOON_MS + 5 * HOUR_MS + MINUTE_MS), archived(NOON_MS - 7 * HOUR_MS)]
    assert match(asked, calls).status is Status.NOT_FOUND
    assert whole_hours_away(asked, calls) == 5
    assert whole_hours_away(asked, [archived(NOON_MS + 5 * HOUR_MS + 30 * MINUTE_MS)]) is None
    assert whole_hours_away(asked, []) is None
