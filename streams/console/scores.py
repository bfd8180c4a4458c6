"""What the model would do at other thresholds: how many calls of the last minutes have at least which score.

A sketch of bounded memory: scores are counted in classes, finer towards 0 and 1, by the half minute. Which thresholds
are in force is known of the decisions that name one.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from detector.contract.decisions import Action, Decision, Step

SCORES_S = 900
"""That scores are kept for."""
SLICE_S = 30
STEPS_OF_TEN = 8
"""Classes within a factor of ten of the odds."""
SHOWN = (0.5, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999, 0.9999)
"""Thresholds of the table."""
MOST_REACHED = 32
"""Thresholds that are kept of a slice: a policy has four for each category and trunk group."""
_GRID = (1 / (1 + 10 ** (-step / STEPS_OF_TEN)) for step in range(-2 * STEPS_OF_TEN, 5 * STEPS_OF_TEN + 1))
EDGES = tuple(sorted({*_GRID, *SHOWN}))
"""Lower ends of the classes, from odds of 1 to 100, 0.0099, up to 100,000 to 1, 0.99999; `SHOWN` are among them."""


class Reached(NamedTuple):
    """A threshold that a call was labelled or blocked by.

    Attributes:
        threshold: The score.
        action: What it led to.
        is_tried: That was only said.
    """

    threshold: float
    action: Action
    is_tried: bool


class AtThreshold(NamedTuple):
    """How many calls have at least this score.

    Attributes:
        threshold: The score.
        calls: How many of the last `SCORES_S`.
        share: Of those that have a score.
        reached: Thresholds of the same time that lie below the next row's, and at or above this one's.
    """

    threshold: float
    calls: int
    share: float
    reached: tuple[Reached, ...]


@dataclass(slots=True)
class _Slice:
    at_s: int
    counts: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    reached: set[Reached] = field(default_factory=set)


class ScoreSketch:
    """Counts scores of decisions; a call that the model did not score is not counted. Used on the event loop alone.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slices: deque[_Slice] = deque(maxlen=SCORES_S // SLICE_S + 1)

    def take(self, decision: Decision) -> None:
        """Count the score of a decision. Some tenths of a microsecond."""
        if decision.score is None:
            return
        at_s = int(self._clock()) // SLICE_S * SLICE_S
        if not self._slices or self._slices[-1].at_s < at_s:
            self._slices.append(_Slice(at_s))
        counted = self._slices[-1]
        counted.counts[bisect_right(EDGES, decision.score)] += 1
        reached = _reached(decision)
        if reached is not None and len(counted.reached) < MOST_REACHED:
            counted.reached.add(reached)

    def total(self) -> int:
        """Calls of the last `SCORES_S` that have a score."""
        return sum(self._sums())

    def curve(self) -> dict[str, list[float]]:
        """`threshold` and how many `calls` have at least that score, for each class."""
        return {"threshold": list(EDGES), "calls": [float(calls) for calls in self._from()]}

    def table(self) -> list[AtThreshold]:
        """A row for each of `SHOWN`; none without calls. A threshold below all of them stands in the first."""
        total, found = self.total(), dict(zip(EDGES, self._from(), strict=True))
        if not total:
            return []
        reached: list[list[Reached]] = [[] for _ in SHOWN]
        for one in sorted(set().union(*(part.reached for part in self._kept()))):
            reached[max(0, bisect_right(SHOWN, one.threshold) - 1)].append(one)
        rows = zip(SHOWN, reached, strict=True)
        return [AtThreshold(at, found[at], found[at] / total, tuple(here)) for at, here in rows]

    def _from(self) -> list[int]:
        """Calls from the lower end of each class on."""
        return list(accumulate(reversed(self._sums()[1:])))[::-1]

    def _sums(self) -> list[int]:
        return [sum(column) for column in zip(*self._counts(), strict=True)]

    def _counts(self) -> Iterator[list[int]]:
        yield [0] * (len(EDGES) + 1)
        yield from (one.counts for one in self._kept())

    def _kept(self) -> Iterator[_Slice]:
        begin_s = self._clock() - SCORES_S
        return (one for one in self._slices if one.at_s + SLICE_S > begin_s)


def _reached(decision: Decision) -> Reached | None:
    """The threshold that the model's step names, if it decided."""
    if decision.decided_by is not Step.MODEL:
        return None
    is_tried = decision.action is Action.ALLOW
    action = decision.would_be if is_tried else decision.action
    threshold = next((one.threshold for one in decision.reasons if one.code == "model"), None)
    return None if action is None or threshold is None else Reached(threshold, action, is_tried)
