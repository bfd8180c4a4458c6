"""A worker works off a backlog on Apache Kafka on one core: sustained rate and CPU microseconds per event.

    python -m benchmarks.throughput --events 2000000

The worker is pinned to one processor; broker, Valkey and this program use the others. The floor is measured in the same
run: a bare librdkafka loop that reads the same topic and answers each call setup with as many bytes. Measuring starts
when a twentieth is answered, so no start-up counts. Every setup must have exactly one decision, and none may fail open.
A last pass over the same backlog, with a sampling profiler, shows what the time goes to.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import plots
from benchmarks.harness.backlog import publish
from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import on_processors
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.throughput.bench import WORKER_PROCESSOR, Bench, cost_us
from streams.local.services import local_services


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000, help="events of the backlog [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument(
        "--no-breakdown", dest="breakdown", action="store_false", help="leave out the pass with the profiler"
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--plots", type=Path, help="draw the break-down into this folder")
    add_limits(parser)
    options = parser.parse_args()
    result = describe() | measure(options)
    give(result, options.out)
    if options.plots and options.breakdown:
        plots.throughput(result, options.plots)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Publish, let loop and worker take turns, look into the worker."""
    with on_processors(range(WORKER_PROCESSOR + 1, 1024)), local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, options.partitions)
        backlog = publish(bench.servers, options.events, options.seed)
        turns: dict[str, Callable[[], dict[str, Any]]] = {
            "loop": partial(bench.loop, backlog),
            "worker": partial(bench.worker, backlog),
        }
        found = take_turns(turns, base="loop", cost=cost_us, limits=limits_of(options))
        costs = {name: [cost_us(one) for one in runs] for name, runs in found.items()}
        result: dict[str, Any] = {
            "worker_to_loop": ratio_of(costs["worker"], costs["loop"]).as_json(),
            "events": backlog.events,
            "setups": len(backlog.setups),
            "bytes_per_event": round(backlog.value_bytes / backlog.events),
            "partitions": options.partitions,
            "worker_events_per_second": statistics.median(one["events_per_second"] for one in found["worker"]),
            "worker_cpu_us_per_event": statistics.median(costs["worker"]),
            "loop_cpu_us_per_event": statistics.median(costs["loop"]),
            "workers": found["worker"],
            "loops": found["loop"],
        }
        if options.breakdown:
            result |= bench.look_into(backlog, result["worker_cpu_us_per_event"])
    return result


if __name__ == "__main__":
    main()
