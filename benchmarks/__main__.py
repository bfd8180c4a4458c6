"""Run all benchmarks one after the other and write their tables into the documents.

    python -m benchmarks              hours
    python -m benchmarks --quick      smaller, with fewer turns
    python -m benchmarks --only latency peers

Let nothing else run on the machine. Results and plots are collected in a temporary folder and go to docs/benchmarks/
at the end. So the first benchmark does not change the tree that the next one names as its commit. A run that is
interrupted keeps the benchmarks that have finished.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import page

ROOT = Path(__file__).parents[1]
PLAN: dict[str, tuple[list[str], list[str]]] = {
    "replay": ([], ["--events", "500000"]),
    "throughput": (["--plots", "."], ["--events", "1000000", "--turns", "6"]),
    "latency": (["--plots", "."], ["--seconds", "4", "--turns", "6"]),
    "scale": (["--plots", "."], ["--events", "200000", "--seconds", "3"]),
    "memory": ([], []),
    "peers": (["--plot", "peers.png"], ["--scale", "0.3", "--turns", "1"]),
    "promotion": ([], []),
    "traffic": ([], []),
    "archive": ([], []),
    "tracebacks": ([], ["--worlds", "1"]),
    "live_tracebacks": ([], ["--calls", "16"]),
    "redress_lift": ([], ["--turns", "3"]),
    "jaeger": ([], ["--calls", "4000"]),
    "retrain": ([], ["--events", "500000"]),
}
"""Of each benchmark what it is always told, and what makes it quick."""


def main() -> None:
    """Run them and write the tables.

    Raises:
        SystemExit: one of them failed; the others count.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PLAN, default=list(PLAN), help="run these, in this order")
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer turns")
    options = parser.parse_args()
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            for place, name in enumerate(options.only, 1):
                since = time.monotonic()
                print(f"{place} of {len(options.only)}: {name}", file=sys.stderr, flush=True)
                if not run(name, folder, quick=options.quick):
                    failed.append(name)
                took = (time.monotonic() - since) / 60
                print(f"{name}: {took:.1f} min", file=sys.stderr, flush=True)
        finally:
            keep(folder)
    commits = {
        json.loads(path.read_text())["commit"] for path in page.RESULTS.glob("*.json") if path.stem in options.only
    }
    if len(commits) > 1:
        print(f"the results are of several commits: {', '.join(sorted(commits))}", file=sys.stderr)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; what they said is above, the others are in {page.RESULTS}")


def run(name: str, folder: Path, *, quick: bool) -> bool:
    """Run one of them in the folder; whether all of it was right. What is wrong is in no result."""
    always, smaller = PLAN[name]
    command = [sys.executable, "-m", f"benchmarks.{name}", *(smaller if quick else []), *always]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    unfinished = folder / name
    unfinished.mkdir()
    done = subprocess.run(
        [*command, "--out", f"{name}.json"], cwd=unfinished, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    for path in unfinished.iterdir():
        path.replace(folder / path.name)
    return done.returncode == 0


def keep(folder: Path) -> None:
    """Put results and plots where the documents take them from, and write the tables."""
    for path in folder.iterdir():
        if path.is_file():
            shutil.copyfile(path, page.RESULTS / path.name)
    page.main()


if __name__ == "__main__":
    main()
