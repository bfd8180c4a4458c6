"""The memory of days against a slow twin, and what it keeps when models, partitions, bounds and batches change."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.features import days as of_days
from detector.features.day_features import DAY_FEATURES
from detector.features.schemas import F2, F3
from detector.features.window_constants import DAY_MS, HOUR_MS, NOT_ENOUGH_DATA
from detector.windows import WindowEngine
from detector.windows.days.counting import ASTRAY_LIMIT, CALLED_ON, LONG, MOST_ENDED, PAST_DAYS, TODAY
from detector.windows.days.memory import check_rows
from detector.windows.memories import Kept
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import SweptRows
from tests.detector.windows.days.slow_days import (
    EDGE_MS,
    EVERYTHING,
    NUMBER,
    NUMBERS,
    ROOMY,
    TALKS,
    Event,
    Slow,
    batch_of,
    call,
    calls_on,
    day_of,
    ended,
    engine_of,
    histories,
    numbers_of,
    updated,
)


@settings(max_examples=300)
@given(events=histories(), cuts=st.sets(st.integers(1, 49)))
def test_it_says_what_the_slow_twin_says_however_events_are_cut_into_batches(
    events: list[Event], cuts: set[int]
) -> None:
    """Sums of powers of 2 are exact, so all is equal to the last bit of 32."""
    engine, edges = engine_of(), [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]

    found = np.concatenate([updated(engine, events[start:stop]) for start, stop in itertools.pairwise(edges)])

    expected = np.array(Slow().update(events), np.float32).reshape(found.shape)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=60)
@given(events=histories())
def test_what_is_counted_without_being_read_is_the_same(events: list[Event]) -> None:
    """Before a model wants it, and while nobody waits for answers."""
    read, counted, kept = engine_of(), engine_of(), WindowEngine(replace(ROOMY, keep_days=True))
    last = [call(100 * DAY_MS, calling_number=number, partition=n) for number in NUMBERS for n in (0, 1)]
    updated(read, events)

    counted.count(batch_of(events))
    kept.update(batch_of(events))
    kept.use(EVERYTHING)

    expected = updated(read, last)
    np.testing.assert_array_equal(updated(counted, last), expected)
    np.testing.assert_array_equal(updated(kept, last), expected)


#  day      | 0 | 1 | 2 | ... | 7 | 8 | ... | 14 |
#  calls      x   x             x             x
def test_days_of_one_number() -> None:
    """Worked out by hand for the call of day 14: 3 earlier days, of 14; last one a week ago; both weekdays."""
    found = updated(engine_of(), calls_on(0, 1, 7, 14))[-1, NUMBER]

    assert found[: of_days.WEEKDAY + 1].tolist() == [3, 14, 7, np.float32(3 / 14), 1.0]


#  day      | 0       | 1      | 2  |     A week begins with day 2: what was before counts half of then on, for the
#  calls      8 times   2 times  5        mean as for its days, so that it stays (8 / 2 + 2 / 2) / (1 / 2 + 1 / 2) = 5.
def test_today_is_compared_with_a_usual_day() -> None:
    week = next(n for n in range(7) if (day_of(EDGE_MS) + n) % 7 == 0)
    days = [week - 2.0] * 8 + [week - 1.0] * 2 + [float(week)] * 5

    found = updated(engine_of(), calls_on(*days))[:, NUMBER]

    assert found[-1, [of_days.USUAL, of_days.TODAY]].tolist() == [5.0, 0.5]
    assert found[8, of_days.USUAL] == 8.0


def test_a_day_begins_when_it_is_night_from_coast_to_coast() -> None:
    """Calls a minute before and after 09:00 UTC are of two days, those at 00:01 and 08:59 UTC are of one."""
    minute = HOUR_MS // 60
    evening = [call(-9 * HOUR_MS + minute), call(-minute), call(minute)]

    assert numbers_of(engine_of(), evening, of_days.EARLIER) == [0.0, 0.0, 1.0]


def test_a_late_call_counts_on_its_own_day_and_never_beyond_28() -> None:
    """Of days 27, 28 and 0: day 0 has left the memory when day 28 began, and comes too late for it."""
    events = calls_on(27, 28, 0, 1, 28)

    assert numbers_of(engine_of(), events, of_days.EARLIER) == [0.0, 1.0, 1.0, 2.0, 2.0]


def test_a_key_that_stays_away_for_28_days_begins_anew() -> None:
    first = [ended(one, 4) for one in calls_on(0, 0, 0)]
    events = [*calls_on(0, 0, 0), *first, *calls_on(27, 55)]

    found = updated(engine_of(), events)[:, NUMBER]

    assert found[-2, [of_days.EARLIER, of_days.ASR, of_days.SDR]].tolist() == [1.0, -1.0, -1.0]  # 3 / 16 calls left
    assert found[-1, [of_days.EARLIER, of_days.ASR]].tolist() == [0.0, -1.0]


def test_a_clock_that_is_weeks_ahead_does_not_silence_a_key_for_weeks() -> None:
    events = [*calls_on(0, 1, 90), *calls_on(*[2.0] * (ASTRAY_LIMIT + 1)), *calls_on(3)]

    assert numbers_of(engine_of(), events, of_days.EARLIER)[-1] == 1.0


def test_how_calls_ended() -> None:
    """Of four: one was not answered, one talk was short, one long."""
    calls = calls_on(0, 0, 0, 0)
    events = [*calls, *(ended(one, talk_s) for one, talk_s in zip(calls, TALKS, strict=True)), *calls_on(1)]

    shares = [of_days.ASR, of_days.SDR, of_days.LONG_SHARE]
    found = updated(engine_of(), events)[-1, NUMBER, shares]

    assert found.tolist() == [0.75, np.float32(1 / 3), np.float32(1 / 3)]


def test_very_many_ends_keep_their_shares() -> None:
    """Single calls would no longer count in a sum of 32 bits above 2**24."""
    engine, one = engine_of(), call(0)
    updated(engine, [one])
    rows = swept(engine)
    for part in rows:
        if part.store.endswith("days"):
            part.arrays["row"].view(np.float32)[:, PAST_DAYS + 2 : PAST_DAYS + 4] = MOST_ENDED, MOST_ENDED / 4
    engine.forget_partition(0)
    loaded(engine, rows)

    found = updated(engine, [*[ended(one, 60)] * 1_000, call(1)])[-1, NUMBER, of_days.ASR]

    assert found == pytest.approx(((MOST_ENDED / 4 + 1) / 2 + 999) / ((MOST_ENDED + 1) / 2 + 999), rel=1e-6)


def test_a_flood_of_numbers_that_call_once_leaves_those_that_are_known() -> None:
    """There is room for four numbers of one day, and for four others; the known one is away on the day of the flood."""
    engine = engine_of(replace(ROOMY, max_cold_numbers=4))
    known, flood = "+12125550100", [f"+1212555{n:04}" for n in range(500, 600)]

    updated(engine, [*calls_on(0, 1, calling_number=known), *(call(2 * DAY_MS, calling_number=one) for one in flood)])

    assert numbers_of(engine, calls_on(3, calling_number=known), of_days.EARLIER) == [2.0]
    assert numbers_of(engine, calls_on(3, calling_number=flood[0]), of_days.EARLIER) == [0.0]
    assert numbers_of(engine, calls_on(3, calling_number=flood[-1]), of_days.EARLIER) == [1.0]
    assert engine.evictions()["young_number_days"] >= len(flood) - 4
    assert engine.evictions()["number_days"] == 0


def test_of_known_numbers_the_longest_idle_one_goes() -> None:
    """To a day. There is room for two."""
    engine = engine_of(replace(ROOMY, max_cold_numbers=2))
    one, two, three = (f"+1212555010{n}" for n in range(3))
    history = [calls_on(0, 1, calling_number=one), calls_on(2, 3, calling_number=two), calls_on(4, calling_number=one)]

    updated(engine, [*itertools.chain(*history), *calls_on(5, 6, calling_number=three)])

    assert [numbers_of(engine, calls_on(7, calling_number=each), of_days.EARLIER) for each in (one, three, two)] == [
        [3.0], [2.0], [0.0],
    ]  # fmt: skip


def test_it_is_kept_where_the_table_wants_it_or_the_settings_say_so() -> None:
    off, told = WindowEngine(ROOMY), WindowEngine(replace(ROOMY, keep_days=True))
    for engine in (off, told):
        engine.update(batch_of(calls_on(0)))

    assert (off.tracked()["young_number_days"], off.days.identity) == (0, "")
    assert told.tracked()["young_number_days"] == 1
    assert off.update(batch_of(calls_on(1))).shape == (1, len(F2.names))
    assert told.update(batch_of(calls_on(1))).shape == (1, len(F3.names))
    for engine, earlier in ((off, 0.0), (told, 2.0)):
        assert engine.use(F3) is F3
        assert engine.update(batch_of(calls_on(2)))[0, F3.names.index("number_days_28d")] == earlier
    assert (off.use(F2), told.use(F2)) == (F2, F3)
    assert (off.days.identity, off.tracked()["young_number_days"]) == ("", 0)
    assert told.tracked()["number_days"] == 1


@settings(max_examples=60)
@given(events=histories())
def test_features_stay_within_what_their_table_says(events: list[Event]) -> None:
    engine = WindowEngine(ROOMY)
    engine.use(F3)

    found = engine.update(batch_of(events))[:, len(F2.names) :]

    low, high = ([getattr(feature, name) for feature in DAY_FEATURES] for name in ("low", "high"))
    assert ((found == NOT_ENOUGH_DATA) | ((found >= low) & (found <= high))).all()


def test_the_other_features_are_the_same_with_and_without_it() -> None:
    events = calls_on(0, 0.1, 1, 2)
    with_days, without = WindowEngine(ROOMY), WindowEngine(ROOMY)
    with_days.use(F3)

    found, expected = with_days.update(batch_of(events)), without.update(batch_of(events))

    np.testing.assert_array_equal(found[:, : len(F2.names)], expected)


def test_trunk_groups_that_partitions_share_have_one_memory() -> None:
    """As in a replay; numbers stay apart."""
    engine = engine_of(replace(ROOMY, shared_trunks=True))

    found = updated(engine, [call(0, partition=0), call(DAY_MS, partition=1)])[-1]

    assert found[:, of_days.EARLIER].tolist() == [0.0, 1.0, -1.0, 0.0]


def swept(engine: WindowEngine) -> list[SweptRows]:
    sweep, parts = engine.sweep(), list[SweptRows]()
    while not sweep.is_done:
        parts += sweep.step(1_000)
    return parts


def loaded(engine: WindowEngine, parts: list[SweptRows], days_of: str | None = None) -> None:
    for partition in (0, 1):
        for _ in engine.load(partition, parts, {}, engine.kept if days_of is None else Kept(days_of=days_of)):
            pass


@settings(max_examples=60)
@given(events=histories(), more=histories(), last=histories())
def test_a_copy_goes_on_as_the_original(events: list[Event], more: list[Event], last: list[Event]) -> None:
    """As of the instant at which the copy began, though events go on meanwhile."""
    original, copy = engine_of(), engine_of()
    updated(original, events)
    sweep, parts = original.sweep(), list[SweptRows]()
    expected = [updated(original, more), updated(original, last)]
    while not sweep.is_done:
        parts += sweep.step(1_000)
    loaded(copy, parts)

    for found, batch in zip((more, last), expected, strict=True):
        np.testing.assert_array_equal(updated(copy, found), batch)


def test_rows_are_loaded_only_where_days_are_kept_and_mean_the_same() -> None:
    """Of a snapshot of before nothing is known of days."""
    original = engine_of()
    updated(original, calls_on(0, 1))
    parts = swept(original)

    for days_of, earlier in ((original.days.identity, 2.0), ("other", 0.0), ("", 0.0)):
        copy = engine_of()
        loaded(copy, parts, days_of)
        assert numbers_of(copy, calls_on(2), of_days.EARLIER) == [earlier]
    off = WindowEngine(ROOMY)
    loaded(off, parts, original.days.identity)
    assert off.tracked()["number_days"] == 0


def test_a_partition_that_moves_away_is_forgotten() -> None:
    engine = engine_of()
    updated(engine, [*calls_on(0, 1, partition=0), *calls_on(0, 1, partition=1)])

    engine.forget_partition(0)

    found = [*calls_on(2, partition=0), *calls_on(2, partition=1)]
    assert numbers_of(engine, found, of_days.EARLIER) == [0.0, 2.0]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (TODAY, -3),
        (LONG, np.float32(np.nan).view(np.int32)),
        (PAST_DAYS, np.float32(-1.0).view(np.int32)),
        (CALLED_ON, 0b110),
    ],
)
def test_rows_that_no_detector_writes_are_refused(place: int, value: int) -> None:
    """The last one has an earlier day that nothing was counted on: its usual day would divide by zero."""
    engine = engine_of()
    updated(engine, calls_on(0))
    part = next(part for part in swept(engine) if part.store == "young_number_days")
    rows = RowCopies(part.arrays["state"].astype(np.int64), part.arrays["row"].astype(np.int64))
    check_rows(rows)
    rows.row.view(np.int32)[0, place] = value

    with pytest.raises(ValueError, match="no detector writes"):
        check_rows(rows)
    with pytest.raises(ValueError, match="no detector writes"):
        loaded(engine, [SweptRows(part.store, rows._asdict())])


def test_a_number_takes_72_bytes() -> None:
    """Its row is a cache line."""
    engine = WindowEngine(replace(ROOMY, max_cold_numbers=1_000_000, keep_days=True))

    assert engine.bytes_per_key()["young_number_days"] == pytest.approx(72, abs=0.1)
