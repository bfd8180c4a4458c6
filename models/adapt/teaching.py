"""From scores and labels to a lesson: which calls are taught as robocalls, which as lawful, which not.

A lesson is of the teacher, whose highest calls are robocalls, or of labels alone. What nobody spoke of is then lawful,
but for a gap: among the highest of those are the robocalls that nobody spoke of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.adapt.calls import Lawful, Mask
from models.adapt.labels import MOST_OF_ONE, Labels, bounded, clusters_of, within
from models.budgets.bounds import Floats, Ints

GAP = 0.03
"""Share of the calls, the highest without a label, that a lesson of labels leaves out."""
UNSPOKEN = 0.5
"""Weight as lawful of a call that nobody spoke of, and that is not in the gap."""
SPOKEN_SHARE = 0.1
"""Weight of all labelled robocalls together, of that of the lawful calls that nobody spoke of."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What n calls are taught as, shape (n,) each.

    Attributes:
        is_robocall: Else the call is taught as lawful.
        weight: How much it counts; 0 of a call that is left out.
        top: Calls that the teacher ranks highest, references excepted; not all of them are taught.
    """

    is_robocall: Mask
    weight: Floats
    top: Mask

    @property
    def is_taught(self) -> Mask:
        """Calls that count."""
        return self.weight > 0


def lesson(scores: Floats, keys: Sequence[Ints], labels: Labels, lawful: Lawful, share: float) -> Lesson:
    """Make the lesson of a round; it sorts the calls some times.

    The top share by score are robocalls, the next such share is left out, the rest is lawful. Of the top, calls beyond
    a twentieth of one number, origin or block are left out, and the next of those that would be left out come in their
    place: else one large campaign could leave next to nothing to learn from. References whose
    callers are learnt from are lawful whatever their score. A label counts by its weight, whatever the teacher says,
    and only for its own call.

    Args:
        scores: Of the teacher, shape (n,).
        keys: Of each kind, shape (n,); 0 is no key.
        labels: Of the same calls.
        lawful: References among them.
        share: Of the calls, in (0, 0.5).
    """
    is_trusted = lawful.is_taught
    wanted = max(1, round(share * len(scores)))
    order = np.argsort(np.where(is_trusted, np.inf, -scores), kind="stable")
    top, is_robocall = np.zeros((2, len(scores)), np.bool_)
    top[order[:wanted]] = True
    top &= ~is_trusted
    suspect = order[: 2 * wanted]
    suspect = suspect[~is_trusted[suspect]]
    is_within = within(scores[suspect], [key[suspect] for key in keys], max(1, int(MOST_OF_ONE * wanted)))
    is_robocall[suspect[is_within][:wanted]] = True
    weight = np.ones(len(scores))
    weight[suspect] = is_robocall[suspect]

    said = np.flatnonzero(labels.is_positive)
    bound = bounded(labels.weight[said], [key[said] for key in keys])
    weight[said] = np.where(is_robocall[said], 1.0, bound)
    is_robocall[said] = True
    cleared = labels.is_negative
    is_robocall[cleared] = False
    weight[cleared] = np.where(is_trusted[cleared], 1.0, labels.weight[cleared])
    return Lesson(is_robocall, weight, top)


def lesson_of_labels(scores: Floats, keys: Sequence[Ints], labels: Labels, lawful: Lawful) -> Lesson:
    """Make a lesson of labels alone; it sorts the calls some times.

    A labelled caller counts by the square root of its labelled calls, whichever way the label goes: else the loudest
    callers were all that is learnt. Labelled robocalls together count a tenth of the lawful calls that nobody spoke of,
    half of it those that somebody looked at: else forty answers about busy callers were all that is learnt.
    Of calls without a label the highest are left out, and the others are lawful at half weight. References whose
    callers are learnt from are lawful whatever their score. `top` is the highest calls, `GAP` of all.

    Args:
        scores: Of what ranks the calls best so far, shape (n,).
        keys: Calling number, origin and block, shape (n,) each; 0 is no key. None has more than a twentieth of the
            robocalls that somebody looked at, nor of the others.
        labels: Of the same calls.
        lawful: References among them.
    """
    is_trusted, is_robocall = lawful.is_taught, labels.is_positive
    top = np.zeros(len(scores), np.bool_)
    top[np.argsort(np.where(is_trusted, np.inf, -scores), kind="stable")[: max(1, round(GAP * len(scores)))]] = True
    top &= ~is_trusted
    weight = np.where((labels.weight == 0) & ~top, UNSPOKEN, 0.0)
    weight[is_trusted] = 1.0
    spoken = _by_caller(labels.weight, keys)
    unspoken = weight[~is_robocall].sum()
    parts = [np.flatnonzero(is_robocall & chosen) for chosen in (~labels.is_looked_at, labels.is_looked_at)]
    parts = [said for said in parts if len(said)]
    counts = 1.0
    for said in parts:
        bound = bounded(spoken[said], [key[said] for key in keys])
        counts = SPOKEN_SHARE / len(parts) * unspoken / bound.sum() if unspoken else 1.0
        weight[said] = counts * bound
    cleared = np.flatnonzero(labels.is_negative & ~is_trusted)
    weight[cleared] = counts * spoken[cleared]
    return Lesson(is_robocall, weight, top)


def _by_caller(weight: Floats, keys: Sequence[Ints]) -> Floats:
    """Weights of labelled calls, those of a caller divided by the square root of how many they are; shape (n,)."""
    number, _, block = keys
    said = np.flatnonzero(weight)
    caller = clusters_of(number[said], block[said])
    found = weight.copy()
    found[said] /= np.sqrt(np.bincount(caller, minlength=1)[caller])
    return found


def purity(top: Mask, labels: Labels, lawful: Lawful) -> dict[str, float | int | None]:
    """How pure the top is, by two witnesses; None where one has nothing to say.

    References that were not taught tell how many lawful calls are in the top: as many as of them, by share. It is a
    figure for callers like them, and pairs are hit less than others. Labels tell it of calls that people spoke of.

    Args:
        top: What the teacher ranks highest, shape (n,).
        labels: Of the same calls.
        lawful: References among them.
    """
    judging = lawful.is_judging
    share = float(top.mean())
    hit = float(top[judging].mean()) if judging.any() else None
    robocalls = float(labels.weight[top & labels.is_robocall].sum())
    lawful_weight = float(labels.weight[top & ~labels.is_robocall].sum())
    said = robocalls + lawful_weight
    return {
        "top_calls": int(top.sum()),
        "references_in_top": int((top & judging).sum()),
        "references": int(judging.sum()),
        "by_references": None if hit is None or share <= 0 else max(0.0, 1.0 - hit / share),
        "by_labels": robocalls / said if said > 0 else None,
    }
