"""Calling numbers chosen to collide: what a call of theirs costs beside one of ordinary numbers.

    python -m benchmarks.collisions

The chosen numbers all begin their search in a short stretch of the table of numbers, under the seed that everybody
knows. A fleet has a seed of its own, which whoever chooses cannot know: the same numbers are counted under one too.
"""

import argparse
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import describe, give
from benchmarks.harness.windows import WINDOWS
from detector.columns.arrays import Ints
from detector.columns.call_columns import CallBatch, build_batch
from detector.columns.compiled import compiled_borrowing
from detector.columns.integers import LOW_32
from detector.columns.numbering import NATIONAL
from detector.contract.events import CallSetup
from detector.windows import WindowEngine
from detector.windows.key_store import HALF, TABLE_LOAD
from detector.windows.loop import number_key

START_MS = 1_700_000_000_000
BATCH = 1_024
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


def batches(callers: Sequence[str], seed: int) -> list[CallBatch]:
    """One call of each."""
    made = []
    for start in range(0, len(callers), BATCH):
        calls = [
            _call(start + place, caller, "+12125550100") for place, caller in enumerate(callers[start : start + BATCH])
        ]
        made.append(build_batch(calls, [True] * len(calls), seed=seed))
    return made


def _call(after_ms: int, caller: str, called: str) -> CallSetup:
    return CallSetup(
        call_id="c",
        setup_time_ms=START_MS + after_ms,
        calling_number=caller,
        called_number=called,
        trunk_group_id="trunk-1",
    )


def us_a_call(callers: Sequence[str], seed: int) -> dict[str, float]:
    """CPU of counting one call of each caller, in an engine that has 100,000 others."""
    engine = WindowEngine(replace(WINDOWS, seed=seed))
    for batch in batches(ordinary(100_000, 1), seed):
        engine.count(batch)
    mine = batches(callers, seed)
    since = time.thread_time()
    for batch in mine:
        engine.count(batch)
    took = time.thread_time() - since
    last = mine[-1]
    since = time.thread_time()
    engine.count(last)
    worst = time.thread_time() - since
    return {"mean_us": round(1e6 * took / len(callers), 2), "last_us": round(1e6 * worst / last.n, 2)}


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=20_000, help="chosen numbers [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    WindowEngine.warm()
    collide, secret = chosen(options.numbers), secrets.randbits(62)
    result = describe() | {
        "ordinary": us_a_call(ordinary(options.numbers, 7), WINDOWS.seed),
        "chosen_public_seed": us_a_call(collide, WINDOWS.seed),
        "chosen_secret_seed": us_a_call(collide, secret),
    }
    give(result, options.out)


if __name__ == "__main__":
    main()
