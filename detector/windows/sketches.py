"""Distinct counts of one key in bounded memory. Compiled.

A sketch has `rows * levels` registers of one byte. The hash of an item picks the level, half of the items the first,
half of the rest the second and so on, and a row in it; the register then says when an item last fell there. How many
registers are later than the start of a window tells how many different items the window has (Lang 2017 calls it the
ICON estimator), all windows from the same registers. The relative error is about 0.69 / sqrt(rows), until the last
level fills: beyond 4 * rows * 2**(levels - 1) items the estimate stays.

Times are in units of the shorter window's panes; the oldest unit of a window counts as far as the window overlaps it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Bytes, Ints
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.columns.hashing import scramble
from detector.columns.integers import LOW_16, as_int, as_unsigned
from detector.features import window_constants
from detector.windows.layout import AT, STAMP_STEP, STAMPS_BEHIND, WORD

LAST_STAMP = 255
_HALF = 32
_SALT = np.uint64(0x51ED270B)
_ONE, _SEVEN = np.uint64(1), np.uint64(7)
_ONES = np.uint64(0x0101010101010101)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH_BITS = np.uint64(0x8080808080808080)
_BYTE = np.uint64(0xFF)
_HIGH_STAMP = 128


@lru_cache
def items_of_filled(sketch: window_constants.Sketch) -> NDArray[np.float64]:
    """Items that each number of set registers tells of, shape (registers + 1,): the expected number, turned round.

    Worked out once for each sketch, in milliseconds; nobody may write to it.
    """
    shares = [0.5 ** (level + 1) for level in range(sketch.levels)]
    shares[-1] = 0.5 ** (sketch.levels - 1)
    items = np.exp(np.linspace(0.0, np.log(1e8), 50_000))
    filled = sum(sketch.rows * -np.expm1(items * np.log1p(-share / sketch.rows)) for share in shares)
    registers = np.arange(sketch.rows * sketch.levels + 1.0)
    # A full sketch is taken for one that lacks half a register.
    found = np.interp(np.minimum(registers, registers[-1] - 0.5), filled, items)
    found[0] = 0.0
    return np.asarray(found, dtype=np.float64)


@compiled_inline
def base_of(unit: int) -> int:
    """Unit of the register value 0 in a row whose latest event was in `unit`."""
    return unit // STAMP_STEP * STAMP_STEP - STAMPS_BEHIND - 1


@compiled_inline
def move_on(registers: Bytes, start: int, stop: int, from_unit: int, to_unit: int) -> None:
    """Make the registers `[start, stop)` count from the base of `to_unit`; what is too old becomes 0."""
    passed = base_of(to_unit) - base_of(from_unit)
    if passed == 0:
        return
    for register in range(start, stop):
        registers[register] = max(0, as_int(registers[register]) - passed)


@compiled_inline
def _note(registers: Bytes, start: int, rows: int, levels: int, item: int, stamp: int) -> None:
    mixed = scramble(np.uint64(item) + _SALT)
    level = 0
    while level < levels - 1 and (mixed >> np.uint64(level)) & _ONE == np.uint64(0):
        level += 1
    register = start + level * rows + as_int((mixed >> np.uint64(_HALF)) % np.uint64(rows))
    registers[register] = max(as_int(registers[register]), stamp)


@compiled_inline
def item_of(plan: Ints, item: int, peer: int, second: int) -> int:
    """What a call shows of `item`; where prefixes are counted, `second` holds other party and prefix, 16 bits each."""
    if item == window_constants.PEER:
        return as_unsigned(peer)
    if plan[AT.items] < window_constants.N_ITEMS:
        return as_unsigned(second)
    return (second >> 16) & LOW_16 if item == window_constants.OTHER else second & LOW_16


@compiled_inline
def note_parties(plan: Ints, registers: Bytes, stamp: int, peer: int, second: int) -> None:
    """Note the parties of a call in the sketches of a row."""
    if stamp < 1:
        return
    _note(
        registers,
        plan[AT.sketch_0],
        plan[AT.rows_0],
        plan[AT.levels_0],
        item_of(plan, plan[AT.item_0], peer, second),
        stamp,
    )
    if plan[AT.items] > 1:
        _note(
            registers,
            plan[AT.sketch_1],
            plan[AT.rows_1],
            plan[AT.levels_1],
            item_of(plan, plan[AT.item_1], peer, second),
            stamp,
        )
    if plan[AT.items] > 2:  # noqa: PLR2004
        _note(
            registers,
            plan[AT.sketch_2],
            plan[AT.rows_2],
            plan[AT.levels_2],
            item_of(plan, plan[AT.item_2], peer, second),
            stamp,
        )


@compiled_inline
def _later(word: np.uint64, stamp: int) -> np.uint64:
    """One bit a byte of `word`, the highest, where the byte is above `stamp` (0 to 255)."""
    if stamp < _HIGH_STAMP:
        return (((word & _LOW_BITS) + np.uint64(_HIGH_STAMP - 1 - stamp) * _ONES) | word) & _HIGH_BITS
    return ((word & _LOW_BITS) + np.uint64(LAST_STAMP - stamp) * _ONES) & word & _HIGH_BITS


@compiled_inline
def _sum_bytes(word: np.uint64) -> int:
    total = np.uint64(0)
    for _ in range(WORD):
        total += word & _BYTE
        word >>= np.uint64(WORD)
    return as_int(total)


@compiled_inline
def _filled(words: Ints, start: int, stop: int, stamp: int, others: int, other_stamp: int) -> int:
    """Registers later than `stamp`, or, `others` words further, than `other_stamp`; at most 2,040 registers."""
    counts = np.uint64(0)
    if others == 0:
        for place in range(start, stop):
            counts += _later(np.uint64(words[place]), stamp) >> _SEVEN
    else:
        for place in range(start, stop):
            own = _later(np.uint64(words[place]), stamp)
            counts += (own | _later(np.uint64(words[place + others]), other_stamp)) >> _SEVEN
    return _sum_bytes(counts)


@compiled_inline
def _clipped(stamp: int) -> int:
    return min(LAST_STAMP, max(0, stamp))


@compiled_borrowing
def estimate(
    words: Ints,
    start: int,
    registers: int,
    inverse: NDArray[np.float64],
    oldest: int,
    outside: float,
    others: int,
    other_oldest: int,
) -> float:
    """Different items in a window.

    Args:
        words: (row bytes / 8,) int64, the row.
        start: Byte at which the sketch begins.
        registers: Number of its registers.
        inverse: Its table, from `items_of_filled`.
        oldest: Register value of the oldest unit of the window.
        outside: Share of that unit that the window has left behind.
        others: Bytes from the sketch to that of other partitions, 0 = none.
        other_oldest: Register value of the oldest unit there.
    """
    first, last, apart = start // WORD, (start + registers) // WORD, others // WORD
    newer = inverse[_filled(words, first, last, _clipped(oldest), apart, _clipped(other_oldest))]
    if outside >= 1.0:
        return float(newer)
    older = inverse[_filled(words, first, last, _clipped(oldest - 1), apart, _clipped(other_oldest - 1))]
    return float(outside * newer + (1.0 - outside) * older)
