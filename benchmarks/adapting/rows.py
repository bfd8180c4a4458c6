"""Rows of carriers, one after the other: which ones, and where their figures go. Knows nothing of what is measured."""

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.adapting.carriers import NAMES, Wanted
from benchmarks.adapting.judging import RATES
from benchmarks.harness.machine import describe
from models.adapt.rounds import MOST_LAWFUL

Row = dict[str, Any]


def parser_of(
    says: str | None, authors: list[str], seeds: list[int], *, hours: float, gate_hours: float, rate: float
) -> argparse.ArgumentParser:
    """Make a parser of the options that say which carriers there are; the arguments are their defaults.

    Args:
        says: What is measured.
        authors: Whose carriers.
        seeds: Of the carriers.
        hours: That are learnt from.
        gate_hours: After these, in which answers judge.
        rate: Calls a second.
    """
    parser = argparse.ArgumentParser(description=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--author", nargs="+", choices=NAMES, default=authors, help="[%(default)s]")
    parser.add_argument("--seed", nargs="+", type=int, default=seeds, help="of the carriers [%(default)s]")
    parser.add_argument("--hours", nargs="+", type=float, default=[hours], help="learnt from [%(default)s]")
    parser.add_argument(
        "--gate-hours", type=float, default=gate_hours, help="after these, in which answers judge [%(default)s]"
    )
    parser.add_argument("--judge-hours", type=float, default=5.0, help="of the judging span [%(default)s]")
    parser.add_argument("--rate", type=float, default=rate, help="calls a second, about [%(default)s]")
    parser.add_argument(
        "--lawful", type=int, default=MOST_LAWFUL, help="calls that a round learns from, at most [%(default)s]"
    )
    parser.add_argument("--out", type=Path, help="add all figures to those in this file")
    return parser


def run(
    options: argparse.Namespace,
    headings: Sequence[str],
    row_of: Callable[[Wanted], Row],
    cells: Callable[[Row], list[str]],
) -> None:
    """Print a row for each carrier, and add its figures to the file.

    Args:
        options: Of `parser_of`.
        headings: Of the columns.
        row_of: Measures a carrier.
        cells: What stands in the columns.
    """
    rows = json.loads(options.out.read_text())["rows"] if options.out and options.out.exists() else []
    print(" | ".join(headings), flush=True)
    for author, seed, hours in product(options.author, options.seed, options.hours):
        row = row_of(Wanted(author, seed, hours, options.judge_hours, options.rate, options.gate_hours))
        print(" | ".join(cells(row)), flush=True)
        rows = merged(rows, row)
        if options.out:
            base = {"model": row["base"]} if "base" in row else {}  # that may be another than what ships
            made = describe() | base | {"rates": RATES, "rows": rows}
            options.out.write_text(json.dumps(made, indent=1) + "\n")


def merged(rows: list[Row], row: Row) -> list[Row]:
    """Rows with one more, in the place of an older one of the same carrier, as many hours and partitions."""

    def place(one: Row) -> tuple[int, int, float, int]:
        return NAMES.index(one["author"]), one["seed"], one["hours"], one["partitions"]

    return sorted([one for one in rows if place(one) != place(row)] + [row], key=place)
