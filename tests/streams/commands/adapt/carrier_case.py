"""A small carrier for tests of `robocall adapt`: an hour of generated calls, what was said of them, and a base."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.features.table import FEATURE_NAMES
from models.adapt import rounds
from models.data.label_files import read_labels
from models.learn.training import Parameters
from streams.commands.adapt.command import adapt
from streams.commands.simulate import simulate
from tests.models.small_model import save_small_model

MANY = 1_000
LOOKED_AT = 60
"""Callers of the first robocalls, which an analyst judged."""
FAST = Parameters(n_trees=25, min_samples_leaf=20, learning_rate=0.2)
FEW = 30
POLICY = "budgets: {label_per_million: 50000, block_per_million: 100, windows_h: 0}\n"
BUSY = FEATURE_NAMES.index("number_attempts_5m"), FEATURE_NAMES.index("number_attempts_1h")


@dataclass(frozen=True, slots=True)
class Files:
    """What a carrier has."""

    events: Path
    labels: Path
    feedback: Path
    senders: Path
    policy: Path
    base: Path


def make_carrier(folder: Path) -> Files:
    """An hour of the first author's calls, one robocall in three to a trap, some looked at, a base that sees little."""
    events, labels = folder / "events.jsonl", folder / "labels.csv"
    options = ["--hours", "1", "--rate", "6", "--seed", "5", "--out", str(events), "--labels", str(labels)]
    assert CliRunner().invoke(simulate, options, catch_exceptions=False).exit_code == 0
    truths = read_labels(labels)
    setups = [one for one in map(json.loads, events.read_text().splitlines()) if one["type"] == "call_setup"]
    robocalls = [one for one in setups if truths[one["call_id"]].is_robocall]
    callers = list(dict.fromkeys(one["calling_number"] for one in robocalls))[:LOOKED_AT]
    answers = [said(one, "analyst") for one in robocalls[: len(robocalls) // 4] if one["calling_number"] in callers]
    (folder / "feedback.jsonl").write_text("".join([*map(said, robocalls[::3]), *answers]))
    calls = Counter(one["calling_number"] for one in setups if not truths[one["call_id"]].is_robocall)
    known = [number for number, n in calls.items() if n > 1 and number.startswith("+1")][::2]
    (folder / "senders.txt").write_text("".join(f"{number}\n" for number in known))
    (folder / "policy.yaml").write_text(POLICY)
    base = save_small_model(folder / "base", columns=BUSY)
    return Files(events, labels, folder / "feedback.jsonl", folder / "senders.txt", folder / "policy.yaml", base)


def said(event: dict[str, str], source: str = "honeypot") -> str:
    """A record of feedback on a call."""
    record = {"time_ms": 1_800_000_000_000, "verdict": "robocall", "source": source, "call_id": event["call_id"]}
    return json.dumps(record) + "\n"


def unjudged(files: Files) -> str:
    """What was said of a few callers, and not of the calls that judge: so answers are asked for."""
    setups = [one for one in map(json.loads, files.events.read_text().splitlines()) if one["type"] == "call_setup"]
    place = {one["call_id"]: number / len(setups) for number, one in enumerate(setups)}
    caller = {one["call_id"]: one["calling_number"] for one in setups}
    told = {one: json.loads(one)["call_id"] for one in files.feedback.read_text().splitlines(keepends=True)}
    told = {one: call_id for one, call_id in told.items() if not 1 / 4 < place[call_id] < 3 / 4}
    loudest = {number for number, _ in Counter(caller[call_id] for call_id in told.values()).most_common(FEW)}
    return "".join(one for one, call_id in told.items() if caller[call_id] in loudest)


def leave_open(files: Files, out: Path, *answers: Path, said_in: Path | None = None) -> Path:
    """Run `robocall adapt`, by default on too little that was said of the calls that judge; returns the folder."""
    said_of = said_in or out.with_name(f"{out.name}-said.jsonl")
    if said_in is None:
        said_of.write_text(unjudged(files))
    more = [part for one in answers for part in ("--feedback", one)]
    given = [
        "--events", files.events, "--feedback", said_of, *more, "--base", files.base, "--senders", files.senders,
        "--policy", files.policy, "--windows-h", 0, "--out", out,
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rounds, "PARAMETERS", FAST)
        done = CliRunner().invoke(adapt, list(map(str, given)), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return out


def answer(table: Path, labels: Path, most: int = MANY) -> list[dict[str, str]]:
    """Fill in the first verdicts of a table of questions by the truth; returns its rows."""
    truths = read_labels(labels)

    def verdict(call_ids: str) -> str:
        judged = [truths[one].is_robocall for one in call_ids.split()]
        return "robocall" if sum(judged) * 2 > len(judged) else "lawful"

    return fill_in(table, verdict, most)


def fill_in(table: Path, verdict: Callable[[str], str], most: int = MANY, delimiter: str = ",") -> list[dict[str, str]]:
    """Fill in the first verdicts of a table of questions, by the call ids of each; returns its rows."""
    rows = rows_of(table)
    for row in rows[:most]:
        row["verdict"] = verdict(row["call_ids"])
    with table.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return rows


def rows_of(table: Path) -> list[dict[str, str]]:
    """What a table of questions has."""
    with table.open(newline="") as text:
        return list(csv.DictReader(text))
