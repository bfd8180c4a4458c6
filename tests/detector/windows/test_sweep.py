"""Copies of all windows made while updates go on, and engines that start from such a copy."""

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEvent, CallSetup
from detector.features import window_constants
from detector.features.table import INDEX, wanted_distinct
from detector.windows import WindowEngine, WindowSettings, key_store, layout
from detector.windows.sweep import SweptRows
from tests.detector.windows import rows_of_engine
from tests.detector.windows.test_engine import NUMBERS, START_MS, feed, histories, setup

TINY = WindowSettings(2, 4, 2, 8, 2, 8, seed=7, partitions=2)
"""So small that keys of every family have to go."""
ROOMY = WindowSettings(64, 64, 16, 256, 16, 256, seed=7, partitions=2)
FEW = settings(max_examples=60)

Rows = dict[tuple[str, int], NDArray[np.int64]]
gaps = st.integers(-2_000_000, 4_000_000) | st.sampled_from((0, 1, 10_000, 90_000_000))


def home(event: CallEvent) -> int:
    return NUMBERS.index(event.calling_number) % 2


def batch_of(events: Sequence[CallEvent], seed: int = 7) -> CallBatch:
    return build_batch(
        events, [isinstance(event, CallSetup) for event in events], [home(event) for event in events], seed=seed
    )


def rows_of(engine: WindowEngine) -> Rows:
    """A deep copy of every row, found by following the links from the longest idle one on."""
    rows: Rows = {}
    for name, store in engine._families._asdict().items():
        slot = int(store.scalars[key_store.OLDEST])
        while slot >= 0:
            row = store.w64[slot].copy()
            slot = int(store.w32[slot, layout.NEWER])
            row[layout.LINKS_WORD] = 0
            row[layout.PARTITION_WORD] &= layout.EPOCH_MASK
            rows[name, int(row[layout.KEY])] = row
    return rows


def rows_in(parts: Sequence[SweptRows]) -> Rows:
    rows: Rows = {}
    for part in parts:
        for row in part.arrays["row"]:
            key = int(row[layout.KEY])
            assert (part.store, key) not in rows
            rows[part.store, key] = row
    return rows


def assert_same(rows: Rows, expected: Rows) -> None:
    assert rows.keys() == expected.keys()
    for key, row in expected.items():
        np.testing.assert_array_equal(rows[key], row, err_msg=str(key))


def swept(engine: WindowEngine) -> tuple[list[SweptRows], dict[int, str]]:
    sweep = engine.sweep()
    parts = []
    while not sweep.is_done:
        parts += sweep.step(10_000)
    return parts, sweep.names


def share_of(events: Sequence[CallEvent]) -> bytes | None:
    other = WindowEngine(ROOMY)
    other.update(batch_of(events))
    return next(iter(other.trunk_shares(0).values()), None)


def tell_others(engine: WindowEngine, trunk: str, partition: int, share: bytes | None) -> None:
    """Have a partition know what another one counted; nothing where either has nothing of the trunk group."""
    engine.recount_trunks(partition)
    own = engine.trunk_shares(partition).get(trunk)
    if own is not None and share is not None:
        assert engine.set_trunk_others(trunk, {partition: own}, [share]) == 1


@st.composite
def interruptions(draw: st.DrawFn) -> list[tuple[object, ...]]:
    """What may happen between the start of a sweep and its end, in any order."""
    anything = st.one_of(
        st.tuples(st.just("update"), histories(gaps, most=6)),
        st.tuples(st.just("count"), histories(gaps, most=6)),
        st.tuples(st.just("others"), st.sampled_from(("T1", "T2")), st.integers(0, 1), histories(gaps, most=2)),
        st.tuples(st.just("forget"), st.integers(0, 1)),
        st.tuples(st.just("load"), st.integers(0, 1), histories(gaps, most=6)),
        st.tuples(st.just("step"), st.sampled_from((1, 500, 7_000, 60_000))),
    )
    return draw(st.lists(anything, max_size=12))


