"""The windows of margins against a slow twin, and what they keep when models, partitions and batches change."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.windows_port import NO_KEY, Neighbours
from detector.contract.events import CallEvent, CallSetup
from detector.testing import START_MS, call_end, call_setup, small_windows
from detector.windows import WindowEngine, WindowSettings
from detector.windows.group_memory import DOUBT, FIRST_COUNT, FIRST_SUM, PANE_MS, PANES, check_rows, shrunk_mean
from detector.windows.memories import Kept
from detector.windows.row_copies import RowCopies
from detector.windows.sweep import SweptRows

ROOMY = small_windows(keys=256, partitions=2)
HOUR_MS = PANES * PANE_MS
EDGE_MS = START_MS - START_MS % PANE_MS
"""A pane begins here."""
NUMBERS = ("+12125550100", "+12125550199", "+13105550100", "+442071234567", "anonymous")
SIGNERS: tuple[dict[str, str], ...] = ({}, {"signer_spc": "1234", "origid": "o-1"}, {"origid": "o-2"})


class Call(NamedTuple):
    """One call with the margin that it gets."""

    setup: CallSetup
    partition: int
    margin: float


def call(at_ms: int, margin: float, *, partition: int = 0, **fields: Any) -> Call:
    """A call so long after `EDGE_MS`."""
    return Call(call_setup(f"c{at_ms}", setup_time_ms=EDGE_MS + at_ms, **fields), partition, margin)


@st.composite
def histories(draw: st.DrawFn) -> list[Call]:
    """Calls of few keys at the edges of panes and of the hour, some of them far too late; sums of margins are exact."""
    found, at_ms = [], 0
    edges = st.sampled_from((0, 1, PANE_MS - 1, PANE_MS, HOUR_MS - 1, HOUR_MS, -1, -PANE_MS, -HOUR_MS, 3 * HOUR_MS))
    for _ in range(draw(st.integers(1, 40))):
        at_ms += draw(edges | st.integers(-HOUR_MS, HOUR_MS))
        number, trunk = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(("t-1", "t-2")))
        margin, partition = draw(st.integers(-40, 40)) / 4, draw(st.integers(0, 1))
        signer = draw(st.sampled_from(SIGNERS))
        found.append(call(at_ms, margin, partition=partition, calling_number=number, trunk_group_id=trunk, **signer))
    return found


class Slow:
    """The same from lists of all calls: nothing is thrown away, and all is counted from scratch."""

    def __init__(self) -> None:
        self.panes: dict[Any, list[tuple[int, float]]] = defaultdict(list)

    def add(self, one: Call) -> tuple[float, int, int, int]:
        """Mean, key, calls and age of what was there; then it is added."""
        found, pane = [], one.setup.setup_time_ms // PANE_MS
        for kind, key in enumerate(keys_of(one)):
            if key is None:
                continue
            seen = self.panes[key]
            newest = max((at for at, _ in seen), default=pane)
            others = [(at, margin) for at, margin in seen if max(pane, newest) - PANES < at <= pane]
            mean = sum(margin for _, margin in others) / (len(others) + DOUBT)
            since_ms = one.setup.setup_time_ms - min((at for at, _ in others), default=pane) * PANE_MS
            found.append((mean, kind if others else NO_KEY, len(others), since_ms if others else 0))
            if pane > newest - PANES:
                seen.append((pane, one.margin))
        return max(found, key=lambda each: each[0]) if found else (0.0, NO_KEY, 0, 0)


def keys_of(one: Call) -> Iterator[tuple[Any, ...] | None]:
    """Number, origin and block of a call; None for what it has not."""
    setup, partition = one.setup, one.partition
    number = setup.calling_number
    yield None if number == "anonymous" else ("number", partition, number)
    is_signed = setup.signer_spc or setup.origid
    yield ("origin", partition, setup.signer_spc, setup.origid) if is_signed else None
    yield ("block", partition, setup.trunk_group_id, number[2:8]) if number.startswith("+1") else None


def engine_of(windows: WindowSettings = ROOMY, model: str = "m-1") -> WindowEngine:
    engine = WindowEngine(windows)
    engine.keep_margins(model)
    return engine


def batch_of(calls: Sequence[Call]) -> CallBatch:
    events: list[CallEvent] = [one.setup for one in calls]
    return build_batch(events, [True] * len(calls), [one.partition for one in calls], seed=ROOMY.seed)


def added(engine: WindowEngine, calls: Sequence[Call]) -> Neighbours:
    """All of them as one batch."""
    rows, margins = np.arange(len(calls)), np.array([one.margin for one in calls])
    return engine.add_margins(batch_of(calls), rows, margins)


def listed(found: Neighbours) -> list[tuple[float, int, int, int]]:
    """One entry a call."""
    return list(zip(*(column.tolist() for column in found), strict=True))


@settings(max_examples=300)
@given(calls=histories(), cuts=st.sets(st.integers(1, 39)))
def test_it_says_what_the_slow_twin_says_however_calls_are_cut_into_batches(calls: list[Call], cuts: set[int]) -> None:
    slow, engine = Slow(), engine_of()
    edges = [0, *sorted(cut for cut in cuts if cut < len(calls)), len(calls)]

    found = [one for start, stop in itertools.pairwise(edges) for one in listed(added(engine, calls[start:stop]))]

    assert found == [slow.add(one) for one in calls]


@settings(max_examples=60)
@given(calls=histories())
def test_a_partition_hears_nothing_of_another(calls: list[Call]) -> None:
    """Neither of its margins, nor of where its calls stand among its own."""
    together = listed(added(engine_of(), calls))

    for partition in (0, 1):
        mine = [index for index, one in enumerate(calls) if one.partition == partition]
        alone = listed(added(engine_of(), [calls[index] for index in mine]))
        assert alone == [together[index] for index in mine]


#  pane    |  0  |  1  |  2  | ... | 11  | 12  |
#  calls      a                       b     c         b sees a: 11 panes back; c does not: 12 panes
@pytest.mark.parametrize(("at_ms", "calls"), [(HOUR_MS - 1, 1), (HOUR_MS, 0)])
def test_the_hour_is_that_of_the_pane_and_the_eleven_before_it(at_ms: int, calls: int) -> None:
    found = added(engine_of(), [call(0, 4.0), call(at_ms, 4.0)])

    assert found.calls.tolist() == [0, calls]
    assert found.mean.tolist() == [0.0, 4.0 * calls / (calls + 3)]


def test_a_call_sees_those_before_it_and_not_itself() -> None:
    """Of one number and block; three of a mean of 2: 3 / (3 + 3) of it."""
    found = added(engine_of(), [call(n, margin) for n, margin in enumerate((1.0, 2.0, 3.0, 50.0))])

    assert found.mean.tolist() == [0.0, 1.0 / 4, 3.0 / 5, 6.0 / 6]
    assert found.key.tolist() == [NO_KEY, 0, 0, 0]


def test_the_largest_mean_counts_and_missing_keys_do_not() -> None:
    """The block is worse than the number; where the only key is harmless, that it is counts."""
    lawful, campaign = "+12125550100", "+12125550199"
    calls = [*(call(n, -6.0, calling_number=lawful) for n in range(3)), call(3, 9.0, calling_number=campaign)]
    foreign = [call(10 + n, -4.0, calling_number="+442071234567") for n in range(2)]

    found = added(engine_of(), [*calls, call(4, 0.0, calling_number=lawful), *foreign])

    assert (found.mean[4], found.key[4], found.calls[4]) == ((-18.0 + 9.0) / 7, 2, 4)
    assert found.mean[4] > -18.0 / 6
    assert (found.mean[6], found.key[6]) == (-1.0, 0)


def test_a_caller_that_hides_its_number_is_not_one_caller() -> None:
    found = added(engine_of(), [call(n, 9.0, calling_number="anonymous") for n in range(5)])

    assert found.mean.tolist() == [0.0] * 5


def test_rows_are_those_of_set_ups_and_the_rest_of_a_batch_is_left_out() -> None:
    """Ends, and the set-ups that nobody names."""
    first, second, third = (call_setup(f"c{n}", setup_time_ms=EDGE_MS + n) for n in range(3))
    events: list[CallEvent] = [call_end(first, after_ms=1), first, second, call_end(second, after_ms=2), third]
    batch = build_batch(events, [isinstance(one, CallSetup) for one in events], [0] * 5, seed=ROOMY.seed)

    found = engine_of().add_margins(batch, np.array([0, 2]), np.array([4.0, 0.0]))

    assert found.mean.tolist() == [0.0, 1.0]


def test_at_its_bound_the_longest_idle_key_goes() -> None:
    """To a pane. There is room for two numbers, and for two blocks."""
    engine = engine_of(replace(ROOMY, max_hot_numbers=2, max_blocks=2))
    one, two, three = (f"+1212{n}0100" for n in (555, 666, 777))
    history = [call(n * PANE_MS, 4.0, calling_number=number) for n, number in enumerate((one, two, one, three))]

    added(engine, history)
    found = added(engine, [call(4 * PANE_MS, 0.0, calling_number=number) for number in (one, three, two)])

    assert found.calls.tolist() == [2, 1, 0]
    assert {engine.tracked()[name] for name in ("number_margins", "block_margins")} == {2}
    assert engine.evictions()["number_margins"] == engine.evictions()["block_margins"] > 0


def test_another_model_begins_with_nothing_and_the_same_one_goes_on() -> None:
    engine, calls = engine_of(), [call(n, 8.0) for n in range(3)]
    added(engine, calls)

    engine.keep_margins("m-1")
    assert added(engine, [call(5, 0.0)]).calls.tolist() == [3]
    engine.keep_margins("m-2")
    assert added(engine, [call(6, 0.0)]).calls.tolist() == [0]
    assert engine.groups.identity.startswith("m-2.")
    engine.keep_margins("")
    assert (engine.groups.identity, engine.tracked()["number_margins"]) == ("", 0)


def swept(engine: WindowEngine) -> list[SweptRows]:
    sweep, parts = engine.sweep(), list[SweptRows]()
    while not sweep.is_done:
        parts += sweep.step(1_000)
    return parts


@settings(max_examples=60)
@given(calls=histories(), more=histories())
def test_a_copy_goes_on_as_the_original(calls: list[Call], more: list[Call]) -> None:
    """As of the instant at which the copy began, partition by partition."""
    original, copy = engine_of(), engine_of()
    added(original, calls)
    sweep, parts = original.sweep(), list[SweptRows]()
    expected = listed(added(original, more))
    while not sweep.is_done:
        parts += sweep.step(1_000)
    for partition in (0, 1):
        for _ in copy.load(partition, parts, {}, Kept(original.groups.identity)):
            pass

    assert listed(added(copy, more)) == expected


def test_rows_of_another_model_are_not_loaded() -> None:
    original, other = engine_of(), engine_of(model="m-2")
    added(original, [call(0, 8.0)])
    parts = swept(original)

    for margins_of in (original.groups.identity, ""):
        assert list(other.load(0, parts, {}, Kept(margins_of))) == []
    assert other.tracked()["number_margins"] == 0


def test_a_partition_that_moves_away_is_forgotten() -> None:
    engine = engine_of()
    added(engine, [call(0, 8.0, partition=0), call(0, 8.0, partition=1)])

    engine.forget_partition(0)

    found = added(engine, [call(1, 0.0, partition=0), call(1, 0.0, partition=1)])
    assert found.calls.tolist() == [0, 1]


@pytest.mark.parametrize(("place", "value"), [(FIRST_COUNT, -3), (FIRST_SUM, np.float32(np.nan).view(np.int32))])
def test_rows_that_no_detector_writes_are_refused(place: int, value: int) -> None:
    """A count of -3 would divide by zero, and a sum that is no number would be everybody's."""
    engine = engine_of()
    added(engine, [call(0, 8.0)])
    (part, *_) = swept(engine)
    rows = RowCopies(part.arrays["state"].astype(np.int64), part.arrays["row"].astype(np.int64))
    check_rows(rows)
    rows.row.view(np.int32)[0, place] = value

    with pytest.raises(ValueError, match="no detector writes"):
        check_rows(rows)
    with pytest.raises(ValueError, match="no detector writes"):
        list(engine.load(0, [SweptRows(part.store, rows._asdict())], {}, Kept(engine.groups.identity)))


def test_few_calls_say_little() -> None:
    np.testing.assert_array_equal(shrunk_mean(np.array([0.0, 5.0, 500.0]), np.array([0, 1, 97])), [0.0, 1.25, 5.0])
