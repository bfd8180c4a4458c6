"""From a day of traffic to a packaged model: time, CPU and memory.

    python -m benchmarks.retrain --events 5000000

Generates a day, which is not counted. Then it runs the commands of a data scientist, one process after the other:
`robocall replay --features` over every event, and `robocall train` with the labels. Every event must be read, every
call must have features and a label, and the artifact must load. The commands show their own progress.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.harness.machine import describe, give
from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.serve.artifact import load
from streams.files import private_folder

HOURS = 24
EVENTS_PER_LAWFUL_CALL_A_SECOND = 187_200
"""A day of `simulate --rate 1`: measured, and good to a few per cent for any rate."""
LEAST_SHARE = 0.95
"""Of the events that were asked for, the generated day has at least this."""
AIM_S = 600


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000, help="events of the day, about [%(default)s]")
    parser.add_argument("--seed", type=int, default=41, help="seed of the generated traffic [%(default)s]")
    parser.add_argument(
        "--folder", type=Path, help="keep events, features and model here; a day found here is used again"
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    folder = options.folder or private_folder()
    folder.mkdir(parents=True, exist_ok=True)
    warm_up(folder)
    result = describe() | measured(options.events, options.seed, folder)
    give(result, options.out)


def measured(wanted: int, seed: int, folder: Path) -> dict[str, Any]:
    """Times and peaks of the steps, and what came out of them."""
    events, labels = folder / f"day-{wanted}-{seed}.jsonl.zst", folder / f"day-{wanted}-{seed}.csv"
    features, model = folder / "features.parquet", folder / "model"
    if not labels.exists():
        rate = wanted / EVENTS_PER_LAWFUL_CALL_A_SECOND
        run("simulate", "--hours", HOURS, "--rate", f"{rate:.3f}", "--seed", seed, "--out", events, "--labels", labels)
    steps = {
        "features": run("replay", events, "--decisions", os.devnull, "--features", features),
        "train": run("train", "--features", features, "--labels", labels, "--out", model),
    }
    calls, robocalls = counted(labels)
    rows, missing = pq.read_metadata(features).num_rows, {*FEATURE_NAMES} - {*pq.read_schema(features).names}
    if rows != calls or missing:
        raise SystemExit(f"wrong run: {calls} calls, features of {rows}, without {', '.join(missing) or 'none'}")
    if 2 * calls < LEAST_SHARE * wanted:
        raise SystemExit(f"wrong run: a day of {2 * calls} events, wanted were {wanted}")
    made = load(model, schema_id=FEATURE_SCHEMA_ID)
    if made.manifest["provenance"]["calls"] != calls:
        raise SystemExit(f"wrong run: {calls} calls, the model knows of {made.manifest['training']['calls']}")
    total_s = sum(step["seconds"] for step in steps.values())
    return {
        "events": 2 * calls,
        "robocalls": robocalls,
        "seconds": round(total_s, 1),
        "aim_seconds": AIM_S,
        "cpu_seconds": round(sum(step["cpu_seconds"] for step in steps.values()), 1),
        "peak_bytes": max(step["peak_bytes"] for step in steps.values()),
        "processors": len(os.sched_getaffinity(0)),
        "steps": steps,
        "trained": made.version,
        "test_calls": made.manifest["metrics"]["calls"],
    }


def warm_up(folder: Path) -> None:
    """Compile what is kept on disk, as it is on a machine that has run the commands before."""
    events = folder / "warm-up.jsonl"
    labels = events.with_suffix(".csv")
    run("simulate", "--hours", 1, "--rate", 2, "--seed", 1, "--out", events, "--labels", labels)
    run("replay", events, "--decisions", os.devnull, "--features", events.with_suffix(".parquet"))


def run(command: str, *arguments: object) -> dict[str, Any]:
    """Run a command of the product to its end; clock and CPU time, and its largest resident size."""
    line = [sys.executable, "-m", "streams.commands.main", command, *(str(one) for one in arguments)]
    print(f"robocall {command} ...", file=sys.stderr, flush=True)
    started_s = time.monotonic()
    process = subprocess.Popen(line, stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"wrong run: robocall {command} ended with status {process.returncode}")
    return {
        "seconds": round(time.monotonic() - started_s, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_bytes": used.ru_maxrss * 1024,
    }


def counted(labels: Path) -> tuple[int, int]:
    """Calls and robocalls of a label file."""
    with labels.open(newline="") as lines:
        kinds = [row["label"] for row in csv.DictReader(lines)]
    return len(kinds), kinds.count("robocall")


if __name__ == "__main__":
    main()
