"""How soon a start of the demo shows something: its first words, the console, and live calls.

    python -m benchmarks.demo.start --turns 3
    python -m benchmarks.demo.start --turns 3 --console

The first of the turns warms and is not shown: what is compiled is kept. Seconds by the clock, so measure alone.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.machine import describe, give

DEMO = [sys.executable, "-m", "streams.commands.main", "demo"]
NOT_INHERITED = "PYTHONDONTWRITEBYTECODE"
"""With it no process keeps what it compiled of its modules, so that no start is warm."""
SIGNS = {"the first words": "", "console": "Console:", "history begins": "Playing", "live calls": "Sending calls"}
"""What a line on the screen begins with."""


def started(console: bool) -> dict[str, float]:
    """Start a demo, and stop it once calls come live.

    Args:
        console: With the console.

    Returns:
        Seconds until each of `SIGNS` that came.

    Raises:
        SystemExit: It ended before.
    """
    environment = {name: value for name, value in os.environ.items() if name != NOT_INHERITED}
    command = [*DEMO, "--console"] if console else DEMO
    began_s, seen = time.monotonic(), dict[str, float]()
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            for sign, words in SIGNS.items():
                if line.startswith(words):
                    seen.setdefault(sign, round(time.monotonic() - began_s, 1))
            if "live calls" in seen:
                process.terminate()  # Ctrl-C may be ignored, where this was started in the background
                process.communicate()
                return seen
    raise SystemExit(f"the demo ended with status {process.returncode} before a call came")


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="that are shown [%(default)s]")
    parser.add_argument("--console", action="store_true", help="with the console, archive and campaigns")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    started(options.console)
    turns: list[dict[str, Any]] = [started(options.console) for _ in range(options.turns)]
    give(describe() | {"load": os.getloadavg(), "turns": turns}, options.out)


if __name__ == "__main__":
    main()
