"""How many events a second the traffic generators make on one core, in several worlds of each author.

    python -m benchmarks.traffic --calls 100000

The first author's traffic is measured as records of `call-events`, which the aim is about. That of the others is
measured as events with their truths, the form that training reads.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness.machine import describe, give
from models.traffic.authors import AUTHORS, Traffic, slices
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import DEFAULT_START_MS
from models.traffic.worlds import held_out_worlds, training_worlds

AIM_PER_SECOND = 50_000
RATE = 200.0


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of each world, about [%(default)s]")
    parser.add_argument(
        "--worlds", type=int, default=2, help="worlds of each family and of each other author [%(default)s]"
    )
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    rows = measure(options.calls, options.worlds)
    give(describe() | {"aim_per_second": AIM_PER_SECOND, "rows": rows}, options.out)


def measure(calls: int, worlds: int) -> list[dict[str, Any]]:
    """Generate the central world, some of either family and some of the other authors, of about so many calls each."""
    specs = [
        ("central", TrafficSpec(calls_per_second=RATE, hours=calls / RATE / 3_600)),
        *(("training", spec) for spec in training_worlds(worlds, 1, calls=calls)),
        *(("held out", spec) for spec in held_out_worlds(worlds, calls=calls)),
    ]
    others = [
        (f"{author} author, as events", drawn(seed, start_ms=DEFAULT_START_MS, calls=calls))
        for author, drawn in AUTHORS.items()
        for seed in range(1, worlds + 1)
    ]
    return [_measured(name, spec) for name, spec in (*specs, *others)]


def _measured(name: str, spec: Traffic) -> dict[str, Any]:
    start = time.process_time()
    events = sum(_counted(spec))
    seconds = time.process_time() - start
    return {"worlds": name, "events": events, "events_per_cpu_second": round(events / seconds)}


def _counted(spec: Traffic) -> Iterator[int]:
    """Events of each slice, made as they are used; what a generator sets up first is made here as well."""
    if isinstance(spec, TrafficSpec):
        yield from (len(part.json_lines()) for part in generate(spec))
    else:
        yield from (len(events) for events, _ in slices(spec))


if __name__ == "__main__":
    main()
