"""What signed tracebacks would find without a group that asks, by the share of carriers that take part.

    python -m benchmarks.jaeger --calls 40000

A network of carriers grows: each new one connects to a few that are there, those with many neighbours and a good offer
first (preferential attachment with fitness). A call goes the shortest way from one carrier to another; both are drawn
by their number of neighbours. Each carrier that takes part leaves a record of every call it carries, which names the
carrier before it and the one behind it. An authority opens the records of one call. docs/traceback-without-the-group.md
has the design.
"""

import argparse
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import describe, give

CARRIERS = 7_000
LINKS = 2
"""Carriers that a new one connects to."""
SHARES = (0.007, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
ORIGINS = 100
"""Calls drawn for each terminating carrier."""
PUBLISHED = {0.007: (25, 7), 0.02: (40, 16), 0.1: (72, 49), 0.2: (85, 71)}
"""Percent of origins and of whole paths found in the paper's network (ACM CCS 2024), by share of the largest."""


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--carriers", type=int, default=CARRIERS, help="in the network [%(default)s]")
    parser.add_argument("--calls", type=int, default=40_000, help="that are traced [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="seed of network and calls [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    neighbours = network(options.carriers, rng)
    calls = ways(neighbours, options.calls, rng)
    rows = [row(neighbours, calls, share, rng) for share in SHARES]
    mean = round(float(np.mean([len(way) for way in calls])), 2)
    size = {"carriers": options.carriers, "calls": len(calls), "mean_carriers_of_a_call": mean}
    give(describe() | size | {"rows": rows}, options.out)


def network(carriers: int, rng: np.random.Generator) -> list[list[int]]:
    """Neighbours of each carrier."""
    fitness = rng.random(carriers)
    degrees = np.zeros(carriers)
    neighbours: list[list[int]] = [[] for _ in range(carriers)]

    def connect(one: int, other: int) -> None:
        neighbours[one].append(other)
        neighbours[other].append(one)
        degrees[[one, other]] += 1

    for one in range(LINKS + 1):
        for other in range(one):
            connect(one, other)
    for new in range(LINKS + 1, carriers):
        weights = degrees[:new] * fitness[:new]
        for other in rng.choice(new, LINKS, replace=False, p=weights / weights.sum()):
            connect(new, int(other))
    return neighbours


def ways(neighbours: Sequence[Sequence[int]], calls: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Ways of calls, the originating carrier first; those within one carrier are left out."""
    degrees = np.array([len(ones) for ones in neighbours], float)
    chances = degrees / degrees.sum()
    found: list[tuple[int, ...]] = []
    while len(found) < calls:
        last = int(rng.choice(len(neighbours), p=chances))
        towards = tree(neighbours, last, rng)
        for first in rng.choice(len(neighbours), ORIGINS, p=chances):
            way = [int(first)]
            while way[-1] != last:
                way.append(towards[way[-1]])
            if len(way) > 1:
                found.append(tuple(way))
    return found[:calls]


def tree(neighbours: Sequence[Sequence[int]], root: int, rng: np.random.Generator) -> list[int]:
    """The next carrier of each on a shortest way to the root; of several such ways one by chance."""
    towards = [-1] * len(neighbours)
    towards[root] = root
    waiting = deque([root])
    while waiting:
        one = waiting.popleft()
        for place in rng.permutation(len(neighbours[one])):
            other = neighbours[one][place]
            if towards[other] < 0:
                towards[other] = one
                waiting.append(other)
    return towards


def is_origin_found(way: Sequence[int], members: AbstractSet[int]) -> bool:
    """Whether a record names the originating carrier: its own, or that of the carrier behind it."""
    return way[0] in members or way[1] in members


def is_path_found(way: Sequence[int], members: AbstractSet[int]) -> bool:
    """Whether records name every step of the way: of two neighbours one takes part."""
    return all(one in members or other in members for one, other in pairwise(way))


def row(
    neighbours: Sequence[Sequence[int]], calls: Sequence[Sequence[int]], share: float, rng: np.random.Generator
) -> dict[str, Any]:
    """What is found when the largest carriers take part, and when as many by chance do."""
    count = max(1, round(share * len(neighbours)))
    largest = sorted(range(len(neighbours)), key=lambda carrier: -len(neighbours[carrier]))[:count]
    by_chance = rng.choice(len(neighbours), count, replace=False)
    found: dict[str, Any] = {"share": share, "carriers": count, "published_percent": PUBLISHED.get(share)}
    for name, members in (("largest", frozenset(largest)), ("by_chance", frozenset(map(int, by_chance)))):
        found[name] = {
            "origin_percent": round(100 * sum(is_origin_found(way, members) for way in calls) / len(calls), 1),
            "path_percent": round(100 * sum(is_path_found(way, members) for way in calls) / len(calls), 1),
        }
    return found


if __name__ == "__main__":
    main()
