"""Play as many schedules as you like: `nice -n 15 python -m tests.histories --seed 0 --count 1000000`.

It says how far it is, names every seed that breaks a promise, and prints what is left of the first such schedule when
all that does not matter is taken away. `--count 1` plays one seed again.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from tests.histories.model_broker import Broken
from tests.histories.rigs import SEEDS, Counting, Rig, Windows
from tests.histories.world import Act, play, schedule, shrunk

TELL_EVERY_S = 10.0
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
RIGS: dict[str, Callable[[], Rig]] = {"counting": Counting, "windows": Windows}


def main() -> int:
    """Play them; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--count", type=int, default=10_000, help="how many")
    parser.add_argument("--with", dest="rig", choices=RIGS, default="counting", help="what the workers count with")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        broken = play_all(range(asked.seed, asked.seed + asked.count), RIGS[asked.rig](), Path(folder))
    return 1 if broken else 0


def play_all(seeds: range, rig: Rig, folder: Path) -> list[int]:
    """Play them and tell; those that broke a promise."""
    broken: list[int] = []
    started_s = told_s = time.monotonic()
    lives = published = stored = 0
    for done, seed in enumerate(seeds, 1):
        try:
            world = play(schedule(seed), rig, seed % len(SEEDS), root=folder)
            lives, published, stored = lives + world.lives, published + world.published, stored + world.broker.stored
        except Broken as error:
            broken.append(seed)
            say(f"seed {seed}: {error}")
            if len(broken) == 1:
                for act in shrunk(schedule(seed), lambda acts, seed=seed: _breaks(acts, rig, seed, folder)):  # type: ignore[misc]
                    say(f"    {act}")
        now_s = time.monotonic()
        if now_s - told_s >= TELL_EVERY_S or done == len(seeds):
            told_s = now_s
            say(
                f"{done:,} of {len(seeds):,} schedules in {now_s - started_s:,.0f} s: {len(broken)} broken; "
                f"{lives:,} workers, {published:,} snapshots, {stored:,} decisions"
            )
    return broken


def _breaks(acts: list[Act], rig: Rig, seed: int, folder: Path) -> bool:
    try:
        play(acts, rig, seed % len(SEEDS), root=folder)
    except Broken:
        return True
    return False


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
