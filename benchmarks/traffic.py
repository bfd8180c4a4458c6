"""Events a second that the traffic generator makes on one core, as records of `call-events`, in several worlds.

python -m benchmarks.traffic --calls 100000
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, give
from models.traffic.generate import generate
from models.traffic.spec import TrafficSpec
from models.worlds import held_out_worlds, training_worlds

AIM_PER_SECOND = 50_000
RATE = 200.0


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of each world, about [100000]")
    parser.add_argument("--worlds", type=int, default=2, help="worlds of each family [2]")
    parser.add_argument("--out", type=Path, help="also write the result here")
    options = parser.parse_args()
    rows = measure(options.calls, options.worlds)
    give(describe() | {"aim_per_second": AIM_PER_SECOND, "rows": rows}, options.out)


def measure(calls: int, worlds: int) -> list[dict[str, Any]]:
    """Generate the central world and some of either family, of about so many calls each: a row each."""
    specs = [
        ("central", TrafficSpec(calls_per_second=RATE, hours=calls / RATE / 3_600)),
        *(("training", spec) for spec in training_worlds(worlds, 1, calls=calls)),
        *(("held out", spec) for spec in held_out_worlds(worlds, calls=calls)),
    ]
    return [_measured(family, spec) for family, spec in specs]


def _measured(family: str, spec: TrafficSpec) -> dict[str, Any]:
    start = time.process_time()
    events = sum(len(block.json_lines()) for block in generate(spec))
    seconds = time.process_time() - start
    return {"worlds": family, "events": events, "events_per_cpu_second": round(events / seconds)}


if __name__ == "__main__":
    main()
