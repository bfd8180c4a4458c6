"""The window engine against its slow exact twin, and the promises that a twin cannot check."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.call_columns import build_batch
from detector.contract.events import Attestation, CallEnd, CallEvent, CallSetup, Treatment
from detector.contract.ports import FeatureMatrix
from detector.features import window_constants
from detector.features.table import FEATURE_NAMES, INDEX
from detector.testing.naive_windows import NaiveWindows
from detector.windows import WindowEngine, WindowSettings

START_MS = 1_700_000_000_000
SMALL = WindowSettings(64, 64, 16, 64, 16, 64, seed=7, partitions=3)
FEW = settings(max_examples=40)

NUMBERS = (
    "+12125550100", "+12125550101", "+12125550109", "+12129990000", "+13105550100", "+18004110100", "+442071234567",
    "anonymous",
)  # fmt: skip


def setup(
    at_ms: int, calling: str = NUMBERS[0], called: str = "+13105551000", trunk: str = "T1", **more: object
) -> CallSetup:
    return CallSetup(
        call_id="c",
        setup_time_ms=START_MS + at_ms,
        calling_number=calling,
        called_number=called,
        trunk_group_id=trunk,
        **more,  # type: ignore[arg-type]
    )


def end(of: CallSetup, after_ms: int, status: int = 200, answered_after_ms: int | None = None) -> CallEnd:
    answer = None if answered_after_ms is None else of.setup_time_ms + answered_after_ms
    return CallEnd(
        call_id="c",
        setup_time_ms=of.setup_time_ms,
        end_time_ms=of.setup_time_ms + after_ms,
        calling_number=of.calling_number,
        called_number=of.called_number,
        trunk_group_id=of.trunk_group_id,
        sip_status=status,
        answer_time_ms=answer,
    )


def feed(engine: WindowEngine, events: Sequence[CallEvent], size: int = 1000, partition: int = 0) -> FeatureMatrix:
    """Give `events` to the engine in batches of `size`; returns all rows."""
    rows = [np.zeros((0, len(FEATURE_NAMES)), dtype=np.float32)]
    for start in range(0, len(events), size):
        part = events[start : start + size]
        kinds = [isinstance(event, CallSetup) for event in part]
        rows.append(engine.update(build_batch(part, kinds, [partition] * len(part), seed=engine.settings.seed)))
    return np.concatenate(rows)


def value(rows: FeatureMatrix, name: str) -> float:
    """The feature `name` of the last call."""
    return float(rows[-1, INDEX[name]])


@st.composite
def histories(draw: st.DrawFn, gaps: st.SearchStrategy[int], most: int = window_constants.RING) -> list[CallEvent]:
    """Up to `most` calls; each gap is from the previous call; an end comes any number of events after its set-up.

    Either all ends say when their calls were set up, or none does; then none comes later than a day after its call,
    which is forgotten by then. A number keeps its origin: an end counts for the last one, whose ring does not hold the
    calls before it.
    """
    signed = {
        number: (draw(st.sampled_from((None, "1234"))), draw(st.sampled_from((None, "o1", "o2")))) for number in NUMBERS
    }
    says_setup = draw(st.sampled_from((True, True, False)))
    events: list[CallEvent] = []
    waiting: list[CallEnd] = []
    at_ms = 0
    for _ in range(draw(st.integers(1, most))):
        at_ms += draw(gaps)
        if not says_setup:
            waiting = [one for one in waiting if START_MS + at_ms - one.end_time_ms < window_constants.DAY_MS]
        calling = draw(st.sampled_from(NUMBERS))
        call = setup(
            at_ms,
            calling,
            draw(st.sampled_from(NUMBERS)),
            draw(st.sampled_from(("T1", "T2"))),
            attestation=draw(st.sampled_from((None, Attestation.A, Attestation.B, Attestation.C))),
            verstat=draw(st.sampled_from((None, "TN-Validation-Passed", "TN-Validation-Failed-B", "No-TN-Validation"))),
            signer_spc=signed[calling][0],
            origid=signed[calling][1],
            privacy=draw(st.sampled_from((None, True))),
            calling_name=draw(st.sampled_from((None, "", "ACME"))),
        )
        events.append(call)
        talk = draw(st.sampled_from((None, 0, 500, 100)))
        lasts = draw(st.sampled_from((600, 6_500, 6_501, 130_000)))
        status = 200 if talk is not None else draw(st.sampled_from((404, 486, 487, 603, 500)))
        ended = end(call, lasts, status, talk)
        treatment = draw(st.sampled_from((None, None, Treatment.BLOCK, Treatment.TIMEOUT)))
        waiting.append(replace(ended, treatment=treatment, setup_time_ms=ended.setup_time_ms if says_setup else None))
        for _ in range(min(len(waiting), draw(st.integers(0, 3)))):
            chosen: int = draw(st.integers(0, len(waiting) - 1))
            events.append(waiting.pop(chosen))
    return events


late = st.integers(-3_000_000, 4_000_000) | st.sampled_from((0, 1, 10_000, -10_000, 60_000, 300_000))
forward = st.integers(0, 200_000_000) | st.sampled_from((0, 10_000, 9_999, 60_000, 3_600_000, 86_400_000, 86_399_999))


class TestAgainstTheTwin:
    @FEW
    @given(events=histories(late), size=st.integers(1, 40))
    def test_rows_are_exact_while_the_ring_holds_all_calls(self, events: list[CallEvent], size: int) -> None:
        """Within a day, in any order, in any split: every feature equals the count from scratch."""
        rows = feed(WindowEngine(SMALL), events, size)

        np.testing.assert_array_equal(rows, NaiveWindows(partitions=3).update(events))

    @FEW
    @given(events=histories(forward), size=st.integers(1, 40))
    def test_rows_are_exact_over_any_jump_of_the_clock(self, events: list[CallEvent], size: int) -> None:
        """Window edges and pauses of days included: `(now - length, now]`."""
        rows = feed(WindowEngine(SMALL), events, size)

        np.testing.assert_array_equal(rows, NaiveWindows(partitions=3).update(events))

    @FEW
    @given(events=histories(st.integers(-20_000, 60_000), most=120), sizes=st.lists(st.integers(1, 1000), min_size=1))
    def test_batch_split_does_not_change_a_bit(self, events: list[CallEvent], sizes: list[int]) -> None:
        """The same events in batches of any size give identical rows, panes and sketches included."""
        whole = feed(WindowEngine(SMALL), events, len(events))

        for size in sizes[:3]:
            np.testing.assert_array_equal(feed(WindowEngine(SMALL), events, size), whole)


class TestEdges:
    #  now - length                    now
    #       |----- before -----|-- now --|
    #       (------------- window -------]     the call at exactly now - length has left, the one at now is in
    @pytest.mark.parametrize("window", range(window_constants.N_WINDOWS), ids=window_constants.WINDOW_NAMES)
    @pytest.mark.parametrize(("earlier_ms", "counted"), [(0, 1), (-1, 2), (1, 1)], ids=["at", "inside", "outside"])
    def test_a_window_is_open_at_its_start_and_closed_at_now(self, window: int, earlier_ms: int, counted: int) -> None:
        length_ms = window_constants.WINDOW_MS[window] + earlier_ms
        rows = feed(WindowEngine(SMALL), [setup(0), setup(length_ms)])

        assert value(rows, f"number_attempts_{window_constants.WINDOW_NAMES[window]}") == counted


class TestPanes:
    @FEW
    @given(gaps=st.lists(st.sampled_from((0, 3, 200, 5_000, 40_000, 900_000)), min_size=9, max_size=150))
    def test_error_is_at_most_the_oldest_pane(self, gaps: list[int]) -> None:
        """Beyond the ring a count is off by no more than the calls in the pane that straddles the edge."""
        times = np.cumsum(gaps)
        rows = feed(WindowEngine(SMALL), [setup(int(at)) for at in times], size=7)

        for row, at in enumerate(times):
            seen = times[: row + 1] + START_MS
            for window, length in enumerate(window_constants.WINDOW_MS):
                now, pane = int(at) + START_MS, window_constants.PANE_MS[window]
                truth = np.count_nonzero((seen > now - length) & (seen <= now))
                slack = np.count_nonzero(seen // pane == now // pane - window_constants.PANES_PER_WINDOW)
                counted = rows[row, INDEX[f"number_attempts_{window_constants.WINDOW_NAMES[window]}"]]
                assert abs(counted - truth) <= slack + 1e-4

    #  pane   0       1 ... 7       8
    #         |xxxxxxx|-- ... --|---n---|      100 calls x in pane 0, the call n a quarter into pane 8
    #           (----- 1 h --------]           a quarter of pane 0 has left the window: 75 calls of it count
    def test_oldest_pane_counts_in_proportion(self) -> None:
        """100 calls spread over one pane of the 1 h window, read when a quarter of it has left: 75 count."""
        pane = window_constants.PANE_MS[window_constants.W1H]
        first = -START_MS % pane  # the start of a pane, relative to START_MS
        events = [setup(first + n * pane // 100, called=f"+1310555{n:04}") for n in range(100)]
        rows = feed(WindowEngine(SMALL), [*events, setup(first + 8 * pane + pane // 4)])

        assert value(rows, "number_attempts_1h") == pytest.approx(75 + 1)

    #  0 s                  70 s               100 s
    #  |---------------------l--------------------xxn     l comes after the 20 x, but bears an earlier time
    #                                     (- 10 s --]     l is not in it: 20 x and n
    #  (----------------- 5 min --------------------]     l is in it: 20 x, l and n
    def test_late_call_is_counted_in_its_own_pane(self) -> None:
        """20 calls now, one call 30 s late: the 5 min window has 21, the 10 s window does not count the late one."""
        events = [setup(100_000 + n) for n in range(20)]
        rows = feed(WindowEngine(SMALL), [*events, setup(70_000), setup(100_100)])

        assert value(rows, "number_attempts_5m") == 22
        assert value(rows, "number_attempts_10s") == 21

    #  now                                  10 days later
    #  |xxx ... x----------------------------------f      f comes first, then 60 calls x of now
    #           16 x that are a day behind f: f was astray, and the windows start again at x
    def test_one_event_far_ahead_does_not_blind_a_key(self) -> None:
        """After 16 events a day behind a stray clock the windows start again and count."""
        far = setup(10 * window_constants.DAY_MS)
        rows = feed(WindowEngine(SMALL), [far, *(setup(n) for n in range(60))])

        assert value(rows, "trunk_attempts_1m") >= 40


class TestDistinct:
    @pytest.mark.parametrize(("family", "limit"), [("number", 0.25), ("trunk", 0.08)])
    @pytest.mark.parametrize("size", [50, 300, 1500])
    def test_error_of_the_sketch(self, family: str, limit: float, size: int) -> None:
        """Root mean square error over 24 seeds; 0.69 / sqrt(rows) is 24.5 % with 8 rows (number), 6.1 % with 128."""
        errors = []
        for seed in range(24):
            engine = WindowEngine(WindowSettings(8, 8, 8, 8, 8, 8, seed=seed, partitions=1))
            rows = feed(engine, [setup(n, called=f"+1310{200 + n // 100:03}{n % 100:04}") for n in range(size)])
            errors.append(value(rows, f"{family}_distinct_called_ratio_1h") - 1.0)
        rms = float(np.sqrt(np.mean(np.square(errors))))

        assert rms <= limit

    def test_repeats_are_not_distinct(self) -> None:
        """500 calls to 10 numbers are 10 different ones, within 25 %."""
        rows = feed(WindowEngine(SMALL), [setup(n, called=f"+1310555000{n % 10}") for n in range(500)])

        assert value(rows, "number_distinct_called_1h") == pytest.approx(10, rel=0.25)


class TestTiers:
    def test_second_call_within_a_day_promotes(self) -> None:
        engine = WindowEngine(SMALL)
        feed(engine, [setup(0)])
        assert (engine.tracked()["cold_number"], engine.tracked()["number"]) == (1, 0)

        feed(engine, [setup(86_399_999)])

        assert (engine.tracked()["cold_number"], engine.tracked()["number"]) == (0, 1)

    def test_call_every_second_day_stays_cold(self) -> None:
        engine = WindowEngine(SMALL)
        feed(engine, [setup(day * 2 * window_constants.DAY_MS) for day in range(9)])

        assert (engine.tracked()["cold_number"], engine.tracked()["number"]) == (1, 0)

    #  0 h                         24 h 50 min   25 h
    #  s----------- talk --------------e----------n      its set-up s has left the day, its end e has not
    #     (-------------- 24 h -------------------]
    def test_long_talk_over_the_day_is_not_lost(self) -> None:
        """A talk set up 25 h ago that ended 10 min ago still counts as ended in the 24 h window."""
        calls = [setup(0), setup(2_000), setup(25 * window_constants.HOUR_MS)]
        events: list[CallEvent] = [
            calls[0],
            end(calls[0], 25 * window_constants.HOUR_MS - 600_000, 200, 100),
            *calls[1:],
        ]
        rows = feed(WindowEngine(SMALL), [*events, *(setup(25 * window_constants.HOUR_MS + n) for n in range(5))])

        assert value(rows, "number_attempts_24h") == 6
        counts = WindowEngine(SMALL)
        feed(counts, events)
        assert (
            counts.number_counts(NUMBERS[0], START_MS + 25 * window_constants.HOUR_MS)["ended"][window_constants.W24H]
            == 1
        )

    def test_end_without_call_counts_for_a_known_number_only(self) -> None:
        engine = WindowEngine(SMALL)
        stray = end(setup(5_000, called=NUMBERS[4]), 10, 404)
        feed(engine, [stray])
        assert engine.number_counts(NUMBERS[0], START_MS + 6_000) == {}

        feed(engine, [setup(0), stray])

        counts = engine.number_counts(NUMBERS[0], START_MS + 6_000)["bad_number"]
        assert counts[window_constants.W1H :] == (1, 1)
        assert counts[: window_constants.W1H] == (-1, -1, -1), "not kept for shorter windows"

    def test_an_end_that_does_not_say_when_its_call_was_set_up_ends_the_latest_open_one(self) -> None:
        """Told by both numbers. Nothing needs panes, so a number with one call stays in its small row."""
        engine = WindowEngine(SMALL)
        one, other = setup(0), setup(1_000, NUMBERS[1])
        silent = replace(end(one, 9_000, 486), setup_time_ms=None)

        feed(engine, [one, silent, other, replace(silent, calling_number=NUMBERS[1], called_number=NUMBERS[4])])

        assert engine.number_counts(NUMBERS[0], START_MS + 9_000)["busy"][window_constants.W1H] == 1
        assert engine.number_counts(NUMBERS[1], START_MS + 9_000)["busy"][window_constants.W1H] == 1
        assert engine.tracked()["number"] == 1, "only the second number, whose end is that of another call"

    @pytest.mark.parametrize(("status", "measure"), [(603, "rejected"), (404, "bad_number"), (486, "busy")])
    def test_our_own_blocks_are_no_outcome(self, status: int, measure: str) -> None:
        """How the switch sent our answer says nothing about the caller; what others answered does."""
        engine = WindowEngine(SMALL)
        calls = [setup(0), setup(1_000)]
        blocked = replace(end(calls[0], 5, status), treatment=Treatment.BLOCK)

        feed(engine, [*calls, blocked, replace(end(calls[1], 5, status), treatment=Treatment.ALLOW)])

        counts = engine.number_counts(NUMBERS[0], START_MS + 2_000)
        assert [counts[name][window_constants.W1H] for name in ("attempts", "ended", measure)] == [2, 1, 1]


class TestMemory:
    def test_flood_of_numbers_is_bounded_and_counted(self) -> None:
        """1,000 numbers through 64 places: 64 stay, 936 were given up."""
        engine = WindowEngine(SMALL)
        feed(engine, [setup(n, f"+1212{200 + n // 100}{n % 100:04}") for n in range(1000)])

        assert engine.tracked()["cold_number"] == 64
        assert engine.evictions()["cold_number"] == 936

    #  day 0        day 2
    #  A B----------A C       two places: C takes the place of B, whose last call is the longest ago
    def test_longest_idle_key_goes_first(self) -> None:
        """Places for 2 numbers: A, B, A again two days later, then C pushes B out."""
        engine = WindowEngine(WindowSettings(2, 2, 8, 8, 8, 8, seed=1, partitions=1))
        a, b, c = (f"+1212555010{n}" for n in range(3))
        feed(
            engine,
            [
                setup(0, a),
                setup(1, b),
                setup(2 * window_constants.DAY_MS, a),
                setup(2 * window_constants.DAY_MS + 1, c),
            ],
        )

        known = [bool(engine.number_counts(number, START_MS + 10)) for number in (a, b, c)]
        assert known == [True, False, True]

    @FEW
    @given(keys=st.lists(st.integers(0, 40), max_size=300), places=st.integers(1, 9))
    def test_store_is_a_least_recently_used_map(self, keys: list[int], places: int) -> None:
        """Against a dict in order of use: the same trunks are tracked after any history."""
        engine = WindowEngine(WindowSettings(8, 8, places, 8, 8, 8, seed=1, partitions=1))
        model: dict[int, int] = {}
        for key in keys:
            model[key] = model.pop(key, 0) + 1
            if len(model) > places:
                del model[next(iter(model))]
        events = [setup(n, trunk=f"T{key}") for n, key in enumerate(keys)]
        rows = feed(engine, events)

        assert engine.tracked()["trunk"] == len(model)
        if keys:
            assert value(rows, "trunk_attempts_1h") == model[keys[-1]]

    def test_forgotten_partition_leaves_the_others(self) -> None:
        engine = WindowEngine(SMALL)
        feed(engine, [setup(n, NUMBERS[0]) for n in range(5)], partition=0)
        feed(engine, [setup(n, NUMBERS[3]) for n in range(5)], partition=1)

        engine.forget_partition(0)

        assert engine.number_counts(NUMBERS[0], START_MS + 10) == {}
        assert engine.number_counts(NUMBERS[3], START_MS + 10, partition=1)["attempts"] == (5, 5, 5, 5, 5)
        assert set(engine.tracked().values()) <= {0, 1}
        assert engine.tracked()["trunk"] == 1


def test_end_is_credited_to_the_origin_that_signed() -> None:
    """20 signed calls, their ends carry no signature, yet the origin's answer-seizure ratio is 1."""
    events: list[CallEvent] = []
    for n in range(21):
        call = setup(n * 100, called=f"+1310555{n:04}", signer_spc="77", attestation=Attestation.B)
        events += [call, end(call, 50, 200, 10)]
    rows = feed(WindowEngine(SMALL), events)

    assert value(rows, "origin_asr_1h") == 1.0
    assert value(rows, "origin_distinct_called_ratio_1h") == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("split", [lambda n: n, lambda n: 1 + n % 3], ids=["whole", "uneven"])
