"""The memory of days against a slow twin, and what it keeps when models, partitions, bounds and batches change."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEvent, CallSetup
from detector.features import days as of_days
from detector.features import window_constants
from detector.features.day_features import DAY_FEATURES
from detector.features.days import DAY_BEGINS_MS, FEWEST_CALLS, N_FIGURES
from detector.features.schemas import F2, F3, Schema
from detector.features.window_constants import DAY_MS, HOUR_MS, NOT_ENOUGH_DATA
from detector.testing import START_MS, call_end, call_setup, small_windows
from detector.windows import WindowEngine, WindowSettings
from detector.windows.days.counting import ASTRAY_LIMIT, CALLED_ON, LONG, MOST_ENDED, PAST_DAYS, TODAY
from detector.windows.days.memory import check_rows
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import SweptRows

ROOMY = small_windows(keys=256, partitions=2)
EDGE_MS = START_MS - (START_MS - DAY_BEGINS_MS) % DAY_MS
"""A day begins here."""
NUMBERS = ("+12125550100", "+12125550199", "+13105550100", "+442071234567", "anonymous")
SIGNERS: tuple[dict[str, str], ...] = ({}, {"signer_spc": "1234", "origid": "o-1"}, {"origid": "o-2"})
NUMBER = window_constants.NUMBER
FAMILIES = range(of_days.FAMILIES_WITH_DAYS)
PAIRS = [(family, figure) for family in FAMILIES for figure in range(N_FIGURES)]
EVERYTHING = Schema("all", "all-0", (*F2.names, *map(str, PAIRS)), np.array(PAIRS, np.int64))
"""Every figure of every family."""


def day_of(time_ms: int) -> int:
    """Days are told apart by when they begin: at nine in the morning, UTC."""
    return int((datetime.fromtimestamp(time_ms / 1_000, UTC) - timedelta(hours=9)).timestamp() // 86_400)


class Event(NamedTuple):
    """One event of a partition."""

    event: CallEvent
    partition: int


def call(at_ms: int, *, partition: int = 0, **fields: Any) -> Event:
    """A call so long after `EDGE_MS`."""
    return Event(call_setup(f"c{at_ms}", setup_time_ms=EDGE_MS + at_ms, **fields), partition)


def calls_on(*days: float, **fields: Any) -> list[Event]:
    """A call at noon of each of these days after `EDGE_MS`, or at another hour for a fraction."""
    return [call(int((day + 0.5) * DAY_MS), **fields) for day in days]


TALKS = (None, 4, 60, 180)
"""Seconds of talk; None: it was not answered."""


def ended(one: Event, talk_s: int | None, *, after_ms: int = 600_000) -> Event:
    """The end of a call."""
    assert isinstance(one.event, CallSetup)
    answered_ms = None if talk_s is None else after_ms - 1_000 * talk_s
    status = 486 if talk_s is None else 200
    end = call_end(one.event, after_ms=after_ms, answered_after_ms=answered_ms, sip_status=status)
    return Event(end, one.partition)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Calls and ends of few keys at the edges of days, weeks and of all days, some of them far too late."""
    found, setups, at_ms = list[Event](), list[Event](), 0
    steps = (0, 1, DAY_MS - 1, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 13 * DAY_MS, 27 * DAY_MS, 28 * DAY_MS, 60 * DAY_MS)
    back = (-1, -DAY_MS, -7 * DAY_MS, -27 * DAY_MS, -28 * DAY_MS)
    for _ in range(draw(st.integers(1, 50))):
        if draw(st.booleans()) and setups:
            one, talk_s = draw(st.sampled_from(setups)), draw(st.sampled_from(TALKS))
            found.append(ended(one, talk_s, after_ms=draw(st.sampled_from((600_000, DAY_MS, 8 * DAY_MS)))))
            continue
        at_ms += draw(st.sampled_from((*steps, *back)) | st.integers(-HOUR_MS, 2 * DAY_MS))
        fields = draw(st.sampled_from(SIGNERS)) | {"trunk_group_id": draw(st.sampled_from(("t-1", "t-2")))}
        number, partition = draw(st.sampled_from(NUMBERS)), draw(st.integers(0, 1))
        found.append(call(at_ms, partition=partition, calling_number=number, **fields))
        setups.append(found[-1])
    return found


