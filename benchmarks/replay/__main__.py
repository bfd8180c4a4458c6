"""Replay of generated events, from file to decisions without a broker: events a second and CPU microseconds an event.

    python -m benchmarks.replay --events 1000000

The whole job on one core: reading lines, decoding, all windows and features, model, policy, encoding. Each repetition
starts with empty windows, and all of them are in the result. A last repetition is watched for what each part costs. A
run with wrong counts, or with decisions that differ from the first run's, fails.
"""

from collections import defaultdict
from statistics import median
from typing import Any

from benchmarks.harness.machine import describe, give
from benchmarks.harness.workload import event_lines
from benchmarks.replay.measuring import Spent, measure, parsed, replay_parser


def main() -> None:
    """Run it and print one JSON object."""
    parser = replay_parser(__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="repetitions [%(default)s]")
    options = parsed(parser)
    lines = event_lines(options.events, seed=options.seed)
    measure(lines[:20_000])  # compiles
    runs = [measure(lines) for _ in range(options.repeat)]
    spent: Spent = defaultdict(float)
    watched = measure(lines, spent)
    if len({one["decisions_sha256"] for one in (*runs, watched)}) != 1:
        raise SystemExit("wrong run: the same events were decided differently")
    result = describe() | summary(runs) | {"parts_cpu_us_per_event": parts(watched, spent), "runs": runs}
    give(result, options.out)


def parts(watched: dict[str, Any], spent: Spent) -> dict[str, float]:
    """CPU microseconds of each part per event of a watched run, each without the parts in it."""
    own = {name: spent[name] for name in ("decode", "columns", "windows+features", "score", "encode")}
    own["policy"] = spent["screen"] - spent["windows+features"] - spent["score"]
    own["joining"] = spent["process"] - sum(own.values())
    own["lines"] = watched["cpu_s"] - spent["process"]
    return {name: round(1e6 * seconds / watched["events"], 3) for name, seconds in own.items()}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the repetitions, and what they agree on."""
    rates = [one["events"] / one["wall_s"] for one in runs]
    costs = [1e6 * one["cpu_s"] / one["events"] for one in runs]
    same = {name: runs[0][name] for name in ("events", "decisions", "actions", "decision_bytes", "decisions_sha256")}
    return same | {"events_per_second": round(median(rates)), "cpu_us_per_event": round(median(costs), 2)}


if __name__ == "__main__":
    main()