def test_no_feature_is_ever_nan(split: Callable[[int], int]) -> None:
    events = [setup(n * 7_000, NUMBERS[split(n) % 7], NUMBERS[(n * 3) % 7]) for n in range(300)]
    rows = feed(WindowEngine(SMALL), events)

    assert np.isfinite(rows).all()
    assert rows.min() >= -1.0


@pytest.mark.parametrize("days", [0, 3, 19, 21, 30, 40, (1 << 32) / window_constants.DAY_MS - 0.0001, 400])
def test_a_call_of_long_ago_is_not_taken_for_one_of_now(days: float) -> None:
    """Times of exact calls are kept by 32 bits, 49 days: whatever is that late counts where it belongs, or nowhere."""
    engine = WindowEngine(SMALL)
    feed(
        engine,
        [setup(0), setup(1), setup(1 - round(days * window_constants.DAY_MS)), *(setup(10 + i) for i in range(8))],
    )

    attempts = engine.number_counts(NUMBERS[0], START_MS + 20)["attempts"]

    assert attempts == (11.0 if days == 0 else 10.0,) * window_constants.N_WINDOWS
    later = engine.number_counts(NUMBERS[0], START_MS + 20 * window_constants.DAY_MS)["attempts"]
    assert max(later) <= 0.0
