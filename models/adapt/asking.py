"""Which clusters of calls a person should judge next: where the teacher is weak the highest, else those at its border.

A cluster is the calls of a number, or those of a number block in a trunk group: they are of one caller. Those of an
origin often are not, and one answer about two callers is wrong of one of them. Where answers do not say that the
teacher's highest calls are robocalls, the highest clusters are asked about: each answer tells of a robocall that nobody
spoke of, or of lawful calls that look like one. They are ranked by a model that was learnt from the labels so far.
Where the top is pure, that repeats what is believed. Then clusters near the border of what adapting teaches are asked
about, since an answer puts their calls on the other side half of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.adapt.base_rate import believed, is_top_pure, taught_share
from models.adapt.calls import Mask
from models.adapt.comparing import Cluster, Kind
from models.adapt.group_score import group_score
from models.adapt.labels import Labels, clusters_of
from models.adapt.rounds import Material, Way, learn
from models.budgets.bounds import Floats, Ints

SETTLED = 0.5
"""A call with a label of this weight needs no answer: complaints weigh less, whoever looked weighs more."""
MOST_CALLS = 300
"""Calls that one answer labels: of a larger cluster so many, evenly over its time. Teaching bounds what one counts."""
MOSTLY = 0.5
LEAST_MOVED = 0.5
"""A question whose answer moves fewer calls is not asked."""
HIGHEST_SHARE = 0.03
"""Of the calls that nobody judged, those that are asked about first where the teacher is weak."""


class Aim(StrEnum):
    """What is asked about."""

    HIGHEST = "the highest"
    BORDER = "the border"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A cluster to be judged.

    Attributes:
        cluster: Its calls that no question before it has.
        score: Mean of their group scores.
        moves: How many calls an answer is expected to move; of the highest how many calls are among these.
    """

    cluster: Cluster
    score: float
    moves: float


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """What is asked, and why.

    Attributes:
        aim: About what.
        questions: The one that moves most first.
        border: Group score above which calls are the highest, or are taught as robocalls.
        share: Share that is above it of all calls, or of those that may be asked about.
    """

    aim: Aim
    questions: list[Question]
    border: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """What the base model's group score ranks highest.

    Attributes:
        scores: Group score of each of n calls.
        share: Of the calls that adapting would teach as robocalls, by what labels tell of the base rate.
        is_pure: Answers say that those are robocalls.
    """

    scores: Floats
    share: float
    is_pure: bool


def top_of(material: Material) -> Top:
    """What is known of the teacher's top from labels of calls learnt from; it sorts the calls some times.

    Args:
        material: The calls, with what is known of them.
    """
    calls, labels = material.calls, _learnt_from(material)
    scores = group_score(calls.margins, calls.at_ms, calls.keys)
    said = labels.is_positive
    weight = np.where(said, labels.weight, 0.0)
    share = taught_share(believed(scores, weight, clusters_of(calls.number[said], calls.block[said])))
    looked = labels.is_looked_at
    caller = np.zeros(len(calls), np.int64)
    caller[looked] = clusters_of(calls.number[looked], calls.block[looked])
    return Top(scores, share, is_top_pure(scores, share, labels, caller))


def ranking(material: Material, seed: int, say: Callable[[int], None]) -> Floats | None:
    """Margins by a model of the labels so far, shape (n,), which rank what is asked; blocks for some fits.

    Args:
        material: The calls, with what is known of them.
        seed: Of draws and fits.
        say: Told the number of each round that begins.

    Returns:
        None while nobody looked at a robocaller, or labels are too few to learn from.
    """
    if not (material.labels.is_looked_at & material.labels.is_positive & material.is_learning).any():
        return None
    found = learn(material, seed, say, Way.LABELS)
    return None if isinstance(found, str) else found.margins


def ask(material: Material, learnt: Floats | None, most: int, was_asked: Mask | bool = False) -> Asking:
    """Choose what to ask. It sorts the calls some times, and counts them once for each question.

    Only calls that are learnt from are asked about: answers about the others could teach nothing.

    Args:
        material: The calls, with what is known of them.
        learnt: Of `ranking`; None where none was learnt: the base's count.
        most: How many questions at most.
        was_asked: Calls that an earlier question named, answered or not, shape (n,): they are not asked about again.
    """
    calls, labels, top = material.calls, material.labels, top_of(material)
    aim, scores, share = Aim.BORDER, top.scores, top.share
    if not top.is_pure:
        aim, share = Aim.HIGHEST, HIGHEST_SHARE
        scores = top.scores if learnt is None else group_score(learnt, calls.at_ms, calls.keys)
    is_settled = (labels.weight >= SETTLED) | was_asked
    is_known = is_settled | material.lawful.is_reference
    ranked = scores[material.is_learning & ~is_known] if aim is Aim.HIGHEST else scores
    border = float(np.quantile(ranked, 1 - share)) if len(ranked) else np.inf
    moved = _doubt(scores - border) if aim is Aim.BORDER else (scores >= border).astype(np.float64)
    moved[is_known] = 0.0
    is_open = material.is_learning.copy()
    families: dict[Kind, _Family] = {
        "block": _Family(calls.block, is_settled, is_open), "number": _Family(calls.number, is_settled, is_open)
    }  # fmt: skip
    found: list[Question] = []
    while len(found) < most:
        kind, (code, moves) = max(
            ((kind, family.best(moved, is_open)) for kind, family in families.items()), key=lambda one: one[1][1]
        )
        if moves < LEAST_MOVED:
            break
        chosen = np.flatnonzero(is_open & (families[kind].codes == code))
        is_open[chosen] = False
        chosen = chosen[np.argsort(calls.at_ms[chosen], kind="stable")]
        labelled = _evenly(chosen[~is_known[chosen]], MOST_CALLS)
        found.append(Question(Cluster(kind, chosen, labelled), float(scores[chosen].mean()), moves))
    return Asking(aim, found, border, share)


class _Family:
    """Clusters of one kind.

    Args:
        key: Of each call, shape (n,); 0 is no cluster.
        is_settled: Calls that were answered or asked about: a cluster of them is not asked about again.
        may_be_asked: Calls that count.
    """

    def __init__(self, key: Ints, is_settled: Mask, may_be_asked: Mask) -> None:
        found, self.codes = np.unique(key, return_inverse=True)
        calls = np.bincount(self.codes, weights=may_be_asked)
        settled = np.bincount(self.codes, weights=may_be_asked & is_settled)
        self._is_asked = (found != 0) & (settled < MOSTLY * np.minimum(calls, MOST_CALLS))

    def best(self, moved: Floats, is_open: Mask) -> tuple[int, float]:
        """Code of the cluster whose answer moves most of the open calls, and how many."""
        calls = np.bincount(self.codes, weights=is_open)
        mean = np.bincount(self.codes, weights=moved * is_open) / np.maximum(calls, 1)
        moves = mean * np.minimum(calls, MOST_CALLS) * self._is_asked
        code = int(moves.argmax())
        return code, float(moves[code])


def _doubt(above: Floats) -> Floats:
    """The smaller one of the chances that a call so far above the border is a robocall and that it is not."""
    odds = np.exp(-np.abs(above))
    doubt: Floats = odds / (1 + odds)
    return doubt


def _learnt_from(material: Material) -> Labels:
    """Labels of calls that are learnt from; the others have none."""
    return replace(material.labels, weight=np.where(material.is_learning, material.labels.weight, 0.0))


def _evenly(places: Ints, most: int) -> Ints:
    """At most so many of them, the first and the last included."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).round().astype(np.int64)]
