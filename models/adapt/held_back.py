"""The calls that judge: nothing was learnt from them, nor from others like them."""

import numpy as np

from models.adapt.calls import Mask
from models.adapt.comparing import drawn
from models.adapt.gate import HeldBack, Proof, Verdict, few_labels, few_references, judge
from models.adapt.labels import clusters_of, sharing
from models.adapt.rounds import Material
from models.budgets.bounds import Floats


class HeldBackCalls:
    """What judges: held-back calls that nothing was learnt from, nor from others like them.

    Args:
        material: All calls.
        seed: Of the draws.
        contender: Scores of the candidate that answers are asked for, shape (n,); None where there is none.

    Attributes:
        is_held: Calls that are held back, shape (n,).
        may_be_drawn: Those of them that an analyst may be asked about, shape (n,).
        draw: Whom the analyst is asked about.
        known: Robocalls, and lawful calls, that judge; shape (n,) each.
        missing: Why what was said unasked cannot judge; empty where it can.
    """

    def __init__(self, material: Material, seed: int, contender: Floats | None) -> None:
        self._material, self._seed = material, seed
        calls, labels, lawful = material.calls, material.labels, material.lawful
        self.is_held = ~material.is_learning
        is_known = lawful.is_reference | _akin(material, labels.weight > 0)
        self.may_be_drawn = self.is_held & ~is_known
        self.draw = [] if contender is None else drawn(calls, self.may_be_drawn, material.base_scores, contender, seed)
        positive = labels.is_positive & self.is_held & ~_akin(material, labels.is_positive)
        for one in self.draw:  # answers about these were asked for, and judge by the lot alone
            positive[one.cluster.calls] &= ~labels.is_looked_at[one.cluster.calls]
        self._caller = clusters_of(calls.number[positive], calls.block[positive])
        self._campaign = clusters_of(self._caller + 1, calls.origin[positive])  # of one origin they are one
        self._weight = np.where(positive, labels.weight, 0.0)[self.is_held]
        is_lawful = self.is_held & lawful.is_judging & ~_akin(material, labels.is_negative)
        self.known: tuple[Mask, Mask] = positive, is_lawful
        self._n = callers, references = len(np.unique(self._caller)), len(np.unique(calls.number[is_lawful]))
        self._few_labels = few_labels(callers, len(np.unique(self._campaign)))
        self._few_references = few_references(references)
        self.missing = self._few_labels or self._few_references

    def unjudged(self, reason: str) -> Verdict:
        """That there is nothing to judge."""
        return Verdict(reason, *self._n)

    def judged(self, scores: Floats, name: str, proof: Proof) -> Verdict:
        """What was said unasked of a candidate.

        Args:
            scores: Of the candidate, shape (n,).
            name: Of it, for people.
            proof: What must be shown of it.
        """
        missing = self._few_references if proof.presumes else self.missing
        if missing:
            return self.unjudged(missing)
        held, calls = self.is_held, self._material.calls
        weight = np.zeros_like(self._weight) if self._few_labels else self._weight
        both, whose = (self._material.base_scores[held], scores[held]), (self._caller, self._campaign)
        found = HeldBack(*both, weight, *whose, self.known[1][held], calls.number[held])
        return judge(found, name, self._seed, proof)


def _akin(material: Material, labelled: Mask) -> Mask:
    """Calls that share a number or a block with one that is labelled and learnt from, shape (n,).

    An answer labels all calls of a caller, and one part of them is learnt from. On the other part that is no evidence
    of what it is worth elsewhere. A caller has other numbers of its origin, so where somebody looked, calls of the
    origin are akin, too. Complaints are spread too thin for that: an origin may be that of a whole provider.
    """
    calls, known = material.calls, labelled & material.is_learning
    return (
        sharing(calls.number, known)
        | sharing(calls.block, known)
        | sharing(calls.origin, known & material.labels.is_looked_at)
    )
