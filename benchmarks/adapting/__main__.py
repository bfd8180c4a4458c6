"""Adapt to a carrier and judge what is in force there afterwards, as a stranger would, from commands and files alone.

    python -m benchmarks.adapting --author fourth --seed 7
    python -m benchmarks.adapting --author first second third fourth --seed 1 2 3 --out rows.json

For each carrier: `robocall adapt` on a span with its feedback and without registered senders, then a replay of a later
span that enforces. Robocalls count where their campaign was not seen before, and all calls where windows are three
hours old. Truth is that of the generator. Prints one row of a table for each carrier.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from benchmarks.adapting.carriers import NAMES, Wanted, written
from benchmarks.adapting.judging import RATES, judged
from benchmarks.adapting.table import HEADINGS, cells
from benchmarks.machine import describe
from benchmarks.retrain import run
from detector.policy.budgets import Budgets
from models.serve.artifact import SHIPPED
from streams.running.progress import step


def main() -> None:
    """Run the carriers, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--author", nargs="+", choices=NAMES, default=list(NAMES), help="whose carriers [all]")
    parser.add_argument("--seed", nargs="+", type=int, default=[1], help="of the carriers [%(default)s]")
    parser.add_argument("--hours", type=float, default=8.0, help="learnt from [%(default)s]")
    parser.add_argument("--judge-hours", type=float, default=6.0, help="of the judging span [%(default)s]")
    parser.add_argument("--rate", type=float, default=7.0, help="calls a second, about [%(default)s]")
    parser.add_argument("--base", type=Path, default=SHIPPED, help="folder of the base model [the shipped one]")
    parser.add_argument("--out", type=Path, help="add all figures to those in this file")
    options = parser.parse_args()
    console = Console(stderr=True)
    rows = kept(options.out)
    print(" | ".join(HEADINGS), flush=True)
    for author in options.author:
        for seed in options.seed:
            wanted = Wanted(author, seed, options.hours, options.judge_hours, options.rate)
            row = row_of(wanted, options.base, console)
            print(" | ".join(cells(row)), flush=True)
            rows = [one for one in rows if (one["author"], one["seed"]) != (author, seed)] + [row]
            rows.sort(key=lambda one: (NAMES.index(one["author"]), one["seed"]))
            if options.out:
                options.out.write_text(json.dumps(describe() | {"rates": RATES, "rows": rows}, indent=1) + "\n")


def kept(out: Path | None) -> list[dict[str, Any]]:
    """Rows of earlier runs that a file has; those of the same carrier are replaced."""
    if out is None or not out.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"]
    return rows


def row_of(wanted: Wanted, base: Path, console: Console) -> dict[str, Any]:
    """All figures of one carrier.

    Raises:
        SystemExit: a command failed.
    """
    started_s = time.monotonic()
    with TemporaryDirectory() as made:
        folder = Path(made)
        with step(f"Generating {wanted.author} {wanted.seed}", console) as say:
            carrier = written(wanted, folder, say)
        own = folder / "own"
        told = "--events", carrier.learn, "--feedback", carrier.feedback, "--base", base, "--out", own
        cost = run("adapt", *told)
        adapted = json.loads((own / "adapting.json").read_text())
        found = judged(carrier, own, base, Budgets().windows_h, console)
    facts = {"calls": carrier.calls, "robocall_share": carrier.robocalls / carrier.calls, "said": carrier.said}
    took = {"seconds": round(time.monotonic() - started_s), "adapting": cost}
    return asdict(wanted) | facts | {"adapted": adapted, "judged": found.as_json()} | took


if __name__ == "__main__":
    main()
