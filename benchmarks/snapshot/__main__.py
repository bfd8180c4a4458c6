"""Snapshots of a million tracked numbers: how long writing, loading and forgetting take and hold up the worker.

python -m benchmarks.snapshot --numbers 1000000
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from benchmarks.harness.machine import describe, give
from benchmarks.harness.windows import WINDOWS
from benchmarks.snapshot.traffic import PARTITIONS, Traffic
from detector.windows import WindowEngine
from detector.windows.sweep import SweptRows

T = TypeVar("T")


class Holds:
    """Collects how long single calls take: on the clock, and on the processor, which other load does not stretch."""

    def __init__(self) -> None:
        """Nothing collected yet."""
        self._wall: list[float] = []
        self._cpu: list[float] = []

    def time(self, call: Callable[[], T]) -> T:
        """Call and note."""
        wall, cpu = time.perf_counter(), time.thread_time()
        result = call()
        self._cpu.append(time.thread_time() - cpu)
        self._wall.append(time.perf_counter() - wall)
        return result

    def figures(self) -> dict[str, float]:
        """Number, sum in s; median, 99 of 100 and longest in ms; longest on the processor in ms."""
        ordered = sorted(self._wall)
        return {
            "calls": len(ordered),
            "sum_s": round(sum(ordered), 3),
            "median_ms": round(1e3 * ordered[len(ordered) // 2], 3),
            "p99_ms": round(1e3 * ordered[len(ordered) * 99 // 100], 3),
            "longest_ms": round(1e3 * ordered[-1], 3),
            "longest_cpu_ms": round(1e3 * max(self._cpu), 3),
        }


def measure(traffic: Traffic, max_bytes: int) -> dict[str, object]:
    """Fill an engine, sweep it between updates, load all into another one and forget a partition there."""
    settings = replace(WINDOWS, partitions=PARTITIONS)
    engine = WindowEngine(settings)
    for batch in traffic.past():
        engine.count(batch)
    before, during, steps, whole, loads, forgets = (Holds() for _ in range(6))
    for _ in range(500):
        batch = traffic.batch()
        before.time(lambda batch=batch: engine.update(batch))  # type: ignore[misc]
    sweep = steps.time(engine.sweep)
    while not sweep.is_done:
        steps.time(lambda: sweep.step(max_bytes))  # what is written is let go of
        batch = traffic.batch()
        during.time(lambda batch=batch: engine.update(batch))  # type: ignore[misc]
    tracked, parts, other = engine.tracked(), list[SweptRows](), WindowEngine(settings)
    sweep = whole.time(engine.sweep)
    while not sweep.is_done:
        parts += whole.time(lambda: sweep.step(max_bytes))
    for partition in range(PARTITIONS):
        _exhaust(other.load(partition, [part.of(partition) for part in parts], sweep.names), loads)
    if other.tracked() != tracked:
        raise SystemExit(f"wrong run: {other.tracked()} loaded, {tracked} swept")
    _exhaust(other.forget_slowly(0), forgets)
    return {
        "tracked": tracked,
        "bytes": sum(array.nbytes for part in parts for array in part.arrays.values()),
        "update_of_256_without": before.figures(),
        "update_of_256_during": during.figures(),
        "step": steps.figures(),
        "step_in_one_go": whole.figures(),
        "load": loads.figures(),
        "forget_one_of_four": forgets.figures(),
    }


def _exhaust(slices: Iterator[object], holds: Holds) -> None:
    end = object()
    while holds.time(lambda: next(slices, end)) is not end:
        pass


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=1_000_000, help="numbers that are tracked [%(default)s]")
    parser.add_argument("--hot", type=int, default=60_000, help="of these, numbers that call often [%(default)s]")
    parser.add_argument(
        "--max-bytes", type=int, default=1 << 18, help="most bytes copied in one step of writing [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    WindowEngine.warm()
    result = describe() | measure(Traffic(options.numbers, options.hot, options.seed), options.max_bytes)
    give(result, options.out)


if __name__ == "__main__":
    main()
