"""Which of two models is better, by answers about calls that were drawn by lot.

At equal volumes of alerts two models differ in the calls on which one of them alone raises an alert. The one with more
robocalls among its own catches more, and hits as many lawful calls fewer. So an analyst is asked about some of these
calls, as many of either model, drawn by lot: a few answers tell what hundreds of complaints about any calls do not.
Alerts of equal volumes are compared with each other alone: among the first ones of any model more are robocalls.
Nobody chooses the calls, and the draw is the same each time. Who answers is not told whose alert it is.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import hypergeom

from models.adapt.alerts import highest
from models.adapt.calls import Calls, Mask
from models.adapt.labels import Labels
from models.budgets.bounds import Floats, Ints

Kind = Literal["block", "number"]
Answer = tuple[float, bool]
"""Volume in whose turn a caller was drawn, and whether it is a robocaller."""
ASKED = (0.02, 0.05, 0.1)
"""Shares of the calls that raise an alert, in whose turn callers are drawn. Among the first 0.5 or 1 % of calls nearly
all alerts of either model may be robocalls, and an answer about them tells nothing: what a carrier has of robocalls is
most often between the least and the greatest of these."""
BATCH = 20
"""Answers after which it is looked whether they decide."""
LOOKS = 3
LEVEL = 0.023
"""Chance of answers as good from models that are equally good, below which they decide. With three looks the chance
that one of them decides is 5 % (Pocock, 1977)."""
MOSTLY = 0.5
SIDES = (False, True)
"""The base, and the candidate."""


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Turn:
    """One answer of a draw.

    Attributes:
        is_of_candidate: It is about calls on which the candidate alone raises an alert, else the base alone.
        volume: In whose turn the caller was drawn.
    """

    is_of_candidate: bool
    volume: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn(Turn):
    """What was drawn.

    Attributes:
        cluster: Calls of one caller on which that model alone raises an alert, at one volume or more.
    """

    cluster: Cluster


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

    A caller is a number block in a trunk group, else a number. Each volume has its turn, the greatest first: drawn by
    calls alone, nearly all would be of the greatest, where few alerts of any model are robocalls. Within a volume, who
    has more alerts is drawn earlier more often. Further callers come behind those that were drawn already, so who has
    answered does so once.

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
    block, number = calls.block[places], calls.number[places]
    who = np.where(block != 0, block, np.where(number != 0, number, calls.call[places]))
    alone = _alone(base[places], candidate[places])
    lots = {key: _in_turn(who[mine], random) for key, mine in alone.items()}
    of_any_volume = {side: np.logical_or.reduce([alone[share, side] for share in ASKED]) for side in SIDES}
    found: list[Drawn] = []
    is_drawn: set[tuple[bool, int]] = set()
    volumes = list(reversed(ASKED))
    while volumes and len(found) < BATCH * LOOKS:
        volume = volumes.pop(0)
        pair = []
        for side in SIDES:
            caller = next((one for one in lots[volume, side] if (side, one) not in is_drawn), None)
            if caller is not None:
                is_drawn.add((side, caller))
                its = places[of_any_volume[side] & (who == caller)]
                pair.append(Drawn(cluster=_cluster(calls, its), is_of_candidate=side, volume=volume))
        volumes += [volume] if pair else []
        found += pair if random.random() < MOSTLY else pair[::-1]
    return found


def _alone(base: Floats, candidate: Floats) -> dict[tuple[float, bool], Mask]:
    """By volume and side, which calls that model alone raises an alert on, shape (n,) each."""
    found = {}
    for share in ASKED:
        first, second = highest(base, share), highest(candidate, share)
        found[share, False], found[share, True] = first & ~second, second & ~first
    return found


def _in_turn(who: Ints, random: np.random.Generator) -> Iterator[int]:
    """Callers of some calls, drawn one after the other, each with a chance in proportion to its calls."""
    callers, calls = np.unique(who, return_counts=True)
    turn = np.argsort(random.standard_exponential(len(callers)) / calls)  # that of drawing without replacement
    return iter(callers[turn].tolist())


def _cluster(calls: Calls, places: Ints) -> Cluster:
    its = places[np.argsort(calls.at_ms[places], kind="stable")]
    return Cluster("block" if calls.block[its[0]] else "number", its, its)


def compared(
    draw: Sequence[Turn], answers: Sequence[bool | None], passed: Collection[int] = ()
) -> tuple[Comparison, list[int]]:
    """What the answers so far say, and what is to be asked next; of that nothing where they decide.

    Callers whom nobody answered about are left out, and those that come later take their place.

    Args:
        draw: All that were drawn, in order.
        answers: Of each whether it is a robocaller; None where nobody answered.
        passed: Places of those whom somebody could not tell of: asked about again when nobody else is left.

    Returns:
        What they say, and places in the draw of what is to be asked.
    """
    base, candidate = (_Side(draw, answers, passed, is_of_candidate=side) for side in SIDES)
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
    asked = sorted([*base.next_of(wanted), *candidate.next_of(wanted)])
    counted = [side.answers[: looks * BATCH // 2] for side in (base, candidate)]
    answered = len(counted[0]), len(counted[1])
    robocalls = _robocalls(counted[0]), _robocalls(counted[1])
    return Comparison(answered, robocalls, chance, is_better, is_worse, len(asked)), asked


class _Side:
    """What one model alone raises an alert on, and what was answered of it."""

    def __init__(
        self, draw: Sequence[Turn], answers: Sequence[bool | None], passed: Collection[int], *, is_of_candidate: bool
    ) -> None:
        self._open: list[int] = []
        self.answers: list[Answer] = []
        for place, (one, answer) in enumerate(zip(draw, answers, strict=True)):
            if one.is_of_candidate is is_of_candidate:
                self._open += [place] if answer is None else []
                self.answers += [] if answer is None else [(one.volume, answer)]
        self._open.sort(key=lambda place: place in passed)

    def missing(self, wanted: int) -> int:
        """How many answers are missing, of those that there can be."""
        return max(0, min(wanted, len(self.answers) + len(self._open)) - len(self.answers))

    def next_of(self, wanted: int) -> list[int]:
        """About whom they are."""
        return self._open[: self.missing(wanted)]


def answers_in(draw: Sequence[Drawn], labels: Labels) -> list[bool | None]:
    """Of each caller of a draw whether most of its calls that somebody looked at are robocalls; None where nobody did.

    Args:
        draw: Whom it is about.
        labels: Of all calls: those of whoever looked are answers.
    """
    return [mostly(labels.is_robocall[looked]) for looked in (_looked_at(one.cluster, labels) for one in draw)]


def mostly(is_robocall: Sequence[bool] | Mask) -> bool | None:
    """What answers about the calls of one caller come to; None where there are none."""
    return bool(np.mean(is_robocall) > MOSTLY) if len(is_robocall) else None


def _looked_at(cluster: Cluster, labels: Labels) -> Ints:
    return cluster.labelled[labels.is_looked_at[cluster.labelled]]


def _robocalls(answers: list[Answer]) -> int:
    return sum(is_robocall for _, is_robocall in answers)


def _chance(mine: list[Answer], others: list[Answer]) -> float:
    """Chance that equally good models come to as many robocalls of mine, or more.

    It is Fisher's exact test, one-sided, over several tables, one of each volume (Mehta, Patel and Gray, 1985). The
    very answers count half (mid-p; Lancaster, 1961): the whole chance would be too careful, so that equally good models
    pass half as often as is allowed, and better ones as seldom.
    """
    ways = np.ones(1)
    for volume in {volume for volume, _ in [*mine, *others]}:
        first, second = ([one for one in side if one[0] == volume] for side in (mine, others))
        n, robocalls = len(first) + len(second), _robocalls(first) + _robocalls(second)
        ways = np.convolve(ways, hypergeom.pmf(np.arange(len(first) + 1), n, robocalls, len(first)))
    found = ways[_robocalls(mine) :]
    return float(found.sum() - found[0] / 2)
