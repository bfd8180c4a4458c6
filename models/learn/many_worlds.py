"""Training on many worlds: early worlds to learn from, later ones to calibrate on, held-out ones to judge by."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.parallel import generated, join, processes
from models.learn.training import Parameters
from models.traffic.authors import AUTHORS, Traffic, to_learn_from
from models.traffic.kinds import CAMPAIGN_KINDS
from models.traffic.span import DEFAULT_START_MS, HOUR_MS
from models.traffic.worlds import (
    CALLS_PER_WORLD,
    FEWEST_WORLDS,
    HELD_OUT_SEED,
    SLOT_MS,
    after,
    held_out_worlds,
    training_worlds,
)

CALIBRATED_SHARE = 0.15
JUDGED_WORLDS = 8
"""Held-out worlds that a training is judged by, and one more of every other author; `make quality` judges in more."""
LAWFUL_SHARE = 0.2
"""Of the lawful calls of many worlds that are learnt from: worlds add more than further calls of the same world do."""
BASE_RATE = 0.07
"""Share of robocalls that probabilities are meant for: 7 to 8 % of US calls (TransNexus, 2022). Worlds to train on have
more, and in worlds unlike them scores promise too much: in six draws of twelve held-out worlds the calibration error
was 0.016 with this, and 0.035 with the share of the worlds that were calibrated on (11 %)."""
COUNTED_IN = (1, 12)
"""Partitions that worlds are counted in, in turn. `robocall replay` counts in 1 by default, a worker in those of the
topic, by default 12: there it sees a part of the calls of an origin, a block and a called number, and multiplies. A
model that had learnt from counts in 1 alone caught 0.218 in 12 where one that learnt both caught 0.228, and 0.413
instead of 0.455 at 1 lawful call in 100 (144 held-out worlds, features f1)."""
TURNS = ("", "second", "", "third", "")
"""Whose worlds are learnt from, in turn; `""` is the first author, whose worlds differ most. No multiple of the turns
of `COUNTED_IN`, so that every author's worlds are counted in both ways."""
_BEFORE_SLOT_MS = 24 * HOUR_MS  # the calls of a slot end long before


def plan(n: int, seed: int, *, calls: int = CALLS_PER_WORLD) -> list[Traffic]:
    """The traffic to train on and, behind it, that to be judged by.

    Judged are eight worlds of the first author whose every figure lies outside of the ranges of those learnt from, and
    one carrier of each of the two other authors, drawn as those that are learnt from.

    Args:
        n: Worlds to learn from and to calibrate on, at least 6; of the three authors in turn.
        seed: Of those worlds; the eight held-out ones are always the same, the others' carriers follow from `n`.
        calls: Calls of each world, about.

    Returns:
        Worlds in order of time, none overlapping: `n` to learn from, the eight, one of each other author.

    Raises:
        ValueError: there are too few worlds.
    """
    if n < FEWEST_WORLDS:
        raise ValueError(f"{n} worlds are too few to learn from and to calibrate on: give at least {FEWEST_WORLDS}")
    learnt = by_turns(n, seed, calls=calls)
    judged = after(held_out_worlds(JUDGED_WORLDS, calls=calls), n)
    others = range(n + JUDGED_WORLDS, n + JUDGED_WORLDS + len(AUTHORS))
    return [
        *learnt,
        *judged,
        *(by_author(author, HELD_OUT_SEED, slot, calls) for author, slot in zip(AUTHORS, others, strict=True)),
    ]


def by_turns(n: int, seed: int, *, calls: int = CALLS_PER_WORLD) -> list[Traffic]:
    """Worlds of the training ranges, in order of time, by all authors as in `TURNS`.

    Args:
        n: How many, in slots 0 to `n` - 1.
        seed: Of all of them.
        calls: Calls of each world, about.
    """
    own = training_worlds(n, seed, calls=calls)
    return to_learn_from(
        [by_author(author, seed, slot, calls) if author else own[slot] for slot, author in enumerate(whose(n))]
    )


def whose(n: int) -> list[str]:
    """Who wrote each of so many worlds of `by_turns`, as in `TURNS`."""
    return [TURNS[slot % len(TURNS)] for slot in range(n)]


def by_author(author: str, seed: int, slot: int, calls: int) -> Traffic:
    """A world by another author, in the time of a slot.

    Args:
        author: One of `AUTHORS`.
        seed: Together with `slot`, of what is drawn.
        slot: When, in steps of `SLOT_MS` from the first instant of generated traffic on.
        calls: How many calls are judged, about.
    """
    number = int(np.random.default_rng([seed, slot]).integers(1 << 31))
    return AUTHORS[author](number, start_ms=DEFAULT_START_MS + slot * SLOT_MS, calls=calls)


def cut_between_worlds(data: Dataset, n: int, parameters: Parameters | None = None) -> Parameters:
    """Set the shares of the time span so that they cut where the learnt and where the calibrated worlds end.

    Called between `from_worlds` and the training, once.

    Args:
        data: The calls of `plan`, or some of them.
        n: As given to `plan`.
        parameters: What else to train with; None for what many worlds are trained with.
    """
    start, end = int(data.setup_time_ms[0]), int(data.setup_time_ms[-1])
    calibrated = max(2, round(n * CALIBRATED_SHARE))
    cuts = [
        (DEFAULT_START_MS + slots * SLOT_MS - _BEFORE_SLOT_MS - start) / (end - start) for slots in (n - calibrated, n)
    ]
    parameters = parameters or Parameters(lawful_share=LAWFUL_SHARE, base_rate=BASE_RATE)
    return replace(parameters, train_share=cuts[0], calibration_share=cuts[1] - cuts[0])


def from_worlds(
    n: int, seed: int, say: Callable[[str], None], *, without: str | None = None, calls: int = CALLS_PER_WORLD
) -> Dataset:
    """Generate the traffic of `plan` and compute its features as workers would, in `COUNTED_IN` partitions.

    Called once a training. It blocks as `models.data.parallel.generated` does, on two cores, for minutes where the
    worlds have their usual size.

    Args:
        n: As given to `plan`.
        seed: As given to `plan`.
        say: Told how far it is, a line each world.
        without: Campaign kind whose calls are neither learnt nor calibrated on, to see whether it is caught all the
            same; what they did to windows that other calls share stays.
        calls: As given to `plan`.

    Raises:
        ValueError: there are too few worlds, or no such kind.
        BrokenProcessPool: a process was killed.
    """
    if without is not None and without not in CAMPAIGN_KINDS:
        raise ValueError(f"{without} is no kind of campaign: leave out one of {', '.join(CAMPAIGN_KINDS)}")
    with processes() as pool:
        data = join(generated(plan(n, seed, calls=calls), COUNTED_IN, pool, say))
    if without is None:
        return data
    return data.take((slots_of(data) >= n) | ~(data.is_robocall & data.is_of(without)))


def slots_of(data: Dataset) -> NDArray[np.int64]:
    """Which world of `plan` each call is of, its place among them, shape (n_calls,) int64."""
    return (data.setup_time_ms - DEFAULT_START_MS + _BEFORE_SLOT_MS) // SLOT_MS
