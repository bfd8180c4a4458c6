"""How much of the demo's live calls is labelled or blocked, beside the truth, over draws of its traffic, by replay.

    python -m benchmarks.demo --draws 6

A draw is another seed at another hour: the demo's own history, some minutes of live calls, its own model and policy.
The worker's code decides them by event time, so nothing is late. It is of the traffic and not of this machine.
"""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness.machine import describe, give
from detector.contract.decisions import Action
from models.traffic.first.generate import generate
from models.traffic.first.slices import LabelRow
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import DEFAULT_START_MS, HOUR_MS
from streams.commands.demo.command import PARTITIONS
from streams.commands.demo.model import write_model
from streams.commands.demo.policy import write_policy
from streams.commands.demo.traffic import demo_spec
from streams.commands.replay import loaded, replayed, require_judged
from streams.screening.pipeline import MAX_BATCH
from streams.settings import load_settings


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--seed", type=int, default=101, help="of the first draw; the others follow")
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--history-hours", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=5.0, help="of live calls")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    os.environ["ROBOCALL_ENFORCE_UNMEASURED"] = "benchmark: nobody is called"
    draws = []
    for seed in range(options.seed, options.seed + options.draws):
        spec = demo_spec(
            DEFAULT_START_MS + seed * HOUR_MS,
            rate=options.rate,
            seed=seed,
            history_hours=options.history_hours,
            seconds=options.minutes * 60,
        )
        draws.append({"seed": seed} | judged(spec, spec.judged_ms + round(options.minutes * 60_000)))
    give(describe() | {"draws": draws}, options.out)


def judged(spec: TrafficSpec, end_ms: int) -> dict[str, Any]:
    """Calls of the live part by label and action, and robocalls by kind: calls, and those labelled or blocked."""
    failures: list[Exception] = []
    truths: dict[str, LabelRow] = {}
    labels: dict[str, Counter[str]] = {}
    kinds: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.yaml"
        model = write_model(Path(folder) / "model", load_settings())
        write_policy(policy, None, model)
        settings = load_settings(partitions=PARTITIONS, mode="enforce", policy_file=policy, model_dir=model)
        pipeline = loaded(settings, failures.append, Console(quiet=True))
    for _, batch in replayed(_lines(spec, end_ms, truths), pipeline, partitions=PARTITIONS):
        for row, call_id in enumerate(batch.screening.calls.column("call_id")):
            if truth := truths.pop(call_id, None):
                action = batch.screening.outcome(row).action
                labels.setdefault(truth.label, Counter())[action.value] += 1
                if truth.campaign:
                    kind = kinds.setdefault(truth.kind, [0, 0])
                    kind[0] += 1
                    kind[1] += action is not Action.ALLOW
    require_judged(failures)
    robocalls = labels["robocall"]
    caught = 1 - robocalls[Action.ALLOW.value] / robocalls.total()
    return {"caught": round(caught, 3), **labels, "kinds": dict(sorted(kinds.items()))}


def _lines(spec: TrafficSpec, end_ms: int, truths: dict[str, LabelRow]) -> Iterator[list[bytes]]:
    """Events slice by slice until the live part ends; the truths of its calls are added before they are given."""
    for part in generate(spec):
        times_ms = part.times_ms()
        if len(times_ms) and times_ms[0] >= end_ms:
            return
        if len(times_ms) and times_ms[0] >= spec.judged_ms:
            truths.update((truth.call_id, truth) for truth in part.truths())
        lines = [line.encode() for line in part.json_lines()]
        yield from (lines[first : first + MAX_BATCH] for first in range(0, len(lines), MAX_BATCH))


if __name__ == "__main__":
    main()
