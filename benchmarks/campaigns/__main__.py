"""Hold campaigns that were grouped from suspect calls against the truth of generated traffic, all authors.

    python -m benchmarks.campaigns --author first second --seed 1 2
    python -m benchmarks.campaigns --out docs/benchmarks/campaigns.json

Each carrier's calls go through the worker's own code with the shipped model and the default policy. Grouped are once
the calls that these hold for suspect, once all robocalls (`truth`). Beside our grouping stand two by one key each: the
calling number, and trunk group with origin. A key is named with its fifth call, as our cells are. A call has the name
that it got when it was decided, or what that name was merged into; calls before the first name have none.

- purity: over all named calls, lawful ones too, the share of its campaign's calls that are of the same true campaign
  (B-cubed precision; of a lawful call 0).
- completeness: over all suspect robocalls, the share of its true campaign's suspect calls that have the same name
  (B-cubed recall; of a call without a name 0).
- until named: suspect calls of a true campaign up to the first with a name, of campaigns with at least five.
- lawful: suspect lawful calls that got a name, of all suspect lawful calls.
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.campaigns.grouping import BY_MODEL, BY_TRUTH, WAYS, Figures
from benchmarks.campaigns.telling import NAMES, Told, carrier, tell
from benchmarks.harness.machine import describe, give
from streams.running.progress import step


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--author", nargs="+", choices=NAMES, default=list(NAMES), help="whose carriers [all]")
    parser.add_argument("--seed", nargs="+", type=int, default=[5, 6], help="of the carriers [%(default)s]")
    parser.add_argument("--calls", type=int, default=40_000, help="of a carrier, about [%(default)s]")
    parser.add_argument("--out", type=Path, help="file for the result as well")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for author in options.author:
        told: list[list[Told]] = []
        for seed in options.seed:
            with step(f"Carrier {seed} of the {author} author", Console(stderr=True)) as say:
                told.append(list(tell(carrier(author, seed, options.calls), say)))
        rows += [{"author": author, **row} for row in compared(told)]
    give(describe() | {"rows": rows}, options.out)


def compared(carriers: list[list[Told]]) -> list[dict[str, Any]]:
    """Figures of each way of grouping, by who says what is suspect."""
    rows = []
    for suspects in (BY_MODEL, BY_TRUTH):
        for way, make in WAYS.items():
            made = Figures()
            for told in carriers:
                made.add(told, suspects, make())
            rows.append({"suspects": suspects, "by": way, **made.row()})
    return rows


if __name__ == "__main__":
    main()
