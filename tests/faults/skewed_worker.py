"""A worker like any other whose wall clock is wrong.

    python -m tests.faults.skewed_worker SECONDS_AHEAD

Settings come from the environment, as for `robocall worker`.
"""

import sys
import time

from streams.commands import worker
from streams.log import configure_log
from streams.settings import load_settings


def main() -> int:
    """Run it."""
    right_ns, ahead_ns = time.time_ns, round(float(sys.argv[1]) * 1e9)
    vars(time)["time_ns"] = lambda: right_ns() + ahead_ns
    settings = load_settings()
    configure_log(settings.log_level)
    return worker.run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
