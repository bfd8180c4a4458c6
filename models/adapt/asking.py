"""Which clusters of calls a person should judge next: those whose answer is expected to move most calls.

A cluster is a number block in a trunk group, or an origin. Adapting teaches the calls above a border of the group score
as robocalls and the others as lawful. An answer about a cluster far from the border repeats what is believed; one about
a cluster near it puts its calls on the other side half of the time.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.adapt.base_rate import believed, taught_share
from models.adapt.calls import Calls, Lawful, Mask
from models.adapt.group_score import group_score
from models.adapt.labels import Labels, clusters_of
from models.budgets.bounds import Floats, Ints

Kind = Literal["block", "origin"]
SETTLED = 0.5
"""A call with a label of this weight needs no answer: complaints weigh less, whoever looked weighs more."""
MOST_CALLS = 300
"""Calls that one answer labels: of a larger cluster so many, evenly over its time. Teaching bounds what one counts."""
MOSTLY = 0.5
LEAST_MOVED = 0.5
"""A question whose answer moves fewer calls is not asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A cluster to be judged.

    Attributes:
        kind: What its calls share.
        calls: Places of its calls that no question before it has, in order of time.
        labelled: Those of them that an answer labels.
        score: Mean of their group scores.
        moves: How many calls an answer is expected to move.
    """

    kind: Kind
    calls: Ints
    labelled: Ints
    score: float
    moves: float


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """What is asked, and why.

    Attributes:
        questions: The one that moves most first.
        border: Group score above which calls are taught as robocalls.
        share: Share of the calls that is above it.
    """

    questions: list[Question]
    border: float
    share: float


def ask(calls: Calls, labels: Labels, lawful: Lawful, most: int) -> Asking:
    """Choose what to ask. It sorts the calls some times, and counts them once for each question.

    Args:
        calls: All of the span; at least one.
        labels: What is known of them.
        lawful: References among them: they are known.
        most: How many questions at most.
    """
    scores = group_score(calls.margins, calls.at_ms, calls.keys)
    share = _share(scores, calls, labels)
    border = float(np.quantile(scores, 1 - share))
    is_known = (labels.weight >= SETTLED) | lawful.is_reference
    doubt = np.exp(-np.abs(scores - border))
    doubt /= 1 + doubt  # the smaller one of the chances that a call is a robocall and that it is not
    doubt[is_known] = 0.0
    families: dict[Kind, _Family] = {"block": _Family(calls.block, labels), "origin": _Family(calls.origin, labels)}
    is_open = np.ones(len(calls), np.bool_)
    found: list[Question] = []
    while len(found) < most:
        kind, (code, moves) = max(
            ((kind, family.best(doubt, is_open)) for kind, family in families.items()), key=lambda one: one[1][1]
        )
        if moves < LEAST_MOVED:
            break
        chosen = np.flatnonzero(is_open & (families[kind].codes == code))
        is_open[chosen] = False
        chosen = chosen[np.argsort(calls.at_ms[chosen], kind="stable")]
        labelled = _evenly(chosen[~is_known[chosen]], MOST_CALLS)
        found.append(Question(kind, chosen, labelled, float(scores[chosen].mean()), moves))
    return Asking(found, border, share)


class _Family:
    """Clusters of one kind.

    Args:
        key: Of each call, shape (n,); 0 is no cluster.
        labels: Of the calls: a cluster that was answered is not asked about again.
    """

    def __init__(self, key: Ints, labels: Labels) -> None:
        found, self.codes = np.unique(key, return_inverse=True)
        calls = np.bincount(self.codes)
        settled = np.bincount(self.codes, weights=labels.weight >= SETTLED)
        self._is_asked = (found != 0) & (settled < MOSTLY * np.minimum(calls, MOST_CALLS))

    def best(self, doubt: Floats, is_open: Mask) -> tuple[int, float]:
        """Code of the cluster whose answer moves most of the open calls, and how many."""
        calls = np.bincount(self.codes, weights=is_open)
        moved = np.bincount(self.codes, weights=doubt * is_open) / np.maximum(calls, 1)
        moved *= np.minimum(calls, MOST_CALLS) * self._is_asked
        code = int(moved.argmax())
        return code, float(moved[code])


def _share(scores: Floats, calls: Calls, labels: Labels) -> float:
    """Share of the calls that adapting would teach as robocalls, by what labels tell of the base rate."""
    said = labels.is_positive
    weight = np.where(said, labels.weight, 0.0)
    return taught_share(believed(scores, weight, clusters_of(calls.number[said], calls.block[said])))


def _evenly(places: Ints, most: int) -> Ints:
    """At most so many of them, the first and the last included."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).round().astype(np.int64)]
