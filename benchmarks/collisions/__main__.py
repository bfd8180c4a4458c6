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

from benchmarks.collisions.callers import chosen, ordinary
from benchmarks.harness.machine import describe, give
from benchmarks.harness.windows import WINDOWS
from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallSetup
from detector.windows import WindowEngine

START_MS = 1_700_000_000_000
BATCH = 1_024


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
