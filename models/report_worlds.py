"""The worlds that a model is judged in, and those that what it is compared with learns from: specified, generated."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from models.dataset import Dataset
from models.simulation import from_traffic
from models.traffic.spec import TrafficSpec
from models.worlds import central_worlds, held_out_worlds, natural, training_worlds

JUDGED = "held out"
"""The family that aims are about: worlds that no model was trained in, nor in any like them."""
INSIDE = "training ranges"
"""The family of other draws from the ranges that models are trained in."""


def families(worlds: int, calls: int, seed: int) -> dict[str, list[TrafficSpec]]:
    """Specifications of the worlds of each family, at the natural share of robocalls.

    Args:
        worlds: Held-out ones; of the two other families half as many.
        calls: Of each world, about.
        seed: One that no model was trained with.
    """
    others = max(1, worlds // 2)
    found = {
        "central": central_worlds(others, seed, calls=calls),
        INSIDE: training_worlds(others, seed, calls=calls),
        JUDGED: held_out_worlds(worlds, seed, calls=calls),
    }
    return {name: [natural(spec) for spec in specs] for name, specs in found.items()}


def generated(
    specs: Sequence[TrafficSpec], partitions: Sequence[int], pool: Executor, say: Callable[[str], None]
) -> list[Dataset]:
    """Generate worlds, each with the features that workers would compute.

    Args:
        specs: The worlds.
        partitions: Partitions that their windows are counted in, one figure after the other in turn.
        pool: Where to work.
        say: Told how far it is, a line each world.

    Returns:
        The calls of each world, in order of `specs`.
    """
    turns = [partitions[number % len(partitions)] for number in range(len(specs))]
    found = []
    for part in pool.map(_generate, specs, turns):
        found.append(part)
        say(f"  {len(found)} of {len(specs)} worlds: {len(part):,} calls")
    return found


def _generate(spec: TrafficSpec, partitions: int) -> Dataset:
    return from_traffic([spec], lambda _: None, partitions=(partitions,))


def join(parts: list[Dataset]) -> Dataset:
    """Put worlds that follow each other in time together, and empty the list: no call is in memory twice.

    Equal numbers or campaigns of two worlds are not the same.

    Raises:
        ValueError: two worlds overlap in time, or are in the wrong order.
    """
    names, size = parts[0].feature_names, sum(len(part) for part in parts)
    kinds = tuple(sorted({kind for part in parts for kind in part.kinds}))
    number, campaign, kind, times_ms = (np.empty(size, np.int64) for _ in range(4))
    joined = Dataset(
        names,
        np.empty((size, len(names)), np.float32),
        times_ms,
        number,
        np.empty(size, np.bool_),
        campaign,
        kind,
        kinds,
    )
    done = numbers = campaigns = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        here = slice(done, done + len(part))
        joined.rows[here] = part.rows
        times_ms[here] = part.setup_time_ms
        number[here] = part.number + numbers
        joined.is_robocall[here] = part.is_robocall
        campaign[here] = np.where(part.campaign >= 0, part.campaign + campaigns, -1)
        kind[here] = np.array([kinds.index(one) for one in part.kinds], np.int64)[part.kind]
        done += len(part)
        numbers += int(part.number.max()) + 1
        campaigns += int(part.campaign.max(initial=-1)) + 1
    if np.any(np.diff(times_ms) < 0):
        raise ValueError("worlds have to follow each other in time")
    return joined
