"""Copies of all windows made while updates go on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import CallEvent
from detector.features import window_constants
from detector.features.table import wanted_distinct
from detector.windows import WindowEngine, WindowSettings
from detector.windows.sweep import SweptRows
from tests.detector.windows.sweep_case import (
    FEW,
    ROOMY,
    TINY,
    assert_same,
    batch_of,
    gaps,
    interrupt,
    interruptions,
    rows_in,
    rows_of,
    swept,
)
from tests.detector.windows.test_engine import NUMBERS, feed, histories, setup


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
