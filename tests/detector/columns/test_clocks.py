"""Wrong clocks: what counts as wrong, how far it is corrected, and that nobody else's windows feel it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.clocks import ClockTolerance, set_right, shifts_ms
from detector.contract.decisions import Action, Mode, Step
from detector.contract.events import CallEnd, CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features.table import INDEX
from detector.policy.held import caller_of
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import BY_ORDER, CALLER, START_MS, TRUNK_GROUP, call_setup, make_screener
from detector.windows import WindowEngine, WindowSettings
from tests.detector.policy_case import CATEGORIES, SCORE

SEED = 3
SETTINGS = WindowSettings(
    max_hot_numbers=64,
    max_cold_numbers=64,
    max_trunks=8,
    max_blocks=64,
    max_origins=8,
    max_called=64,
    seed=SEED,
    partitions=1,
)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
TOLERANCE = ClockTolerance(ahead_ms=MINUTE_MS, behind_ms=30 * MINUTE_MS)
TIMES = st.integers(START_MS - 30 * HOUR_MS, START_MS + 30 * HOUR_MS)


def naive_shift(time_ms: int, arrival_ms: int, tolerance: ClockTolerance) -> int:
    """One event in plain words."""
    if arrival_ms <= 0:
        return 0
    if time_ms <= arrival_ms + tolerance.ahead_ms and time_ms >= arrival_ms - tolerance.behind_ms:
        return 0
    if time_ms < arrival_ms - tolerance.backfill_ms:
        return 0
    minutes, rest_ms = divmod(arrival_ms - time_ms, MINUTE_MS)
    return (minutes + (rest_ms >= MINUTE_MS // 2)) * MINUTE_MS


@given(
    st.lists(st.tuples(TIMES, TIMES | st.sampled_from([-1, 0])), max_size=8),
    st.builds(
        ClockTolerance,
        ahead_ms=st.integers(0, 2 * HOUR_MS),
        behind_ms=st.integers(0, 2 * HOUR_MS),
        backfill_ms=st.integers(2 * HOUR_MS, 60 * HOUR_MS),
    ),
)
def test_shifts_are_those_of_the_naive_twin(pairs: list[tuple[int, int]], tolerance: ClockTolerance) -> None:
    times, arrivals = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True)) if pairs else ([], [])

    shifts = shifts_ms(np.asarray(times, np.int64), np.asarray(arrivals, np.int64), tolerance)

    assert shifts.tolist() == [naive_shift(time, arrival, tolerance) for time, arrival in pairs]


@given(TIMES, TIMES)
def test_a_corrected_time_is_near_its_arrival(time_ms: int, arrival_ms: int) -> None:
    """Half a minute at most, so a corrected event is always within the tolerance."""
    (shift,) = shifts_ms(np.array([time_ms]), np.array([arrival_ms]), TOLERANCE).tolist()

    assert shift == 0 or abs(time_ms + shift - arrival_ms) <= MINUTE_MS // 2
    assert shifts_ms(np.array([time_ms + shift]), np.array([arrival_ms]), TOLERANCE).tolist() == [0]


#  event time, by how much it differs from its arrival
#   -48 h            -30 min       0      +1 min
#  --]----- wrong -----[--- late or right ---]----- wrong ---->     both bounds themselves are tolerated
#  a replay of old traffic on purpose: left alone, as late events are
@pytest.mark.parametrize(
    ("ahead_ms", "shift_ms"),
    [
        (0, 0),
        (60_000, 0),
        (60_001, -60_000),
        (7 * HOUR_MS - 40, -7 * HOUR_MS),
        (-1_800_000, 0),
        (-1_800_001, 1_800_000),
        (-5 * HOUR_MS - 90, 5 * HOUR_MS),
        (-48 * HOUR_MS, 48 * HOUR_MS),
        (-48 * HOUR_MS - 1, 0),
    ],
)
def test_the_bounds_themselves_are_tolerated(ahead_ms: int, shift_ms: int) -> None:
    assert shifts_ms(np.array([START_MS + ahead_ms]), np.array([START_MS]), TOLERANCE).tolist() == [shift_ms]


def call(number: int, at_ms: int) -> CallSetup:
    """Another calling number each time, one trunk group for all."""
    return call_setup(f"c{number}", setup_time_ms=at_ms, calling_number=f"+1212555{number:04d}")


def end_of(event: CallSetup, after_ms: int) -> CallEnd:
    """Answered after a second."""
    return CallEnd(
        call_id=event.call_id,
        setup_time_ms=event.setup_time_ms,
        end_time_ms=event.setup_time_ms + after_ms,
        answer_time_ms=event.setup_time_ms + 1_000,
        calling_number=event.calling_number,
        called_number=event.called_number,
        trunk_group_id=event.trunk_group_id,
        sip_status=200,
    )


def columns(*events: CallSetup | CallEnd) -> CallBatch:
    return build_batch(events, [isinstance(event, CallSetup) for event in events], [0] * len(events), seed=SEED)


def features_of_normal_calls(wrong_by_ms: int, tolerance: ClockTolerance) -> FeatureMatrix:
    """20 calls, one a second, one of them and its end by a switch with a wrong clock; the rows of all others."""
    engine = WindowEngine(SETTINGS)
    rows = []
    for number in range(20):
        at_ms = START_MS + 1_000 * number
        event = call(number, at_ms + (wrong_by_ms if number == 5 else 0))
        batch, _ = set_right(columns(event), np.array([at_ms + 40]), tolerance)
        rows.append(engine.update(batch))
        if number == 5:
            ended, skewed = set_right(columns(end_of(event, 9_000)), np.array([at_ms + 9_070]), tolerance)
            engine.update(ended)
            assert skewed == (wrong_by_ms in SHIFTED and tolerance is TOLERANCE)
    del rows[5]
    return np.concatenate(rows)


NEVER = ClockTolerance(ahead_ms=10**12, behind_ms=10**12)
SHIFTED = [7 * HOUR_MS, -5 * HOUR_MS, 24 * HOUR_MS, -40 * HOUR_MS]
OLD_MS = -400 * 24 * HOUR_MS


#  arrival   0s  1s  2s  3s  4s  5s  6s ... 19s
#  calls     x   x   x   x   x   w   x  ...  x        w bears a time that is hours off; it is moved to its arrival,
#                                                     so that the windows of its trunk group stay where they are
@pytest.mark.parametrize("wrong_by_ms", SHIFTED)
def test_a_switch_hours_off_changes_nothing_for_the_others_on_its_trunk_group(wrong_by_ms: int) -> None:
    """Nothing expired, nothing frozen: to the bit what they are when its clock is right."""
    right = features_of_normal_calls(0, TOLERANCE)

    assert np.array_equal(features_of_normal_calls(wrong_by_ms, TOLERANCE), right)
    assert right[-1, INDEX["trunk_attempts_1h"]] == 20


def test_an_event_of_last_year_is_left_in_its_time_and_leaves_the_present_alone() -> None:
    """The others see one call less on their trunk group, and nothing else of it."""
    rows = features_of_normal_calls(OLD_MS, TOLERANCE)

    assert rows[:, INDEX["trunk_attempts_1h"]].tolist() == list(range(1, 20))


@pytest.mark.parametrize("wrong_by_ms", SHIFTED)
def test_without_the_correction_it_does(wrong_by_ms: int) -> None:
    """What the test above would miss if it could not fail."""
    right = features_of_normal_calls(0, NEVER)

    assert not np.array_equal(features_of_normal_calls(wrong_by_ms, NEVER), right)


@pytest.mark.parametrize("wrong_by_ms", [0, *SHIFTED])
def test_an_end_finds_its_call_whatever_the_clock(wrong_by_ms: int) -> None:
    """Exact, in the number's own ring: attempt, end, answered, short, 4 s of talk."""
    engine = WindowEngine(SETTINGS)
    event = call(1, START_MS + wrong_by_ms)

    for one, arrival_ms in ((event, START_MS + 30), (end_of(event, 5_000), START_MS + 5_120)):
        batch, _ = set_right(columns(one), np.array([arrival_ms]), TOLERANCE)
        engine.update(batch)

    counts = engine.number_counts(event.calling_number, START_MS + 5_000)
    assert {name: counts[name][3] for name in ("attempts", "ended", "answered", "short", "talk_s")} == {
        "attempts": 1,
        "ended": 1,
        "answered": 1,
        "short": 1,
        "talk_s": 4,
    }


