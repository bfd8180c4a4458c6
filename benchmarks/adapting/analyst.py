"""An analyst of a carrier: answers what is asked by the truth, through tables as a person would."""

import csv
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.adapting.carriers import Carrier
from benchmarks.retrain import run
from detector.contract.events import Verdict

A_DAY = 20
"""Questions of one session."""
WRONG = 0.05
"""Share of the answers that are wrong."""
LOOKS = 2
"""At those who are called lawful among callers drawn by lot."""
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


def measured(carrier: Carrier, own: Path, answers: int, seed: int, vouched: list[Any]) -> None:
    """Answer what `robocall budgets measure` asks, and leave the measure of the last answers beside the model.

    Who is called lawful is looked at once more.

    Args:
        carrier: Its files and truth.
        own: Folder of the model.
        answers: How many in all, 20 a day.
        seed: Of the answers that are wrong.
        vouched: Options that name registered senders.

    Raises:
        SystemExit: a command failed.
    """
    random, table = Random(f"lot {seed}"), carrier.learn.with_name("lot.csv")
    measure = ["budgets", "measure", "--events", carrier.learn, "--model", own, "--partitions", 1, *vouched, "--afresh"]
    for _ in range(0, answers, A_DAY):
        run(*measure, "--questions", table)
        if not _answer(table, carrier, random, LOOKS):
            break
    run(*measure, "--questions", table)


def seems(is_robocall: bool, random: Random, looks: int) -> bool:
    """Whether somebody is taken for a robocaller, one look in twenty being wrong.

    Args:
        is_robocall: The truth.
        random: Errs.
        looks: How often is looked at those who seem lawful.
    """
    return any(is_robocall ^ (random.random() < WRONG) for _ in range(looks))


def _answer(table: Path, carrier: Carrier, random: Random, looks: int = 1) -> int:
    """Fill in the verdicts that are open; how many were. A cluster is what most of its calls are.

    Args:
        table: Of questions.
        carrier: The truth.
        random: Errs.
        looks: How often is looked at those who seem lawful.
    """
    csv.field_size_limit(CELL)
    with table.open(newline="") as source:
        rows = list(csv.DictReader(source))
    still = [row for row in rows if not row["verdict"]]
    for row in still:
        calls = [carrier.learnt[call_id].is_robocall for call_id in row["call_ids"].split()]
        is_robocall = sum(calls) > MOSTLY * len(calls)
        verdict = Verdict.ROBOCALL if seems(is_robocall, random, looks) else Verdict.LEGITIMATE
        row["verdict"] = verdict.value
    if rows:
        with table.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return len(still)
