"""Base models that never learnt from an author, by the recipe of the shipped one: what `--base` of the ladder takes.

    python -m benchmarks.adapting.untold --without first second third --out build/untold
    python -m benchmarks.adapting.ladder --author second --base build/untold/second --out ladder_untold.json

Worlds are generated once, as `make train` does; then a model is fitted for each author from the worlds of the others.
It takes as long as `make train`, and minutes more for each author. Each folder is an artifact, as of `robocall train`.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.judge.packaging import package
from models.judge.report.worlds import FIRST
from models.learn.many_worlds import cut_between_worlds, from_worlds, slots_of, whose
from models.learn.training import train
from models.traffic.authors import AUTHORS
from streams.commands.shared.labelled import serving_schema

WORLDS, CALLS, SEED = 150, 24_000, 7
"""Of the shipped model."""
LEARNT = (FIRST, *AUTHORS)
"""Whose worlds it has learnt."""


def kept_without(author: str, slots: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Which calls stay where an author is left out: those by others, and those that models are judged by.

    Args:
        author: Left out.
        slots: World of each call; those from `n` on are judged by, and stay.
        n: Worlds that are learnt from and calibrated on.
    """
    wrote = np.array([one or FIRST for one in whose(n)])
    return np.asarray((slots >= n) | (wrote[np.minimum(slots, n - 1)] != author), np.bool_)


def make(author: str, data: Dataset, n: int, seed: int, folder: Path) -> str:
    """Fit, calibrate and write the model that never learnt from an author; the version.

    Args:
        author: Left out.
        data: The calls of all worlds.
        n: Worlds that are learnt from and calibrated on.
        seed: Of the fit.
        folder: Of the artifact.
    """
    told = data.take(np.flatnonzero(kept_without(author, slots_of(data), n)))
    trained = train(told, seed, cut_between_worlds(told, n))
    schema_id = serving_schema(told).schema_id
    made_by = {"without_author": author}
    return package(
        told, trained, folder, schema_id=schema_id, created_ms=time.time_ns() // 1_000_000, made_by=made_by
    ).version


def main() -> None:
    """Make the models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", nargs="+", choices=LEARNT, default=LEARNT, help="[%(default)s]")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="before any is left out [%(default)s]")
    parser.add_argument("--world-calls", type=int, default=CALLS, help="of each world [%(default)s]")
    parser.add_argument("--seed", type=int, default=SEED, help="of worlds and fits [%(default)s]")
    parser.add_argument("--out", type=Path, required=True, help="a folder of each author is made in this one")
    options = parser.parse_args()
    data = from_worlds(
        options.worlds, options.seed, lambda line: print(line, file=sys.stderr), calls=options.world_calls
    )
    for author in options.without:
        version = make(author, data, options.worlds, options.seed, options.out / author)
        print(f"without {author}: {version}", flush=True)


if __name__ == "__main__":
    main()
