"""An analyst of a carrier: answers what `robocall ask` asks, by the truth, through tables as a person would."""

import csv
from pathlib import Path
from random import Random

from benchmarks.adapting.carriers import Carrier
from benchmarks.retrain import run
from detector.contract.events import Verdict

A_DAY = 20
"""Questions of one session."""
WRONG = 0.05
"""Share of the answers that are wrong."""
MOSTLY = 0.5
CELL = 1 << 20


def answered(carrier: Carrier, base: Path, answers: int, seed: int) -> list[Path]:
    """Ask and answer in sessions; minutes of processor time each.

    Args:
        carrier: Its files and truth.
        base: Folder of the model whose doubts are asked about.
        answers: How many in all; 0 asks nothing.
        seed: Of the answers that are wrong.

    Returns:
        Files of feedback, that of the carrier first.

    Raises:
        SystemExit: a command failed.
    """
    random, found = Random(f"analyst {seed}"), [carrier.feedback]
    for first in range(0, answers, A_DAY):
        table, file = (carrier.learn.with_name(f"session {first}.{form}") for form in ("csv", "jsonl"))
        said = [part for one in found for part in ("--feedback", one)]
        most = min(A_DAY, answers - first)
        run("ask", "--events", carrier.learn, *said, "--model", base, "--questions", most, "--table", table)
        if not _answer(table, carrier, random):
            break
        run("feedback", "import", table, "--preset", "analyst", "--out", file)
        found.append(file)
    return found


def _answer(table: Path, carrier: Carrier, random: Random) -> int:
    """Fill in the verdicts of a table; how many there are. A cluster is what most of its calls are."""
    csv.field_size_limit(CELL)
    with table.open(newline="") as source:
        rows = list(csv.DictReader(source))
    for row in rows:
        calls = [carrier.learnt[call_id].is_robocall for call_id in row["call_ids"].split()]
        is_robocall = sum(calls) > MOSTLY * len(calls)
        is_robocall ^= random.random() < WRONG
        row["verdict"] = Verdict.ROBOCALL.value if is_robocall else Verdict.LEGITIMATE.value
    if rows:
        with table.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return len(rows)
