"""What a group weight costs a replay: the shipped model beside copies of it that remember margins, by turns.

    python -m benchmarks.group_memory --events 1000000

`memory` has a weight so small that it changes no decision: its ratio to `without` is what the memory of margins costs.
`grouped` has a weight of 0.5: more calls reach a threshold then, and each of these costs its reasons.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, give
from benchmarks.replay import measure
from benchmarks.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.workload import event_lines
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import with_group_weight

WEIGHTS = {"memory": 1e-9, "grouped": 0.5}


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to replay, about [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--cpu", type=int, default=0, help="processor to pin to, -1 = none [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    add_limits(parser, within=0.01)
    options = parser.parse_args()
    if options.cpu >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.cpu})
    lines = event_lines(options.events, seed=options.seed)
    with tempfile.TemporaryDirectory() as made:
        models = {"without": SHIPPED}
        for name, weight in WEIGHTS.items():
            models[name] = Path(made) / name
            with_group_weight(SHIPPED, models[name], weight, schema_id=FEATURE_SCHEMA_ID)
        for model in models.values():
            measure(lines[:20_000], model=model)  # compiles
        runs: dict[str, Callable[[], dict[str, Any]]] = {
            name: partial(measure, lines, model=model) for name, model in models.items()
        }
        found = take_turns(runs, base="without", cost=_cpu_s, limits=limits_of(options))
    ratios = {name: ratio_of(list(map(_cpu_s, found[name])), list(map(_cpu_s, found["without"]))) for name in WEIGHTS}
    if len({run["decisions_sha256"] for run in found["memory"]}) != 1:
        raise SystemExit("wrong run: the same events were decided differently")
    give(describe() | {"ratios": {name: one.as_json() for name, one in ratios.items()}, "runs": found}, options.out)


def _cpu_s(run: dict[str, Any]) -> float:
    return float(run["cpu_s"])


if __name__ == "__main__":
    main()
