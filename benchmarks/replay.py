"""Replay of generated events: file to decisions, no broker. Events per second and CPU microseconds per event, one core.

python -m benchmarks.replay --events 1000000
"""

import argparse
import io
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.workload import event_lines
from streams.pipeline import Pipeline
from streams.replay import run
from streams.screener import make_screener
from streams.settings import load_settings


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cpu", type=int, default=0, help="processor to pin to; -1 = none")
    parser.add_argument("--out", type=Path, help="also write the result here")
    options = parser.parse_args()
    if options.cpu >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.cpu})
    lines = event_lines(options.events, seed=options.seed)
    measure(lines[:20_000])  # compiles
    result = describe() | measure(lines)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text)


def measure(lines: list[bytes]) -> dict[str, object]:
    """Replay the lines once; a wrong number of decisions or any failure fails the run."""
    failures: list[Exception] = []
    settings = load_settings(partitions=1)
    screener = make_screener(settings, shared_trunks=True)
    pipeline = Pipeline(screener, seed=settings.hash_seed, on_failure=failures.append)
    sink = _Sink()
    wall, cpu = time.perf_counter(), time.process_time()
    *_, counts = run(iter(lines), pipeline, partitions=1, decisions=sink)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    setups = sum(b'"call_setup"' in line for line in lines)
    if failures or counts.rejected or counts.decisions != setups:
        raise SystemExit(f"wrong run: {counts}, {setups} setups, failures {failures[:1]}")
    return {
        "events": counts.lines,
        "decisions": counts.decisions,
        "actions": counts.actions,
        "decision_bytes": sink.size,
        "events_per_second": round(counts.lines / wall),
        "cpu_us_per_event": round(1e6 * cpu / counts.lines, 2),
    }


class _Sink(io.BytesIO):
    """Counts what a file would take and keeps nothing."""

    size = 0

    def writelines(self, lines: Iterable[Any]) -> None:
        self.size += sum(map(len, lines))


if __name__ == "__main__":
    main()
