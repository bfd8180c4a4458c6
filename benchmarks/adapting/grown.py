"""What twice as many trees cost a replay, as an adapted model has: the shipped model beside one of its trees twice.

    python -m benchmarks.adapting.grown --events 1000000

Each tree of the other model stands in it twice, with half of its values. So both score alike and decide alike, and
the ratio is what the scoring of more trees costs.
"""

import copy
import tempfile
from pathlib import Path

from benchmarks.harness.machine import describe, give
from benchmarks.harness.turns import add_limits, limits_of, ratio_of
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import cost_of, models_by_turns, parsed, replay_parser
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED, Contents, load, load_estimator, load_golden, save
from models.serve.forest import forest_of
from models.serve.scorer import TreeScorer, calibration_of


def doubled(folder: Path) -> Path:
    """Write the shipped model with each tree twice; the folder."""
    shipped, estimator = load(SHIPPED, schema_id=FEATURE_SCHEMA_ID), load_estimator(SHIPPED)
    (calibrated,) = estimator.calibrated_classifiers_
    boosted = calibrated.estimator.estimator
    halves = copy.deepcopy(boosted._predictors)  # noqa: SLF001 - as in models/serve/forest.py
    for (tree,) in halves:
        tree.nodes["value"] /= 2
    boosted._predictors = [*halves, *halves]  # noqa: SLF001
    contents = Contents(
        schema_id=shipped.schema_id,
        feature_names=tuple(shipped.manifest["feature_names"]),
        scorer=TreeScorer(forest_of(boosted), calibration_of(estimator)),
        estimator=estimator,
        thresholds=shipped.thresholds,
        golden_rows=load_golden(SHIPPED),
        report={},
        provenance={"trees_of": shipped.version},
        plots={},
        created_ms=int(shipped.manifest["created_ms"]),
        reference=shipped.reference,
    )
    save(contents, folder)
    return folder


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    add_limits(parser, within=0.01)
    options = parsed(parser)
    lines = event_lines(options.events, seed=options.seed)
    with tempfile.TemporaryDirectory() as made:
        models = {"shipped": SHIPPED, "twice the trees": doubled(Path(made) / "doubled")}
        found = models_by_turns(lines, models, limits_of(options))
    costs = [list(map(cost_of, of_one)) for of_one in found.values()]
    give(describe() | {"ratio": ratio_of(costs[1], costs[0]).as_json(), "runs": found}, options.out)


if __name__ == "__main__":
    main()