class Row:
    """One key of the twin: the days of all its calls and ends, from which all is counted anew."""

    def __init__(self) -> None:
        self.newest, self.astray = -1, 0
        self.calls: list[int] = []
        self.ends: list[tuple[int, int | None]] = []

    def turn_to(self, day: int) -> bool:
        """Whether an event of that day counts."""
        if self.newest - day >= of_days.DAYS:
            self.astray += 1
            if self.astray <= ASTRAY_LIMIT:
                return False
            self.newest = day - of_days.DAYS
        self.astray = 0
        if day - self.newest >= of_days.DAYS:
            self.calls, self.ends = [], []
        self.newest = max(day, self.newest)
        return True

    def weight(self, day: int) -> float:
        return float(2.0 ** -(self.newest // 7 - day // 7))

    def figures(self) -> list[float]:
        ago = {self.newest - day for day in self.calls if self.newest - day < of_days.DAYS} - {0}
        first = max(ago, default=0)
        same = [week * 7 in ago for week in range(1, first // 7 + 1)]
        past = [day for day in self.calls if day < self.newest]
        usual = sum(map(self.weight, past)) / sum(map(self.weight, set(past))) if ago else -1.0
        today = self.calls.count(self.newest)
        total = sum(self.weight(day) for day, _ in self.ends)
        talks = [(self.weight(day), talk_s) for day, talk_s in self.ends if talk_s is not None]
        answered = sum(weight for weight, _ in talks)
        return [
            len(ago),
            first,
            min(ago, default=-1),
            len(ago) / first if ago else -1.0,
            sum(same) / len(same) if same else -1.0,
            usual,
            today / (today + usual) if ago else -1.0,
            share(answered, total),
            share(sum(weight for weight, talk_s in talks if talk_s <= 6), answered),
            share(sum(weight for weight, talk_s in talks if talk_s > 120), answered),
        ]


def share(part: float, whole: float) -> float:
    return part / whole if whole >= FEWEST_CALLS else -1.0


class Slow:
    """The twin of the memory: lists of days by key, nothing is thrown away but what is older than all days."""

    def __init__(self) -> None:
        self.rows: dict[Any, Row] = {}
        self.signed: dict[Any, Any] = {}

    def update(self, events: Sequence[Event]) -> list[list[float]]:
        """Figures of all families of each set-up."""
        return [figures for one in events if (figures := self._add(one)) is not None]

    def _add(self, one: Event) -> list[float] | None:
        event, found = one.event, list[float]()
        keys = list(self._keys(one))
        if not isinstance(event, CallSetup):
            talk_s = None if event.answer_time_ms is None else (event.end_time_ms - event.answer_time_ms) // 1_000
            for key in keys:
                if key in self.rows and self.rows[key].turn_to(day_of(event.end_time_ms)):
                    self.rows[key].ends.append((day_of(event.end_time_ms), talk_s))
            return None
        for key in keys:
            if key is None:
                found += [-1.0] * N_FIGURES
                continue
            row, day = self.rows.setdefault(key, Row()), day_of(event.setup_time_ms)
            if row.turn_to(day):
                row.calls.append(day)
            found += row.figures()
        return found

    def _keys(self, one: Event) -> Iterator[tuple[Any, ...] | None]:
        """Number, trunk group, origin and block of a call; None for what it has not."""
        event, partition = one.event, one.partition
        number = event.calling_number
        caller = None if number == "anonymous" else ("number", partition, number)
        yield caller
        yield "trunk", partition, event.trunk_group_id
        origin = self.signed.get(caller)
        if isinstance(event, CallSetup):
            is_signed = event.signer_spc or event.origid
            origin = ("origin", partition, event.signer_spc, event.origid) if is_signed else None
            if is_signed and caller:
                self.signed[caller] = origin
        yield origin
        yield ("block", partition, event.trunk_group_id, number[2:8]) if number.startswith("+1") else None


def engine_of(windows: WindowSettings = ROOMY) -> WindowEngine:
    engine = WindowEngine(windows)
    engine.use(EVERYTHING)
    return engine


def batch_of(events: Sequence[Event]) -> CallBatch:
    setups = [isinstance(one.event, CallSetup) for one in events]
    return build_batch([one.event for one in events], setups, [one.partition for one in events], seed=ROOMY.seed)


def updated(engine: WindowEngine, events: Sequence[Event]) -> NDArray[np.float32]:
    """Figures of each set-up, shape (n_setups, 4 families, N_FIGURES)."""
    rows = engine.update(batch_of(events))
    return rows[:, len(F2.names) :].reshape(-1, of_days.FAMILIES_WITH_DAYS, N_FIGURES)


def numbers_of(engine: WindowEngine, events: Sequence[Event], figure: int) -> list[float]:
    """One figure of the calling number of each set-up."""
    return [float(f"{value:.6g}") for value in updated(engine, events)[:, NUMBER, figure].tolist()]


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
        for _ in engine.load(partition, parts, {}, days_of=engine.days.identity if days_of is None else days_of):
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
