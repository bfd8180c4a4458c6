"""Which of two models is better, by answers about calls that were drawn by lot.

At equal volumes of alerts two models differ in the calls on which one of them alone raises an alert. The one with more
robocalls among its own catches more, and hits as many lawful calls fewer. So an analyst is asked about some of these
calls, as many of either model, drawn by lot: a few answers tell what hundreds of complaints about any calls do not.
Nobody chooses the calls, and the draw is the same each time. Who answers is not told whose alert it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from math import comb
from typing import Literal

import numpy as np

from models.adapt.alerts import VOLUMES, highest
from models.adapt.calls import Calls, Mask
from models.adapt.labels import Labels
from models.budgets.bounds import Floats, Ints

Kind = Literal["block", "number"]
BATCH = 20
"""Answers after which it is looked whether they decide."""
LOOKS = 3
LEVEL = 0.023
"""Chance of answers as good from models that are equally good, below which they decide. With three looks the chance
that one of them decides is 5 % (Pocock, 1977)."""
MOSTLY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Calls that a person judges with one answer.

    Attributes:
        kind: What they share.
        calls: Their places, in order of time.
        labelled: Those that an answer labels.
    """

    kind: Kind
    calls: Ints
    labelled: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        cluster: Calls of one caller on which one model alone raises an alert, at one volume or more.
        is_of_candidate: It is the candidate.
    """

    cluster: Cluster
    is_of_candidate: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the answers say. Pairs are of the base and the candidate.

    Attributes:
        answered: Callers whose alerts were judged, of those that count at the last look.
        robocalls: Of these.
        chance: That equally good models come to answers as good for the candidate, or better.
        is_better: At one of the looks that chance was low enough.
        is_worse: The same for the base.
        missing: Answers that are missing at the next look; 0 where no more are of use.
    """

    answered: tuple[int, int]
    robocalls: tuple[int, int]
    chance: float
    is_better: bool
    is_worse: bool
    missing: int


def drawn(calls: Calls, chosen: Mask, base: Floats, candidate: Floats, seed: int) -> list[Drawn]:
    """Draw callers on whom the models differ; it sorts the calls some times.

    A caller is a number block in a trunk group, else a number. Who has more alerts at more volumes is drawn earlier
    more often. Further ones come behind those that were drawn already, so who has answered does so once.

    Args:
        calls: All n of the span.
        chosen: Those of which any may be drawn, shape (n,); volumes are shares of them.
        base: Scores that the base decides by, shape (n,).
        candidate: Those of the candidate.
        seed: Of the draw.

    Returns:
        As many of either model as there may be answers, in turn: of the first k, half are of either.
    """
    random = np.random.default_rng(seed)
    places = np.flatnonzero(chosen)
    differ = _differ(base[places], candidate[places])
    sides = [
        [Drawn(one, is_of_candidate) for one in _side(calls, places, sign * differ, random)]
        for sign, is_of_candidate in ((-1, False), (1, True))
    ]
    found: list[Drawn] = []
    for pair in zip_longest(*sides):
        two = [one for one in pair if one is not None]
        found += two if random.random() < MOSTLY else two[::-1]
    return found


def _differ(base: Floats, candidate: Floats) -> Ints:
    """At how many volumes the candidate alone raises an alert, less those of the base alone; shape (n,)."""
    found = np.zeros(len(base), np.int64)
    for share in VOLUMES:
        found += highest(candidate, share).astype(np.int64) - highest(base, share)
    return found


def _side(calls: Calls, places: Ints, alerts: Ints, random: np.random.Generator) -> Iterator[Cluster]:
    """Callers drawn one after the other, each with a chance in proportion to its alerts."""
    mine, alerts = places[alerts > 0], alerts[alerts > 0]
    block, number = calls.block[mine], calls.number[mine]
    who = np.where(block != 0, block, np.where(number != 0, number, calls.call[mine]))
    _, codes = np.unique(who, return_inverse=True)
    mass = np.bincount(codes, weights=alerts)
    turn = np.argsort(random.standard_exponential(len(mass)) / mass)  # that of drawing without replacement
    for code in turn[: BATCH * LOOKS // 2].tolist():
        its = mine[codes == code]
        its = its[np.argsort(calls.at_ms[its], kind="stable")]
        yield Cluster("block" if calls.block[its[0]] else "number", its, its)


def compared(draw: list[Drawn], labels: Labels) -> tuple[Comparison, list[Cluster]]:
    """What the answers so far say, and what is to be asked next; of that nothing where they decide.

    Callers whom nobody answered about are left out, and those that come later take their place.

    Args:
        draw: All that were drawn, in order.
        labels: Of all calls: those of whoever looked are answers.
    """
    base, candidate = (_Side(draw, labels, is_of_candidate=side) for side in (False, True))
    looks, chance = 0, 1.0
    is_better = is_worse = False
    while looks < LOOKS and not (is_better or is_worse):
        wanted = (looks + 1) * BATCH // 2
        if base.missing(wanted) or candidate.missing(wanted):
            break
        looks += 1
        first, second = base.answers[:wanted], candidate.answers[:wanted]
        chance = _chance(second, first)
        is_better, is_worse = chance < LEVEL, _chance(first, second) < LEVEL
    is_over = is_better or is_worse or looks == LOOKS
    wanted = 0 if is_over else (looks + 1) * BATCH // 2
    asked = [*base.next_of(wanted), *candidate.next_of(wanted)]
    answers = [side.answers[: looks * BATCH // 2] for side in (base, candidate)]
    answered, robocalls = ((count(answers[0]), count(answers[1])) for count in (len, sum))
    found = Comparison(answered, robocalls, chance, is_better, is_worse, len(asked))
    return found, [one.cluster for one in draw if one in asked]


class _Side:
    """What one model alone raises an alert on, and what was answered of it."""

    def __init__(self, draw: list[Drawn], labels: Labels, *, is_of_candidate: bool) -> None:
        self._open: list[Drawn] = []
        self.answers: list[bool] = []
        for one in draw:
            if one.is_of_candidate is is_of_candidate:
                answer = _answer(one.cluster, labels)
                self._open += [one] if answer is None else []
                self.answers += [] if answer is None else [answer]

    def missing(self, wanted: int) -> int:
        """How many answers are missing, of those that there can be."""
        return max(0, min(wanted, len(self.answers) + len(self._open)) - len(self.answers))

    def next_of(self, wanted: int) -> list[Drawn]:
        """About whom they are."""
        return self._open[: self.missing(wanted)]


def _answer(cluster: Cluster, labels: Labels) -> bool | None:
    """Whether most of its calls that somebody looked at are robocalls; None where nobody looked."""
    looked = cluster.labelled[labels.is_looked_at[cluster.labelled]]
    return bool(labels.is_robocall[looked].mean() > MOSTLY) if len(looked) else None


def _chance(mine: list[bool], others: list[bool]) -> float:
    """Fisher's exact test, one-sided, with half of the chance of the very answers (mid-p; Lancaster, 1961).

    The whole chance would be too careful: equally good models would pass half as often as is allowed, and better ones
    as seldom.
    """
    robocalls, n = sum(mine) + sum(others), len(mine) + len(others)
    most = min(robocalls, len(mine))
    ways = [comb(robocalls, k) * comb(n - robocalls, len(mine) - k) for k in range(sum(mine), most + 1)]
    return (sum(ways) - ways[0] / 2) / comb(n, len(mine))
