"""How often tracebacks reach the point of entry, and how often they name a wrong call: five carriers, many calls.

    python -m benchmarks.tracebacks --worlds 10 --calls 60

Each world has five carriers, each with an archive of its own, made by the archive's own code; two of them keep digests.
Their clocks are wrong by up to 90 s, and each writes its own Call-ID. In a chain every call passes all of them; in a
mesh each takes a way of its own. Calls end at the fifth and entered at the first of their way, from a customer or from
abroad. Some pairs of numbers call once more within the tolerance, in a mesh by another way. The fifth carrier traces
calls by the code of the commands: it asks whoever is named, and one in five does not answer. Then, where the call has
no rival, it asks all others too, whose answers may bridge a gap.
"""

import argparse
from pathlib import Path

from benchmarks.harness.machine import describe, give
from benchmarks.tracebacks.tracing import measure
from benchmarks.tracebacks.worlds import TOPOLOGIES


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=10, help="of each topology [%(default)s]")
    parser.add_argument("--calls", type=int, default=60, help="traced calls of each world [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of the worlds [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    measured = {name: measure(name, options.worlds, options.calls, options.seed) for name in TOPOLOGIES}
    give(describe() | {"worlds": options.worlds, "calls_per_world": options.calls} | measured, options.out)


if __name__ == "__main__":
    main()
