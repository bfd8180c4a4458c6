"""Events a second that the traffic generator makes on one core, as records of `call-events`, in several worlds.

python -m benchmarks.traffic --calls 100000
"""

import argparse
from pathlib import Path

from benchmarks.machine import describe, give
from models.traffic.__main__ import measure
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
    specs = [
        ("central", TrafficSpec(calls_per_second=RATE, hours=options.calls / RATE / 3_600)),
        *(("training", spec) for spec in training_worlds(options.worlds, 1, calls=options.calls)),
        *(("held out", spec) for spec in held_out_worlds(options.worlds, calls=options.calls)),
    ]
    rows = []
    for family, spec in specs:
        events, seconds = measure(spec)
        rows.append({"worlds": family, "events": events, "events_per_cpu_second": round(events / seconds)})
    give(describe() | {"aim_per_second": AIM_PER_SECOND, "rows": rows}, options.out)


if __name__ == "__main__":
    main()
