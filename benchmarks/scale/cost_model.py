"""A linear model of what a worker costs, fitted to measurements: time, batches, events and tracked keys.

A worker takes `idle_s` of a processor each second whatever arrives, `batch_us` for each batch and `event_us` for each
event. An event costs more when more keys are tracked, because their rows no longer fit the processor's caches.
"""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import psutil

from benchmarks.harness.windows import WINDOWS
from benchmarks.snapshot.traffic import Traffic
from detector.features.table import FEATURE_SCHEMA_ID
from detector.windows import WindowEngine
from streams.files import private_folder
from streams.state.snapshot_file import SnapshotWriter
from streams.state.snapshot_format import Header

UPDATES, PARTS = 1_000, 5
BUSY_SHARE = 0.04
STEP_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of a worker: how long, how much came in how many batches, and what it cost.

    Attributes:
        what: for people.
        seconds: on the clock.
        batches: screened.
        events: in them.
        cpu_s: on a processor.
    """

    what: str
    seconds: float
    batches: int
    events: int
    cpu_s: float


def fit(points: Sequence[Point]) -> dict[str, Any]:
    """Least squares of relative errors, no cost below zero.

    Returns:
        `idle_s`, `batch_us`, `event_us`, and for each point what was measured and what the model says.
    """
    facts = np.array([(one.seconds, one.batches, one.events) for one in points])
    measured = np.array([one.cpu_s for one in points])
    free, costs = np.ones(3, dtype=bool), np.zeros(3)
    while True:  # a cost that comes out negative is nought
        scaled = facts[:, free] / measured[:, None]
        costs[free] = np.linalg.lstsq(scaled, np.ones(len(points)), rcond=None)[0]
        if (costs >= 0).all():
            break
        free &= costs >= 0
        costs[~free] = 0.0
    rows = [
        asdict(one)
        | {"cpu_us_per_event": round(1e6 * one.cpu_s / max(1, one.events), 2), "model_cpu_s": round(said, 3)}
        for one, said in zip(points, (facts @ costs).tolist(), strict=True)
    ]
    return {
        "idle_s": round(float(costs[0]), 5),
        "batch_us": round(1e6 * float(costs[1]), 1),
        "event_us": round(1e6 * float(costs[2]), 3),
        "points": rows,
    }


def windows_by_keys(sizes: Sequence[int], seed: int) -> list[dict[str, Any]]:
    """Cost and memory of windows and features with so many calling numbers tracked, each size in a process of its own.

    A share `BUSY_SHARE` of the numbers is busy: five calls instead of one, and two thirds of those that are measured.

    Returns:
        For each size CPU microseconds of a call setup in batches of 256, median of `PARTS` parts, by how many bytes the
        process grew, and the bytes of a snapshot file.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        return [pool.apply(_windows_at, (numbers, seed)) for numbers in sizes]


def _windows_at(numbers: int, seed: int) -> dict[str, Any]:
    WindowEngine.warm()
    busy = max(1, round(BUSY_SHARE * numbers))
    engine = WindowEngine(replace(WINDOWS, max_hot_numbers=busy, max_cold_numbers=numbers))
    traffic = Traffic(numbers, busy, seed)
    begin = psutil.Process().memory_info().rss
    for batch in traffic.past():
        engine.count(batch)
    grown = psutil.Process().memory_info().rss - begin
    parts = [_update_us(engine, traffic) for _ in range(PARTS)]
    return {
        "numbers": numbers,
        "cpu_us_per_setup": round(float(np.median(parts)), 3),
        "grown_bytes": grown,
        "snapshot_bytes": _snapshot_bytes(engine),
        "parts": parts,
    }


def _snapshot_bytes(engine: WindowEngine) -> int:
    """Size of the file that a worker would write of this partition."""
    header = Header(
        topic="benchmark",
        partition=0,
        offset=0,
        generation=0,
        created_ms=0,
        layout=engine.layout,
        feature_schema=FEATURE_SCHEMA_ID,
        partitions=1,
        instance="benchmark",
    )
    sweep = engine.sweep()
    writer = SnapshotWriter(private_folder() / "snapshot", header, b"", sweep.names)
    while not sweep.is_done:
        for part in sweep.step(STEP_BYTES):
            writer.add(part)
    return writer.close()


def _update_us(engine: WindowEngine, traffic: Traffic) -> float:
    batches = [traffic.batch() for _ in range(UPDATES // PARTS)]
    since = time.thread_time()
    for batch in batches:
        engine.update(batch)
    return round(1e6 * (time.thread_time() - since) / sum(len(batch.is_setup) for batch in batches), 3)
