"""Everything hostile at once beside good calls: how much longer do these wait, and is each of them decided?

    python -m benchmarks.hostile --rate 500 --seconds 100 --turns 2

A real Kafka and Valkey, one worker at default settings that lives through all of it. In each turn good calls come for
some seconds by themselves, and then for as long beside the corpus of `tests.faults.hostile`: bombs in each codec, huge
keys, empty records, calls that are dear to read, batches that lie, batches damaged on the broker's disk, transactions,
junk, colliding and odd numbers, junk in Redis. Between the two the same corpus goes to a topic that no worker reads:
broker and machine are as busy then, which here they share with the worker. A call's answer time is from the instant at
which it was due to the broker's stamp on the decision; so the decisions' topic has `LogAppendTime` here. Calls in the
one partition that has transactions, open for up to two seconds, have a row of their own: whoever reads committed
records waits for their ends.

At the end of each turn a second worker takes half of the partitions, is killed, and starts again from its snapshots:
once as they are, and once with a byte changed in every row, under a right checksum.
"""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness.machine import describe, give
from benchmarks.hostile.place import ALONE, BESIDE, ELSEWHERE, running
from streams.metrics import Metric

REFUSED = (Metric.DEAD_LETTERS, Metric.UNREADABLE)


def told(what: str, figures: dict[str, Any]) -> None:
    """Say how far it is."""
    print(f"{what}: {figures}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All turns."""
    arms: dict[str, list[dict[str, Any]]] = {ALONE: [], ELSEWHERE: [], BESIDE: []}
    taken: dict[str, list[dict[str, Any]]] = {ALONE: [], BESIDE: []}
    with TemporaryDirectory(prefix="hostile-") as name, running(Path(name)) as place:
        place.calls(options.rate, 10.0)
        for _ in range(options.turns):
            for arm, found in arms.items():
                with place.hostile(arm):
                    found.append(place.calls(options.rate, options.seconds) | {"load": os.getloadavg()[0]})
                    told(arm, found[-1])
                    if arm in taken:
                        taken[arm].append(place.take_over(arm, options.rate))
                        told(f"take-over {arm}", taken[arm][-1])
        worker = place.workers[0]
        ended, metrics = worker.process.poll() is not None, worker.metrics()
        poured = place.poured
    ratios = {
        f"{BESIDE}, to {than}": {
            name: [round(beside[name] / other[name], 2) for other, beside in zip(arms[than], arms[BESIDE], strict=True)]
            for name in ("p50_ms", "p99_ms")
        }
        for than in (ALONE, ELSEWHERE)
    }
    return {
        "undecided": sum(one["undecided"] for found in (arms, taken) for of in found.values() for one in of),
        "restarts": int(ended),
        "ratios": ratios,
        "arms": arms,
        "take_overs": taken,
        "poured": poured,
        "refused": {name: value for name, value in metrics.items() if name.startswith(REFUSED)},
    }


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="good calls a second [%(default)s]")
    parser.add_argument("--seconds", type=float, default=100.0, help="of each arm [%(default)s]")
    parser.add_argument("--turns", type=int, default=2, help="each with both arms [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    give(describe() | measure(options), options.out)


if __name__ == "__main__":
    main()
