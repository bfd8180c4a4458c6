"""What a group weight costs a replay: the shipped model beside copies of it that remember margins, by turns.

    python -m benchmarks.group_memory --events 1000000

`memory` has a weight so small that it changes no decision: its ratio to `without` is what the memory of margins costs.
`grouped` has a weight of 0.5: more calls reach a threshold then, and each of these costs its reasons.
"""

import tempfile
from pathlib import Path

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import add_limits, limits_of, ratio_of
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import cost_of, models_by_turns, parsed, replay_parser
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import with_group_weight

WEIGHTS = {"memory": 1e-9, "grouped": 0.5}


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    add_limits(parser, within=0.01)
    options = parsed(parser)
    lines = event_lines(options.events, seed=options.seed)
    with tempfile.TemporaryDirectory() as made:
        models = {"without": SHIPPED}
        for name, weight in WEIGHTS.items():
            models[name] = Path(made) / name
            with_group_weight(SHIPPED, models[name], weight, schema_id=FEATURE_SCHEMA_ID)
        found = models_by_turns(lines, models, limits_of(options))
    ratios = {name: ratio_of(list(map(cost_of, found[name])), list(map(cost_of, found["without"]))) for name in WEIGHTS}
    if len({run["decisions_sha256"] for run in found["memory"]}) != 1:
        raise SystemExit("wrong run: the same events were decided differently")
    give(describe() | {"ratios": {name: one.as_json() for name, one in ratios.items()}, "runs": found}, options.out)


if __name__ == "__main__":
    main()
