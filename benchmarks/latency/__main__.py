"""Open-loop latency on Apache Kafka: from the intended send instant to the decision in another process.

    python -m benchmarks.latency --rates 0 100 500 1000 2000 5000 --seconds 10

The worker, a bare librdkafka copy loop and a bare aiokafka copy loop take turns at each rate, several times. All of
them use acks=all. Rate 0 is an idle system: one call every 50 to 100 ms. Generator, broker, worker and reader share the
machine. Each row therefore says how much of the processors they used, how late the generator was, and whether the run
fits the machine.

ROBOCALL_KAFKA_BOOTSTRAP_SERVERS and ROBOCALL_REDIS_URL, where set, name the services that are measured. Kafka must be
plaintext; the benchmark uses a consumer group of its own.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import plots
from benchmarks.harness.machine import describe, give
from benchmarks.harness.open_loop import IDLE, percentiles
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.latency.paths import COMPARED, LOOPS, WORKER, p50_ms, running_paths
from streams.local.services import local_services


def main() -> None:
    """Run every rate against all paths and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        default=[IDLE, 100, 500, 1_000, 2_000, 5_000],
        help="calls a second, 0 = idle; default: %(default)s",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--plots", type=Path, help="draw the plot into this folder")
    add_limits(parser, within=0.05, most=12)
    options = parser.parse_args()
    result = describe() | measure(options)
    give(result, options.out)
    if options.plots:
        plots.latency(result, options.plots)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All paths at all rates, by turns."""
    rows: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    with (
        local_services(heap_mb=1024, fast_start=False, configured=True) as services,
        running_paths(services, options.partitions) as paths,
    ):
        for rate in options.rates:
            turns = {path: partial(paths.run, path, rate, options.seconds) for path in (*LOOPS, WORKER)}
            found = take_turns(turns, base=next(iter(LOOPS)), cost=p50_ms, limits=limits_of(options))
            rows.append({"rate": rate} | summary(found))
            runs += [run for of_turn in zip(*found.values(), strict=True) for run in of_turn]
    return {"rows": rows, "runs": runs}


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One rate: ratios of the worker's percentiles, turn by turn; percentiles of all runs of a path together."""
    row: dict[str, Any] = {}
    for loop in LOOPS:
        ratios = {p: ratio_of([run[p] for run in found[WORKER]], [run[p] for run in found[loop]]) for p in COMPARED}
        row[f"worker to {loop}"] = {p: ratio.as_json() for p, ratio in ratios.items()}
    row["fits"] = all(run["fits"] for runs in found.values() for run in runs)
    return row | {path: percentiles([run["histogram_us"] for run in runs]) for path, runs in found.items()}


if __name__ == "__main__":
    main()