def interrupt(engine: WindowEngine, step: tuple[object, ...]) -> None:
    match step:
        case ("update", list(events)):
            engine.update(batch_of(events))
        case ("count", list(events)):
            engine.count(batch_of(events))
        case ("others", str(trunk), int(partition), list(events)):
            tell_others(engine, trunk, partition, share_of(events))
        case ("forget", int(partition)):
            engine.forget_partition(partition)
        case ("load", int(partition), list(events)):
            other = WindowEngine(ROOMY)
            other.update(batch_of(events))
            list(engine.load(partition, *swept(other)))
        case _:
            raise AssertionError(step)


class TestTheCopy:
    #  before      | sweep begins                          sweep is done
    #  a  b  c  d  |  step   write b   step   forget d   step  |
    #              |  a      b (as it was before the write)  c, d (as they were)
    @FEW
    @given(
        before=histories(gaps, most=24),
        meanwhile=interruptions(),
        part_bytes=st.sampled_from((0, 3_000, 1 << 20)),
        places=st.sampled_from((TINY, ROOMY)),
    )
    def test_is_of_the_instant_at_which_the_sweep_began(
        self,
        before: list[CallEvent],
        meanwhile: list[tuple[object, ...]],
        part_bytes: int,
        places: WindowSettings,
    ) -> None:
        """Whatever happens meanwhile, each row comes out once, as it was."""
        engine = WindowEngine(places)
        engine.update(batch_of(before))
        expected = rows_of(engine)
        sweep = engine.sweep(part_bytes=part_bytes)
        parts: list[SweptRows] = []
        for happening in meanwhile:
            if happening[0] == "step":
                parts += sweep.step(happening[1])  # type: ignore[arg-type]
            else:
                interrupt(engine, happening)
        while not sweep.is_done:
            parts += sweep.step(5_000)

        assert_same(rows_in(parts), expected)

    @FEW
    @given(before=histories(gaps, most=16), meanwhile=interruptions(), after=histories(gaps, most=10))
    def test_taking_it_changes_nothing(
        self, before: list[CallEvent], meanwhile: list[tuple[object, ...]], after: list[CallEvent]
    ) -> None:
        """An engine that is swept and one that is not give the same features, row by row, to the bit."""
        watched, alone = WindowEngine(TINY), WindowEngine(TINY)
        for engine in (watched, alone):
            engine.update(batch_of(before))
        sweep = watched.sweep(part_bytes=0)
        for happening in meanwhile:
            if happening[0] == "step":
                sweep.step(happening[1])  # type: ignore[arg-type]
            else:
                interrupt(watched, happening)
                interrupt(alone, happening)

        np.testing.assert_array_equal(watched.update(batch_of(after)), alone.update(batch_of(after)))
        assert_same(rows_of(watched), rows_of(alone))
        assert watched.tracked() == alone.tracked()
        assert watched.evictions() == alone.evictions()

    def test_of_an_empty_engine_is_empty(self) -> None:
        sweep = WindowEngine(TINY).sweep()

        assert sweep.is_done
        assert sweep.step(1_000) == []

    #  first sweep   | a b .                    is never done: it says that it is not whole
    #  update                x
    #  second sweep            | a b c x |      has everything
    def test_can_be_abandoned_and_taken_again(self) -> None:
        """The second sweep has everything, also what the first had copied; the first says that it is not whole."""
        engine = WindowEngine(ROOMY)
        feed(engine, [setup(n, NUMBERS[n % 7]) for n in range(50)])
        first = engine.sweep()
        first.step(3_000)
        feed(engine, [setup(100, NUMBERS[0])])

        parts, _ = swept(engine)

        assert_same(rows_in(parts), rows_of(engine))
        assert (first.is_abandoned, first.is_done) == (True, False)
        with pytest.raises(RuntimeError, match="not whole"):
            first.step(1_000)

    #  sweep   | a b c |
    #  engine           a' b' c'   forget       the parts still say a b c
    def test_is_not_written_to_any_more(self) -> None:
        """A part that was handed out stays as it is, whatever happens to the engine."""
        engine = WindowEngine(ROOMY)
        feed(engine, [setup(n, NUMBERS[n % 7]) for n in range(50)])
        expected = rows_of(engine)
        parts, _ = swept(engine)

        feed(engine, [setup(1_000 + n, NUMBERS[n % 7]) for n in range(50)])
        engine.forget_partition(0)

        assert_same(rows_in(parts), expected)

    def test_is_safe_from_reading_what_a_number_was_called(self) -> None:
        """That reading precedes no write, so it must not make estimates anew: no feature may ask for them."""
        assert not wanted_distinct()[window_constants.RECEIVED].any()

    #  trunk   T1 | sweep begins   T2           T2 is not in it
    def test_names_are_those_of_the_start(self) -> None:
        engine = WindowEngine(ROOMY)
        feed(engine, [setup(0, trunk="T1")])
        sweep = engine.sweep()
        feed(engine, [setup(1, trunk="T2")])

        assert list(sweep.names.values()) == ["T1"]

    def test_part_of_one_partition(self) -> None:
        engine = WindowEngine(ROOMY)
        engine.update(batch_of([setup(n, NUMBERS[n % 7]) for n in range(50)]))
        parts, _ = swept(engine)

        for part in parts:
            split = [part.of(partition) for partition in (0, 1)]
            assert all(set(part.partitions.tolist()) <= {partition} for partition, part in enumerate(split))
            assert_same(rows_in(split), rows_in([part]))
            assert len(part.of(5).partitions) == 0


