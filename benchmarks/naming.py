"""What it costs a worker to name the campaigns of calls: the same backlog with and without names, by turns.

    python -m benchmarks.naming --events 600000

A first run is not measured. `robocall campaigns run` groups its decisions meanwhile, and ends when it has grouped them
all. Then workers take turns on the backlog, pinned to one processor. Every setup must have exactly one decision. The
result says how many decisions name a campaign, for a name is what costs.
"""

import argparse
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.backlog import decisions_between, ends, publish
from benchmarks.harness.machine import describe, give
from benchmarks.harness.processors import on_processors
from benchmarks.harness.trees import HERE
from benchmarks.harness.turns import add_limits, limits_of, ratio_of, take_turns
from benchmarks.harness.worker import metrics_of, wait_until
from benchmarks.throughput.bench import WORKER_PROCESSOR, Bench, cost_us
from streams.files import private_folder
from streams.kafka.topics import CALL_DECISIONS
from streams.local.services import LocalServices, free_ports, local_services
from streams.metrics import Metric

NAMING = {"ROBOCALL_NAME_CAMPAIGNS": "true"}
NAMED = b'"campaign '
STILL_S = 15.0
"""Without a further call in a campaign it has grouped all."""


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=600_000, help="events of the backlog [%(default)s]")
    parser.add_argument("--partitions", type=int, default=12, help="of the topic [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated traffic [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    add_limits(parser)
    options = parser.parse_args()
    give(describe() | measure(options), options.out)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Publish, group, and let workers take turns."""
    with on_processors(range(WORKER_PROCESSOR + 1, 1024)), local_services(heap_mb=1024, fast_start=False) as services:
        bench = Bench(services, options.partitions)
        backlog = publish(bench.servers, options.events, options.seed)
        calls = grouped(services, partial(bench.worker, backlog))
        named: list[int] = []

        def naming() -> dict[str, Any]:
            before = ends(bench.servers, CALL_DECISIONS, options.partitions)
            figures = bench.worker(backlog, settings=NAMING)
            after = ends(bench.servers, CALL_DECISIONS, options.partitions)
            named.append(sum(NAMED in value for value in decisions_between(bench.servers, before, after)))
            return figures

        runs: dict[str, Callable[[], dict[str, Any]]] = {"without": partial(bench.worker, backlog), "naming": naming}
        found = take_turns(runs, base="without", cost=cost_us, limits=limits_of(options))
    if not all(named):
        raise SystemExit("wrong run: no decision names a campaign")
    costs = {name: [cost_us(one) for one in ran] for name, ran in found.items()}
    return {
        "naming_to_without": ratio_of(costs["naming"], costs["without"]).as_json(),
        "events": backlog.events, "setups": len(backlog.setups), "partitions": options.partitions,
        "calls_of_campaigns": calls, "named": named, "cpu_us_per_event": costs,
    }  # fmt: skip


def grouped(services: LocalServices, run: Callable[[], object]) -> int:
    """Let the service of campaigns group the decisions of a run; returns how many calls it put into campaigns.

    Raises:
        SystemExit: it ended too soon, or grouped none.
    """
    (port,) = free_ports(1)
    own = {"ROBOCALL_CAMPAIGNS_WEB_PORT": str(port), "ROBOCALL_CASES_SPOOL": str(private_folder())}
    environment = HERE.environment() | services.environment() | own
    process = subprocess.Popen(
        HERE.command("campaigns", "run"), cwd=HERE.folder, env=environment, stderr=subprocess.DEVNULL
    )
    seen, since_s = 0.0, time.monotonic()

    def is_still() -> bool:
        nonlocal seen, since_s
        if process.poll() is not None:
            raise SystemExit(f"wrong run: campaigns ended with status {process.returncode}")
        now = metrics_of(port).get(Metric.CAMPAIGN_CALLS, 0.0)
        if now != seen:
            seen, since_s = now, time.monotonic()
        return seen > 0 and time.monotonic() - since_s > STILL_S

    try:
        run()
        wait_until(is_still, "a service that has grouped all suspect calls", every_s=1.0)
    finally:
        process.terminate()
        process.wait(60)
    return int(seen)


if __name__ == "__main__":
    main()
