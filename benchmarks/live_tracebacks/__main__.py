"""Tracebacks among carriers whose archives were written by running stacks: from live calls to a campaign to its entry.

    python -m benchmarks.live_tracebacks --calls 40

A chain and a mesh are played side by side; they are worlds of `benchmarks.tracebacks` with calls of the last hours.
Each of the five carriers in turn has a Kafka, a Valkey, a worker and the sink of its archive as processes, and its
calls are played through them. The fifth has the calling numbers of the robocaller on its block list, as after
complaints, and runs `robocall campaigns`. From each campaign that this finds it opens tracebacks of the examples, and
asks whoever is named: that carrier answers from its own archive, or not at all. Each step is a command: `campaigns
list`, `traceback open`, `answer` and `import`. Hop by hop first; then all others are asked where the call has no rival.
Judged as in the simulation.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.harness.machine import describe, give
from benchmarks.live_tracebacks.desks import measure
from benchmarks.tracebacks.worlds import TOPOLOGIES


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40, help="of the robocaller, in each topology [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the worlds [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    with ThreadPoolExecutor() as pool:
        measured = pool.map(lambda name: measure(name, options.calls, options.seed), TOPOLOGIES)
        counts = dict(zip(TOPOLOGIES, measured, strict=True))
    give(describe() | {"worlds": 1, "calls_per_world": options.calls} | counts, options.out)


if __name__ == "__main__":
    main()
