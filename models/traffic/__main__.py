"""`python -m models.traffic`: events a second that one core generates, as records of `call-events`."""

import argparse
import sys
import time

from models.traffic.generate import generate
from models.traffic.spec import TrafficSpec
from models.worlds import held_out_worlds, training_worlds


def measure(spec: TrafficSpec) -> tuple[int, float]:
    """Generate a span as JSON lines; give the number of events and the seconds of CPU that they took."""
    start = time.process_time()
    events = sum(len(block.json_lines()) for block in generate(spec))
    return events, time.process_time() - start


def main(arguments: list[str] | None = None) -> int:
    """Measure the central world and some worlds of either family; print a line each."""
    parser = argparse.ArgumentParser(prog="python -m models.traffic", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of each world, about [100000]")
    parser.add_argument("--worlds", type=int, default=2, help="worlds of each family [2]")
    chosen = parser.parse_args(arguments)
    rate = 200.0
    central = TrafficSpec(calls_per_second=rate, hours=chosen.calls / rate / 3_600)
    worlds = training_worlds(chosen.worlds, 1, calls=chosen.calls) + held_out_worlds(chosen.worlds, calls=chosen.calls)
    for spec in (central, *worlds):
        events, seconds = measure(spec)
        sys.stdout.write(f"{spec.world}: {events:,} events, {events / seconds:,.0f} a second of CPU\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
