"""Calling numbers that collide under the public seed of the hashes, and ordinary ones."""

import numpy as np

from benchmarks.harness.windows import WINDOWS
from detector.columns.arrays import Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.integers import LOW_32
from detector.columns.numbering import NATIONAL
from detector.windows.key_store import HALF, TABLE_LOAD
from detector.windows.loop import number_key

HOMES = 64
"""Of the table: so many places next to each other are where all of the chosen numbers belong."""
FIRST, LAST = 2_012_000_000, 9_899_999_999
FEWEST = 2
"""An office code begins with it, or with a higher digit."""


@compiled_borrowing
def _choose(places: int, first: int, seed: int, found: Ints) -> int:
    """Fill `found` with numbers that belong into `HOMES` places; returns how many there are."""
    count = 0
    for digits in range(NATIONAL + FIRST, NATIONAL + LAST):
        home = ((number_key(digits, 0, seed) & LOW_32) * places) >> HALF
        if first <= home < first + HOMES and digits // 1_000_000 % 10 >= FEWEST:
            found[count] = digits
            count += 1
            if count == len(found):
                break
    return count


def chosen(count: int) -> list[str]:
    """Numbers that collide under the public seed."""
    found = np.zeros(count, np.int64)
    places = TABLE_LOAD * WINDOWS.max_cold_numbers
    if _choose(places, places // 3, WINDOWS.seed, found) < count:
        raise SystemExit("wrong run: there are not so many numbers")
    return [f"+{digits}" for digits in found.tolist()]


def ordinary(count: int, seed: int) -> list[str]:
    """Numbers as they come."""
    drawn = np.random.default_rng(seed).integers(FIRST, LAST, 2 * count)
    drawn = drawn[drawn // 1_000_000 % 10 >= FEWEST][:count]
    return [f"+1{digits}" for digits in drawn.tolist()]