class TestLoading:
    @FEW
    @given(before=histories(gaps, most=60), after=histories(gaps, most=30), others=histories(gaps, most=3))
    def test_both_engines_go_on_alike(
        self, before: list[CallEvent], after: list[CallEvent], others: list[CallEvent]
    ) -> None:
        """Two partitions swept, one loaded: its events get the same features to the bit from the old and the new."""
        old, new = WindowEngine(ROOMY), WindowEngine(ROOMY)
        old.update(batch_of(before))
        tell_others(old, "T1", 0, share_of(others))
        parts, names = swept(old)

        list(new.load(0, parts, names))

        loaded = rows_of(new)
        assert_same(
            loaded, {key: row for key, row in rows_of(old).items() if (row[layout.PARTITION_WORD] & 0xFFFF) == 0}
        )
        chosen = [event for event in after if home(event) == 0]
        is_chosen = [home(event) == 0 for event in after if isinstance(event, CallSetup)]
        expected = old.update(batch_of(after))[is_chosen]
        np.testing.assert_array_equal(new.update(batch_of(chosen)), expected)

    #  loaded   0 1 2 3 4 5 6 7 8 9
    #  known                |-----|             room for four
    def test_smaller_engine_keeps_what_came_last(self) -> None:
        """Ten numbers into room for four: the four that were loaded last stay, six were given up."""
        old, new = WindowEngine(ROOMY), WindowEngine(TINY)
        numbers = [f"+1212555{n:04}" for n in range(10)]
        feed(old, [setup(n, number) for n, number in enumerate(numbers)])

        list(new.load(0, *swept(old)))

        known = [bool(new.number_counts(number, START_MS + 10)) for number in numbers]
        assert known == [False] * 6 + [True] * 4
        assert new.evictions()["cold_number"] == 6

    def test_twice_is_as_once(self) -> None:
        old, new = WindowEngine(ROOMY), WindowEngine(ROOMY)
        feed(old, [setup(n, NUMBERS[n % 7]) for n in range(50)])
        parts, names = swept(old)

        for _ in range(2):
            list(new.load(0, parts, names))

        assert_same(rows_of(new), rows_of(old))
        assert new.tracked() == old.tracked()

    def test_trunk_groups_count_as_changed(self) -> None:
        old, new = WindowEngine(ROOMY), WindowEngine(ROOMY)
        feed(old, [setup(0, trunk="T1"), setup(1, trunk="T2")], partition=0)
        feed(old, [setup(2, trunk="T3")], partition=1)

        list(new.load(0, *swept(old)))

        assert sorted(new.trunk_shares(0)) == ["T1", "T2"]

    def test_foreign_arrays_are_refused(self) -> None:
        engine = WindowEngine(ROOMY)
        feed(engine, [setup(0)])
        (part, *_), names = swept(engine)
        state = part.arrays["state"]
        foreign = [
            SweptRows("nothing", part.arrays),
            SweptRows(part.store, {"state": state}),
            SweptRows(part.store, part.arrays | {"state": state[:, 1:]}),
            SweptRows(part.store, part.arrays | {"state": state.astype(np.float64)}),
        ]

        for wrong in foreign:
            with pytest.raises(ValueError, match="do not load it"):
                list(WindowEngine(ROOMY).load(0, [wrong], names))

    def test_layout_depends_on_meaning_and_not_on_room(self) -> None:
        assert WindowEngine(TINY).layout == WindowEngine(ROOMY).layout
        others = (
            WindowSettings(2, 4, 2, 8, 2, 8, seed=8, partitions=1),
            WindowSettings(2, 4, 2, 8, 2, 8, seed=7, partitions=1, shared_trunks=True),
        )
        assert len({WindowEngine(TINY).layout, *(WindowEngine(other).layout for other in others)}) == 3


