"""Registers of a sketch against plain lists: which are later than the start of a window, and what that tells."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.hashing import PUBLIC_SEED
from detector.features.window_constants import PEER, Sketch
from detector.windows import WindowEngine
from detector.windows.layout import STAMP_STEP, STAMPS_BEHIND
from detector.windows.sketches import LAST_STAMP, base_of, estimate, items_of_filled, move_on
from tests.detector.windows.test_engine import SMALL, feed, setup, value

REGISTERS = 24
registers = st.lists(st.integers(0, LAST_STAMP), min_size=REGISTERS, max_size=REGISTERS)
stamps = st.integers(-40, 300)
AS_COUNTED = np.arange(REGISTERS + 1.0)
"""A table that tells the number of set registers itself."""


def twin(own: list[int], oldest: int, outside: float, others: list[int], other_oldest: int) -> float:
    def later(by: int) -> int:
        start, other_start = (min(LAST_STAMP, max(0, stamp - by)) for stamp in (oldest, other_oldest))
        return sum(one > start or other > other_start for one, other in zip(own, others, strict=True))

    return later(0) if outside >= 1.0 else outside * later(0) + (1.0 - outside) * later(1)


@given(registers, stamps, st.sampled_from([0.0, 0.25, 1.0]))
def test_registers_later_than_the_start_of_a_window_are_counted(own: list[int], oldest: int, outside: float) -> None:
    """The oldest unit counts as far as the window has not left it: `outside` is the share that it has."""
    row = np.array([9] * 8 + own, np.uint8).view(np.int64)

    found = estimate(row, 8, REGISTERS, AS_COUNTED, oldest, outside, 0, 0)

    assert found == twin(own, oldest, outside, [0] * REGISTERS, LAST_STAMP + 1)


@given(registers, registers, stamps, stamps)
def test_registers_of_other_partitions_count_once(own: list[int], others: list[int], oldest: int, other: int) -> None:
    """An item that fell on both sides is one item; each side has a base of its own."""
    row = np.array(own + others, np.uint8).view(np.int64)

    assert estimate(row, 0, REGISTERS, AS_COUNTED, oldest, 0.5, REGISTERS, other) == twin(
        own, oldest, 0.5, others, other
    )


#  unit   0                       steps of 32 units
#  base   |<-- at least 223 ----->|unit of the latest event
@given(st.integers(0, 10**9), st.integers(0, 1_000))
def test_the_base_moves_on_in_steps_and_stays_far_enough_behind(unit: int, later: int) -> None:
    behind = unit - base_of(unit)

    assert STAMPS_BEHIND < behind <= STAMPS_BEHIND + STAMP_STEP <= LAST_STAMP
    assert (base_of(unit + later) - base_of(unit)) % STAMP_STEP == 0


@given(registers, st.integers(1_000, 10**9), st.integers(0, 500))
def test_registers_keep_their_times_when_the_base_moves_on(own: list[int], unit: int, later: int) -> None:
    """What is before the new base is forgotten, all else says the same time as before."""
    row = np.array(own, np.uint8)

    move_on(row, 0, REGISTERS, unit, unit + later)

    for before, after in zip(own, row.tolist(), strict=True):
        assert after == max(0, before + base_of(unit) - base_of(unit + later))


@pytest.mark.parametrize("sketch", [Sketch(PEER, 8, 9), Sketch(PEER, 128, 12), Sketch(PEER, 16, 1)])
def test_more_set_registers_tell_of_more_items(sketch: Sketch) -> None:
    """None tells of none, one of about one."""
    items = items_of_filled(sketch)

    assert len(items) == sketch.rows * sketch.levels + 1
    assert items[0] == 0.0
    assert items[1] == pytest.approx(1.0, abs=0.1)
    assert (np.diff(items) >= 0).all()


def _falls_first(number: str) -> bool:
    """Whether a called number falls into the first register of a caller's sketch, under the public seed."""
    mask = (1 << 64) - 1

    def scramble(value: int) -> int:
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
        return value ^ value >> 31

    mixed = scramble((scramble(int(number)) >> 32) + 0x51ED270B & mask)
    return mixed & 1 == 1 and (mixed >> 32) % 8 == 0


def test_chosen_numbers_are_counted_by_whoever_has_a_seed_that_nobody_knows() -> None:
    """Called numbers that all fall into one register of a sketch count as one under the seed that everybody knows."""
    alike = [number for n in range(10_000) if _falls_first(number := f"+1310555{n:04}")][:300]
    calls = [setup(at_ms * 100, called=number) for at_ms, number in enumerate(alike)]

    counts = {
        seed: value(feed(WindowEngine(replace(SMALL, seed=seed)), calls), "number_distinct_called_1h")
        for seed in (PUBLIC_SEED, 0x1357_9BDF_0246_8ACE)
    }

    assert len(alike) == 300
    assert counts[PUBLIC_SEED] == 1
    assert 150 < counts[0x1357_9BDF_0246_8ACE] < 600