def test_a_batch_without_a_wrong_clock_is_handed_back_as_it_is() -> None:
    batch = columns(call(1, START_MS), call(2, START_MS - 20 * MINUTE_MS))

    assert set_right(batch, np.array([START_MS + 5, 0]), TOLERANCE) == (batch, 0)


def test_the_event_keeps_its_own_time() -> None:
    """Only the columns move: the decision shows what the switch sent."""
    event = call(1, START_MS + 7 * HOUR_MS)

    batch, skewed = set_right(columns(event), np.array([START_MS]), TOLERANCE)

    assert (batch.time_ms.tolist(), batch.setup_time_ms.tolist(), skewed) == ([START_MS], [START_MS], 1)
    assert batch.events[0] is event
    assert event.setup_time_ms == START_MS + 7 * HOUR_MS


@pytest.mark.parametrize(("arrives_s", "step"), [(30, Step.ENTITY_BLOCK), (90, Step.ALLOW)])
def test_a_standing_block_goes_by_the_corrected_time(arrives_s: int, step: Step) -> None:
    """It holds for a minute, whatever the switch believes the time to be."""
    standing = StandingDecisions()
    standing.set(
        StandingDecision("number:" + CALLER, Action.BLOCK, "automated_call", START_MS, START_MS + 60_000, "model")
    )
    event = call_setup(setup_time_ms=START_MS + arrives_s * 1_000 + 7 * HOUR_MS)
    batch, _ = set_right(columns(event), np.array([START_MS + arrives_s * 1_000]), TOLERANCE)

    screening = make_screener(Policy(mode=Mode.ENFORCE, budgets=BY_ORDER), standing=standing).screen(
        BatchColumns.of(batch)
    )

    assert screening.outcome(0).decided_by is step


def test_hysteresis_and_standing_blocks_are_dated_by_the_corrected_time() -> None:
    """What a call from the future sets does not last until then."""
    policy = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
    policy = replace(policy, standing_blocks=replace(policy.standing_blocks, after_blocks=2))
    calls = [call_setup(f"call-{n}", setup_time_ms=START_MS + 7 * HOUR_MS + n) for n in range(2)]
    one = make_screener(policy, {event.call_id: {SCORE: 0.99} for event in calls})
    batch, _ = set_right(columns(*calls), np.array([START_MS, START_MS]), TOLERANCE)

    (change,) = one.screen(BatchColumns.of(batch)).entity_changes

    assert (change.since_ms, change.expires_ms) == (START_MS + 1, START_MS + 1 + policy.standing_blocks.block_s * 1_000)
    held = one.standing.held.get(caller_of(CALLER, TRUNK_GROUP, is_vouched=False) or "")
    assert held is not None
    assert held.expires_ms == START_MS + 1 + policy.hold_s * 1_000
