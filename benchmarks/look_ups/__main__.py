"""How long a look-up takes in a large archive: a call by its numbers and time, by one number, by its id; cold and warm.

    python -m benchmarks.look_ups --calls 100000000 --folder /var/tmp/look-ups

Generated calls, each a set-up and an end, are written as compaction leaves them: one file a partition and day, rows in
order of arrival, Bloom filters on numbers and ids. Numbers are drawn from two pools, of subscribers and of callers.
Then calls of the archive are looked up by the code of the commands, connecting included. Cold: a new process, and the
archive's pages thrown out of the memory of the machine before each look-up. Warm: one process, the same calls again.
Processor time is beside the time on the clock, which says also how busy the machine is otherwise.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import describe, give
from benchmarks.look_ups.archive import SHOWN_EVERY_S, made
from detector.contract.numbers import written_forms
from streams.archive.calls import Sought, find
from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.query import connected, duckdb
from streams.kafka.topics import CALL_EVENTS
from streams.running.told_every import told_every

SECRET = "a secret of the benchmark"  # noqa: S105 - of generated numbers
TOLERANCE_MS = 300_000
WAYS = ("numbers_and_time", "called_number", "call_id")


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000_000, help="calls in the archive [%(default)s]")
    parser.add_argument("--look-ups", type=int, default=12, help="calls that are looked up each way [%(default)s]")
    parser.add_argument("--digested", action="store_true", help="keep numbers as keyed digests")
    parser.add_argument("--folder", type=Path, help="where the archive is made; what it needs is deleted at the end")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated calls [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--cold", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold:
        url, sought = json.loads(options.cold)
        print(json.dumps(timed(ArchiveStore(url), Sought(**sought))))
        return
    folder = Path(tempfile.mkdtemp(prefix="look-ups-", dir=options.folder))
    try:
        give(measured(options, folder), options.out)
    finally:
        shutil.rmtree(folder)


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the archive and look calls up in it."""
    store = ArchiveStore(str(folder))
    rng = np.random.default_rng(options.seed)
    key = NumberKey(SECRET) if options.digested else None
    began = time.monotonic()
    done = [0]
    with told_every(SHOWN_EVERY_S, lambda s: print(f"{done[0]:,} calls, {s:.0f} s", file=sys.stderr, flush=True)):
        wanted = list(made(store, options.calls, options.look_ups, rng, key, done))
    made_s = time.monotonic() - began
    files = store.files(CALL_EVENTS)
    looked_up = {way: looked(store, [sought_by(call, way) for call in wanted]) for way in WAYS}
    return describe() | {
        "calls": done[0], "rows": 2 * done[0], "numbers": "digested" if key else "plain", "files": len(files),
        "file_bytes": sum(file.size_bytes for file in files), "made_s": round(made_s),
        "look_ups": looked_up,
    }  # fmt: skip


def sought_by(call: dict[str, Any], way: str) -> Sought:
    """What is known of a call; numbers in all forms in which a switch may have written them, as `answer` asks."""
    if way == "call_id":
        return Sought(call_ids=(call["call_id"],))
    called, calling = written_forms(call["called_number"]), written_forms(call["calling_number"])
    if way == "called_number":
        return Sought(called_number=called)
    time_ms = call["setup_time_ms"] + 60_000
    return Sought(called, calling, begin_ms=time_ms - TOLERANCE_MS, end_ms=time_ms + TOLERANCE_MS)


def looked(store: ArchiveStore, wanted: list[Sought]) -> dict[str, Any]:
    """Seconds of each look-up, cold and warm."""
    cold: list[tuple[float, float]] = []
    for sought in wanted:
        forget(store)
        asked = json.dumps([store.url, asdict(sought)])
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.look_ups", "--cold", asked], capture_output=True, text=True, check=True
        )
        clock, cpu = json.loads(done.stdout)
        cold.append((clock, cpu))
    warm = [timed(store, sought) for _ in range(2) for sought in wanted][len(wanted) :]
    return {
        name: {
            "median_s": round(float(np.median([clock for clock, _ in times])), 3),
            "max_s": round(max(clock for clock, _ in times), 3),
            "median_cpu_s": round(float(np.median([cpu for _, cpu in times])), 3),
        }
        for name, times in (("cold", cold), ("warm", warm))
    }


def timed(store: ArchiveStore, sought: Sought) -> tuple[float, float]:
    """Seconds on the clock and of processors that a look-up takes, connecting included; it has to find something."""
    duckdb()  # importing it is part of the start of a process
    began, cpu = time.perf_counter(), time.process_time()
    with connected(store) as connection:
        found = find(connection, sought)
    took = time.perf_counter() - began, time.process_time() - cpu
    if not found:
        raise SystemExit(f"wrong run: {sought} was not found")
    return took


def forget(store: ArchiveStore) -> None:
    """Throw the pages of all files out of the memory of the machine."""
    for file in store.files(CALL_EVENTS):
        handle = os.open(store.address(file), os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


if __name__ == "__main__":
    main()