class TestCounting:
    @FEW
    @given(before=histories(gaps, most=20), events=histories(gaps, most=40))
    def test_state_is_that_of_an_update(self, before: list[CallEvent], events: list[CallEvent]) -> None:
        """Only estimates of distinct counts may be older."""
        read, counted = WindowEngine(TINY), WindowEngine(TINY)
        for engine in (read, counted):
            engine.update(batch_of(before))

        read.update(batch_of(events))
        counted.count(batch_of(events))

        rows, expected = rows_of(counted), rows_of(read)
        assert rows.keys() == expected.keys()
        for name, key in expected:
            np.testing.assert_array_equal(
                rows_of_engine.counted(rows[name, key], name), rows_of_engine.counted(expected[name, key], name)
            )
        assert counted.evictions() == read.evictions()


class TestPartitions:
    def test_number_in_two_partitions_is_counted_in_each(self) -> None:
        """After the topic grew both may be of one worker: each counts what it saw, and forgets it alone."""
        engine = WindowEngine(ROOMY)
        feed(engine, [setup(n) for n in range(5)], partition=0)
        rows = feed(engine, [setup(n) for n in range(5, 8)], partition=1)

        assert rows[-1, INDEX["number_attempts_1h"]] == 3
        engine.forget_partition(1)
        assert engine.number_counts(NUMBERS[0], START_MS + 10, 1) == {}
        assert engine.number_counts(NUMBERS[0], START_MS + 10, 0)["attempts"] == (5, 5, 5, 5, 5)

    @FEW
    @given(events=histories(gaps, most=40), more=histories(gaps, most=20))
    def test_forgotten_slots_are_used_again(self, events: list[CallEvent], more: list[CallEvent]) -> None:
        """A partition that was forgotten and comes back starts as in an engine that never saw it."""
        used, fresh = WindowEngine(ROOMY), WindowEngine(ROOMY)
        used.update(batch_of(events))
        for partition in (0, 1):
            used.forget_partition(partition)

        assert set(used.tracked().values()) == {0}
        np.testing.assert_array_equal(used.update(batch_of(more)), fresh.update(batch_of(more)))
        assert_same(rows_of(used), rows_of(fresh))


def test_warming_compiles_everything() -> None:
    """After `warm` no function of the windows is compiled for other types: in a process of its own."""
    script = """
import importlib, pkgutil
import detector.windows as package
from tests.detector.windows.test_sweep import *

def compiled():
    modules = [importlib.import_module(f"detector.windows.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {id(f): f for m in modules for f in vars(m).values() if hasattr(f, "nopython_signatures")}
    return {f.py_func.__qualname__: len(f.signatures) for f in found.values()}

WindowEngine.warm()
before = compiled()
assert before["run"] == before["insert"] == before["copy_slots"] == 1, before
engine = WindowEngine(ROOMY)
engine.update(batch_of([setup(n, NUMBERS[n % 7]) for n in range(50)]))
sweep = engine.sweep()
tell_others(engine, "T1", 0, share_of([setup(0)]))
parts = sweep.step(1 << 20)
engine.forget_partition(0)
list(engine.load(0, parts, sweep.names))
engine.count(batch_of([setup(1_000)]))
assert compiled() == before, (before, compiled())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
