"""Adapt to a carrier and judge what is in force there afterwards, as a stranger would, from commands and files alone.

    python -m benchmarks.adapting --author fourth --seed 7
    python -m benchmarks.adapting --author first second third fourth --seed 1 2 3 --out rows.json

For each carrier: `robocall adapt` on a span with its feedback, and with the registered senders that it has, then a
replay that enforces, of that span and a later one, which counts. Robocalls count where their campaign was not seen
before, and all calls where windows are three hours old. Truth is that of the generator. Prints a row for each carrier.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from benchmarks.adapting.analyst import answered, measured
from benchmarks.adapting.carriers import NAMES, Wanted, written
from benchmarks.adapting.judging import RATES, judged
from benchmarks.adapting.table import HEADINGS, cells
from benchmarks.harness.machine import describe
from benchmarks.retrain import run
from detector.policy.budgets import Budgets
from models.budgets.measure import file_name
from models.serve.artifact import SHIPPED
from streams.running.progress import step

RESTS_ON = ("reciprocal", "registered", "everybody", "label", "block", "complaints")
"""Of a measure: on whom it rests, and what came of it."""


def main() -> None:
    """Run the carriers, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--author", nargs="+", choices=NAMES, default=list(NAMES), help="whose carriers [all]")
    parser.add_argument("--seed", nargs="+", type=int, default=[1], help="of the carriers [%(default)s]")
    parser.add_argument("--hours", type=float, default=8.0, help="learnt from [%(default)s]")
    parser.add_argument("--judge-hours", type=float, default=6.0, help="of the judging span [%(default)s]")
    parser.add_argument("--rate", type=float, default=7.0, help="calls a second, about [%(default)s]")
    parser.add_argument("--answers", type=int, default=0, help="of an analyst, 20 a session [%(default)s]")
    parser.add_argument("--lot", type=int, default=0, help="answers about callers drawn by lot [%(default)s]")
    parser.add_argument(
        "--senders", type=float, default=0.0, help="share of the lawful organisations that are registered [%(default)s]"
    )
    parser.add_argument("--without", nargs="+", default=[], help="kinds of organisations of which none is registered")
    parser.add_argument("--base", type=Path, default=SHIPPED, help="folder of the base model [the shipped one]")
    parser.add_argument("--out", type=Path, help="add all figures to those in this file")
    options = parser.parse_args()
    console = Console(stderr=True)
    rows = kept(options.out)
    print(" | ".join(HEADINGS), flush=True)
    for author in options.author:
        for seed in options.seed:
            wanted = Wanted(
                author,
                seed,
                options.hours,
                options.judge_hours,
                options.rate,
                senders=options.senders,
                without=tuple(options.without),
            )
            row = row_of(wanted, options.answers, options.lot, options.base, console)
            print(" | ".join(cells(row)), flush=True)
            rows = [one for one in rows if _place(one) != _place(row)] + [row]
            rows.sort(key=_place)
            if options.out:
                options.out.write_text(json.dumps(describe() | {"rates": RATES, "rows": rows}, indent=1) + "\n")


def kept(out: Path | None) -> list[dict[str, Any]]:
    """Rows of earlier runs that a file has; those of the same carrier are replaced."""
    if out is None or not out.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"]
    return rows


def _place(row: dict[str, Any]) -> tuple[int, int, int, float, list[str], int]:
    """Where a row stands; one that has the same place is replaced."""
    without, lot = [*row["without"]], row.get("lot", 0)
    return NAMES.index(row["author"]), row["seed"], row["answers"], row["senders"], without, lot


def row_of(wanted: Wanted, answers: int, lot: int, base: Path, console: Console) -> dict[str, Any]:
    """All figures of one carrier.

    Args:
        wanted: Which one.
        answers: Of an analyst, which teach.
        lot: About callers drawn by lot, for budgets.
        base: Folder of the base model.
        console: Where it is said how far it is.

    Raises:
        SystemExit: a command failed.
    """
    started_s = time.monotonic()
    with TemporaryDirectory() as made:
        folder = Path(made)
        with step(f"Generating {wanted.author} {wanted.seed}", console) as say:
            carrier = written(wanted, folder, say)
        own = folder / "own"
        said = [part for file in answered(carrier, base, answers, wanted.seed) for part in ("--feedback", file)]
        vouched = ["--senders", carrier.senders] if carrier.registered else []
        cost = run("adapt", "--events", carrier.learn, *said, *vouched, "--base", base, "--out", own)
        if lot:
            measured(carrier, own, lot, wanted.seed, vouched)
        measure = json.loads((own / file_name(partitions=1)).read_text())["measure"]
        adapted = json.loads((own / "adapting.json").read_text())
        found = judged(carrier, own, base, Budgets().windows_h, console)
    calls = len(carrier.learnt)
    facts = {
        "answers": answers, "lot": lot, "calls": calls, "robocall_share": carrier.robocalls / calls,
        "said": carrier.said,
        "registered": carrier.registered, "measure": {name: measure[name] for name in RESTS_ON},
    }  # fmt: skip
    took = {"seconds": round(time.monotonic() - started_s), "adapting": cost}
    return asdict(wanted) | facts | {"adapted": adapted, "judged": found.as_json()} | took


if __name__ == "__main__":
    main()
