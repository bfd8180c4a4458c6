"""Engines that go on from a copy, that only count, and that give partitions up."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from detector.contract.events import CallEvent, CallSetup
from detector.features.table import INDEX
from detector.windows import WindowEngine, WindowSettings, layout
from detector.windows.sweep import SweptRows
from tests.detector.windows import rows_of_engine
from tests.detector.windows.sweep_case import (
    FEW,
    ROOMY,
    TINY,
    assert_same,
    batch_of,
    gaps,
    home,
    rows_of,
    share_of,
    swept,
    tell_others,
)
from tests.detector.windows.test_engine import NUMBERS, START_MS, feed, histories, setup


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
from dataclasses import replace
import detector.windows as package
from tests.detector.windows.sweep_case import *
from tests.detector.windows.test_engine import setup

def compiled():
    names = [m.name for m in pkgutil.walk_packages(package.__path__, "detector.windows.")]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    found = {id(f): f for f in values if hasattr(type(f), "dispatcher")}
    return {f"{f.__module__}.{f.__qualname__}": len(f.dispatcher.signatures) for f in found.values()}

WindowEngine.warm()
before = compiled()
expected = "loop.run", "key_store.insert", "key_store.copy_slots", "group_memory._run", "days.memory._run"
assert all(before["detector.windows." + name] == 1 for name in expected), before
engine = WindowEngine(replace(ROOMY, keep_days=True))
engine.update(batch_of([setup(n, NUMBERS[n % 7]) for n in range(50)]))
sweep = engine.sweep()
tell_others(engine, "T1", 0, share_of([setup(0)]))
parts = sweep.step(1 << 20)
engine.forget_partition(0)
list(engine.load(0, parts, sweep.names, engine.kept))
engine.count(batch_of([setup(1_000)]))
assert compiled() == before, (before, compiled())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
