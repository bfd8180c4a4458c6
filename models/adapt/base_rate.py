"""How many of the calls are robocalls, at most: from labelled robocalls and where a teacher ranks them.

If a share `a` of the robocalls is among the highest `q` of all calls, then robocalls are at most `q / a` of the calls:
they cannot be more than there is room for. The smallest such bound over several `q` is what is believed. It holds as
far as labelled robocalls are like all of them. Some labels are wrong: of those with a weight of `w`, (1 - w) / 2, and
wrong ones rank like any call. Too high a base rate ruins the rounds, too low a one costs little, so
the lower end of its interval counts.
"""

from dataclasses import dataclass

import numpy as np

from models.adapt.alerts import highest
from models.adapt.labels import Labels
from models.budgets.bounds import Floats, Ints
from models.judge.evaluation import wilson

SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""Of all calls, the highest by the teacher."""
MOST_BELIEVED = 0.2
"""A bound above this says nothing: the teacher ranks labelled robocalls hardly above other calls."""
FEWEST_CALLERS = 30
MOST_TAUGHT = 0.04
FEWEST_ANSWERS = 10
PURE = 0.9
"""Of the highest calls, what must be robocalls to go on from there."""
TAUGHT_BLINDLY = 0.02
"""Share that is taught as robocalls where no base rate is known."""


@dataclass(frozen=True, slots=True)
class BaseRate:
    """What is believed of the share of robocalls; an interval of 95 %.

    Attributes:
        share: The smallest bound.
        low: Its lower end.
        high: Its upper end.
        callers: Labelled callers that it rests on.
    """

    share: float
    low: float
    high: float
    callers: int


def believed(scores: Floats, weight: Floats, caller: Ints) -> BaseRate | None:
    """Estimate the base rate; None where labels are too few, or the teacher ranks them too low to tell.

    Args:
        scores: Of the teacher, of all n calls.
        weight: Of each call's label as a robocall, shape (n,); 0 of all others.
        caller: Code of the caller of each labelled robocall, in order, shape (n_labelled,).
    """
    labelled = np.flatnonzero(weight > 0)
    _, first, codes = np.unique(caller, return_index=True, return_inverse=True)
    n = len(first)
    if n < FEWEST_CALLERS:
        return None
    ordered = np.sort(scores)
    share_of = weight[labelled] / np.bincount(codes, weights=weight[labelled])[codes] / n  # each caller counts once
    right = float((1.0 + np.average(weight[labelled], weights=share_of)) / 2)
    found = []
    for share in SHARES:
        limit = ordered[len(ordered) - max(1, round(share * len(ordered)))]
        caught = float(share_of[scores[labelled] >= limit].sum())
        low, high = wilson(caught * n, n)
        real = float((scores >= limit).mean())  # more than `share` where calls tie
        ranked = (min((one - (1.0 - right) * real) / right, 1.0) for one in (caught, high, low))
        best, lowest, highest = (min(real / max(one, 1e-9), 1.0) for one in ranked)
        found.append(BaseRate(best, lowest, highest, n))
    smallest = min(found, key=lambda one: one.share)
    return smallest if smallest.high <= MOST_BELIEVED else None


def taught_share(rate: BaseRate | None) -> float:
    """Share of the calls that is taught as robocalls: 4 %, and at most half of what is believed; 2 % blindly."""
    return TAUGHT_BLINDLY if rate is None else min(MOST_TAUGHT, rate.low / 2)


def is_top_pure(scores: Floats, share: float, labels: Labels, caller: Ints) -> bool:
    """Whether answers say that what a teacher ranks highest are robocalls: it is then not where it is weak.

    Args:
        scores: Of the teacher, shape (n,).
        share: Of the calls, the highest.
        labels: Of the same calls; answers are those of whoever looked. Each caller counts once.
        caller: Code of the caller of each call, shape (n,).

    Returns:
        False where fewer than `FEWEST_ANSWERS` callers were looked at.
    """
    looked = np.flatnonzero(highest(scores, share) & labels.is_looked_at)
    found, codes = np.unique(caller[looked], return_inverse=True)
    if len(found) < FEWEST_ANSWERS:
        return False
    robocalls = np.bincount(codes, weights=labels.is_robocall[looked]) / np.bincount(codes)
    return bool(robocalls.mean() >= PURE)
