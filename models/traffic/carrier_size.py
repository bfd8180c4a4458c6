"""How big a carrier is drawn: the ranges that the second and the third author's carriers share.

What a world costs to generate and how long its windows fill should not depend on who wrote it; all else should.
"""

import math
from random import Random

_LEAST_JUDGED_S = 1_200


def drawn_size(random: Random, calls: float) -> tuple[float, float, float]:
    """Draw calls a second, hours of history and hours in all, such that about so many calls are judged.

    What is judged lasts twenty minutes or more; its history is at most four times as long. `calls` is above 0.
    """
    calls_per_second = min(log_uniform(random, 6.0, 40.0), calls / _LEAST_JUDGED_S)
    judged_hours = calls / calls_per_second / 3_600
    history_hours = min(random.uniform(1.2, 3.0), 4 * judged_hours)
    return calls_per_second, history_hours, history_hours + judged_hours


def log_uniform(random: Random, low: float, high: float) -> float:
    """Draw from `[low, high]`, evenly in the logarithm; `low` is above 0."""
    return math.exp(random.uniform(math.log(low), math.log(high)))
