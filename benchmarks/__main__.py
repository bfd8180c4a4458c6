"""Run all benchmarks one after the other and write their tables into the documents.

    python -m benchmarks              hours
    python -m benchmarks --quick      smaller, with fewer turns
    python -m benchmarks --only latency peers

Let nothing else run on the machine. Results and plots are collected in a temporary folder and go to docs/benchmarks/
at the end. So the first benchmark does not change the tree that the next one names as its commit. A run that is
interrupted keeps the benchmarks that have finished. `quality` writes its page itself; a quick one is thrown away, since
its figures mean nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import page

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Planned:
    """How a benchmark is run.

    Attributes:
        always: what it is always told.
        quick: what makes it smaller.
        module: below `benchmarks`, where its result has another name.
        writes: a page that it fills in itself; then `module` is whole, and there is no result beside the page.
    """

    always: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    module: str = ""
    writes: str = ""

    def command(self, name: str, *, quick: bool) -> list[str]:
        """What is run, behind the interpreter.

        Args:
            name: of the result.
            quick: whether it is to be smaller.
        """
        module = self.module if self.writes else f"benchmarks.{self.module or name}"
        told = [*(self.quick if quick else ()), *self.always]
        return ["-m", module, *told, *(() if self.writes else ("--out", f"{name}.json"))]


_BRIDGE = ("--seconds", "10", "--turns", "2")
PLAN = {
    "replay": Planned(quick=("--events", "500000")),
    "throughput": Planned(always=("--plots", "."), quick=("--events", "1000000", "--turns", "6")),
    "latency": Planned(always=("--plots", "."), quick=("--seconds", "4", "--turns", "6")),
    "scale": Planned(always=("--plots", "."), quick=("--events", "200000", "--seconds", "3")),
    "memory": Planned(),
    "peers": Planned(always=("--plot", "peers.png"), quick=("--scale", "0.3", "--turns", "1")),
    "promotion": Planned(),
    "traffic": Planned(),
    "archive": Planned(),
    "tracebacks": Planned(quick=("--worlds", "1")),
    "live_tracebacks": Planned(quick=("--calls", "16")),
    "redress_lift": Planned(quick=("--turns", "3")),
    "jaeger": Planned(quick=("--calls", "4000")),
    "retrain": Planned(quick=("--events", "500000")),
    "dips": Planned(quick=("--rates", "500", "1000", *_BRIDGE)),
    "dips_signed": Planned(module="dips", always=("--signed", "0.3", "--rates", "1000"), quick=_BRIDGE),
    "http_dips": Planned(quick=("--seconds", "10")),
    "verifying": Planned(),
    "recovery": Planned(),
    "snapshot": Planned(),
    "campaigns": Planned(),
    "console_pages": Planned(quick=("--seconds", "120", "--warm-s", "15")),
    "demo": Planned(quick=("--draws", "2")),
    "demo_start": Planned(module="demo.start", quick=("--turns", "2")),
    "demo_start_console": Planned(module="demo.start", always=("--console",), quick=("--turns", "2")),
    "quality": Planned(
        module="models.judge.report.quality",
        always=("--page", "quality.md", "--out", "reports"),
        quick=("--quick",),
        writes="quality.md",
    ),
}


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
    planned = PLAN[name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    unfinished = folder / name
    unfinished.mkdir()
    if planned.writes:
        shutil.copyfile(page.DOCS / planned.writes, unfinished / planned.writes)
    command = [sys.executable, *planned.command(name, quick=quick)]
    done = subprocess.run(command, cwd=unfinished, env=environment, stdout=subprocess.DEVNULL, check=False)
    if planned.writes and (quick or done.returncode):
        (unfinished / planned.writes).unlink()
    for path in unfinished.iterdir():
        path.replace(folder / path.name)
    return done.returncode == 0


def keep(folder: Path) -> None:
    """Put results, plots and pages where the documents have them, and write the tables."""
    for path in folder.iterdir():
        if path.is_file():
            shutil.copyfile(path, (page.DOCS if path.suffix == ".md" else page.RESULTS) / path.name)
    page.main()


if __name__ == "__main__":
    main()
