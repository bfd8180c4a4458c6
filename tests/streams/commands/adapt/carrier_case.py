"""A small carrier for tests of `robocall adapt`: an hour of generated calls, what was said of them, and a base."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from detector.features.table import FEATURE_NAMES
from models.data.label_files import read_labels
from models.learn.training import Parameters
from streams.commands.simulate import simulate
from tests.models.small_model import save_small_model

FAST = Parameters(n_trees=25, min_samples_leaf=20, learning_rate=0.2)
POLICY = "budgets: {label_per_million: 50000, block_per_million: 100, windows_h: 0}\n"
BUSY = FEATURE_NAMES.index("number_attempts_5m"), FEATURE_NAMES.index("number_attempts_1h")


@dataclass(frozen=True, slots=True)
class Files:
    """What a carrier has."""

    events: Path
    feedback: Path
    senders: Path
    policy: Path
    base: Path


def make_carrier(folder: Path) -> Files:
    """An hour of the first author's calls, one robocall in three to a trap, and a base that sees little."""
    events, labels = folder / "events.jsonl", folder / "labels.csv"
    options = ["--hours", "1", "--rate", "6", "--seed", "5", "--out", str(events), "--labels", str(labels)]
    assert CliRunner().invoke(simulate, options, catch_exceptions=False).exit_code == 0
    truths = read_labels(labels)
    setups = [one for one in map(json.loads, events.read_text().splitlines()) if one["type"] == "call_setup"]
    robocalls = [one for one in setups if truths[one["call_id"]].is_robocall]
    (folder / "feedback.jsonl").write_text("".join(said(one) for one in robocalls[::3]))
    calls = Counter(one["calling_number"] for one in setups if not truths[one["call_id"]].is_robocall)
    known = [number for number, n in calls.items() if n > 1 and number.startswith("+1")][::2]
    (folder / "senders.txt").write_text("".join(f"{number}\n" for number in known))
    (folder / "policy.yaml").write_text(POLICY)
    base = save_small_model(folder / "base", columns=BUSY)
    return Files(events, folder / "feedback.jsonl", folder / "senders.txt", folder / "policy.yaml", base)


def said(event: dict[str, str], source: str = "honeypot") -> str:
    """A record of feedback on a call."""
    record = {"time_ms": 1_800_000_000_000, "verdict": "robocall", "source": source, "call_id": event["call_id"]}
    return json.dumps(record) + "\n"
