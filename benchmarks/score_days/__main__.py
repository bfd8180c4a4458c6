"""What the scorecards of a day need in a large archive: memory, time, and room for what does not fit into memory.

    python -m benchmarks.score_days --calls 20000000 --folder /var/tmp

Eight days of generated calls, each a set-up, an end and a decision, are written as `benchmarks.look_ups` writes them,
a file a partition and day: signed by providers, some suspect, from 8,000,000 numbers. Then `robocall scorecards` counts
the last day, and its peak of resident memory is that of the process. Every call must be in the cards.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import describe, give
from benchmarks.look_ups.archive import DAY_MS, SHOWN_EVERY_S, START_MS
from benchmarks.score_days.archive import made, pools_of
from streams.archive.files import ArchiveStore, day_of
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.running.told_every import told_every
from streams.scorecards.query import DAYS_BEFORE

CALLERS = 8_000_000
SPILL_LOOKED_AT_S = 0.5


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000_000, help="calls of the day [%(default)s]")
    parser.add_argument("--before", type=int, help="calls of each of the seven days before [as many]")
    parser.add_argument("--folder", type=Path, help="where the archive is made; what it needs is deleted at the end")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated calls [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="score-days-", dir=options.folder))
    try:
        before = options.calls if options.before is None else options.before
        give(describe() | measured(options.calls, before, options.seed, folder), options.out)
    finally:
        shutil.rmtree(folder)


def measured(calls: int, before: int, seed: int, folder: Path) -> dict[str, Any]:
    """Make the archive and count its last day."""
    store = ArchiveStore(str(folder / "archive"))
    began = time.monotonic()
    done = [0]
    with told_every(SHOWN_EVERY_S, lambda s: print(f"{done[0]:,} calls, {s:.0f} s", file=sys.stderr, flush=True)):
        rng = np.random.default_rng(seed)
        pools = pools_of(rng, CALLERS)
        for day in range(DAYS_BEFORE):
            made(store, day, before, pools, rng, done)
        of_before = done[0]
        made(store, DAYS_BEFORE, calls, pools, rng, done)
    files = store.files(CALL_EVENTS) + store.files(CALL_DECISIONS)
    return {
        "calls": done[0] - of_before, "calls_before": of_before, "files": len(files),
        "file_bytes": sum(file.size_bytes for file in files), "made_s": round(time.monotonic() - began),
        **counted(store, done[0] - of_before, folder / "spilled"),
    }  # fmt: skip


def counted(store: ArchiveStore, calls: int, spilled: Path) -> dict[str, Any]:
    """Run the command on the last day, and look at the folder of what it spills."""
    spilled.mkdir()
    day = day_of(START_MS + DAYS_BEFORE * DAY_MS)
    most = [0]

    def look(_: float) -> None:
        most[0] = max(most[0], sum(_size(path) for path in spilled.rglob("*")))

    began = time.monotonic()
    with told_every(SPILL_LOOKED_AT_S, look):
        done = subprocess.run(
            [sys.executable, "-m", "streams.commands.main", "scorecards", "--from", day, "--to", _after(day), "--json"],
            stdout=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"ROBOCALL_ARCHIVE_URL": store.url, "TMPDIR": str(spilled)},
        )  # fmt: skip
    took_s, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cards = [json.loads(line) for line in done.stdout.splitlines()]
    found = sum(card["calls"] for card in cards if card["by"] == "trunk")
    if found != calls:
        raise SystemExit(f"wrong run: {found:,} of {calls:,} calls are in the cards, status {done.returncode}")
    return {
        "cards": len(cards), "took_s": round(took_s), "cpu_s": round(used.ru_utime + used.ru_stime),
        "peak_bytes": used.ru_maxrss * 1024, "spilled_bytes": most[0],
    }  # fmt: skip


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(1)).isoformat()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it went meanwhile
        return 0


if __name__ == "__main__":
    main()
