"""How many workers, partitions and bytes a rate of calls needs, computed from what `benchmarks.scale` measured.

    python -m benchmarks.sizing --calls-per-second 1000 10000 100000 1000000

Every figure is arithmetic on docs/benchmarks/scale.json and the assumptions given here. docs/sizing.md explains them.
"""

import argparse
import json
from pathlib import Path

from benchmarks.sizing.arithmetic import RATES, Assumptions, Costs, size, table

MEASURED = Path(__file__).parents[2] / "docs" / "benchmarks" / "scale.json"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--calls-per-second", type=int, nargs="+", default=RATES, help="rates of the busiest hour; default: %(default)s"
    )
    parser.add_argument(
        "--calls-per-number",
        type=float,
        default=Assumptions.calls_per_number,
        help="calls a day of a number that calls at all [%(default)s]",
    )
    parser.add_argument(
        "--worker-gib", type=float, default=Assumptions.worker_gib, help="most memory of a worker, GiB [%(default)s]"
    )
    parser.add_argument(
        "--core-share",
        type=float,
        default=Assumptions.core_share,
        help="share of a core that a worker may use [%(default)s]",
    )
    parser.add_argument(
        "--measured",
        type=Path,
        default=MEASURED,
        help="result of `benchmarks.scale --out` [docs/benchmarks/scale.json]",
    )
    options = parser.parse_args()
    assumed = Assumptions(
        core_share=options.core_share, calls_per_number=options.calls_per_number, worker_gib=options.worker_gib
    )
    costs = Costs(json.loads(options.measured.read_text()))
    print(table([size(rate, costs, assumed) for rate in options.calls_per_second]))


if __name__ == "__main__":
    main()
