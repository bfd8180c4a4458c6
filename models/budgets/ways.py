"""What the budget of an action may go by: senders and pairs, all calls, or answers about callers drawn by lot.

References catch more where they are many and robocalls are, too; all calls are certain, and need fewer days. Answers
need neither senders nor belief, but a person. Whatever a budget goes by, no more calls are hit that a person called
lawful than may be.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from detector.policy.budgets import MILLION, Budgets
from detector.policy.settings import StandingBlocks
from models.budgets.audit import AuditedCalls, Wanted
from models.budgets.basis import Basis
from models.budgets.bounds import Bounded
from models.budgets.references import References


@dataclass(frozen=True, eq=False)
class Ways:
    """What the budget of one action may go by. Each is made when it is asked for, as that may take seconds.

    Attributes:
        references: Of the calls that were measured.
        budget: Share of lawful calls that may be hit.
        confidence: That it is kept.
        times: As many times the budget may be hit of all calls, where it goes by registered senders.
        standing: When blocks become a block of the caller; None where the action blocks nothing.
    """

    references: References
    budget: float
    confidence: float
    times: float
    standing: StandingBlocks | None = None

    @property
    def audited(self) -> AuditedCalls:
        """All calls, with what answers say of them."""
        return cast("AuditedCalls", self._answers.calls)

    @cached_property
    def by_answers(self) -> Basis:
        """These, and pairs."""
        return self._held(self._answers)

    def lowest(self) -> tuple[Basis, Bounded | None]:
        """What lets the budget be spent from the lowest margin on, and that; None where there are too few callers."""
        others = self._others()
        found = [(one, one.lowest(self.budget, self.confidence)) for one in (*others, self.by_answers)]
        shown = [(one, bounded) for one, bounded in found if bounded is not None]
        return min(shown, key=lambda one: one[1].margin) if shown else (others[-1], None)

    def wanted(self, below: float) -> Wanted:
        """Where answers are of use, beside a margin that is reached without further ones."""
        return Wanted(below, self.by_answers.held(self.budget, self.confidence))

    @cached_property
    def _answers(self) -> Basis:
        return self._raised(Basis(self.references.audited, people=self.references.reciprocal))

    def _others(self) -> list[Basis]:
        """Registered senders where there are some, and last all calls, as if they were lawful."""
        registered, everybody = self.references.registered, self.references.everybody
        found = [Basis(everybody, is_of_all=True)]
        if registered is not None:
            people = self.references.reciprocal
            found = [Basis(registered, people=people, everybody=everybody, times=self.times), *found]
        return [self._held(self._raised(one)) for one in found]

    def _raised(self, basis: Basis) -> Basis:
        """The same, where calls are also hit by the standing blocks that the action brings about."""
        if self.standing is None:
            return basis
        return basis.with_standing_blocks(self.budget, self.confidence, self.standing)

    def _held(self, basis: Basis) -> Basis:
        """The same, where no more calls are hit that a person called lawful than may be."""
        return replace(basis, floor=max(basis.floor, self.audited.known_lawful_cut(self.budget)))


def ways_of(references: References, budgets: Budgets, standing: StandingBlocks) -> tuple[Ways, Ways]:
    """For labels, and for blocks with the standing blocks that they bring about.

    Args:
        references: Of the calls that were measured.
        budgets: Of the policy.
        standing: When blocks become a block of the caller, of the policy.
    """
    label, block = budgets.label_per_million / MILLION, budgets.block_per_million / MILLION
    shared = budgets.confidence, budgets.most_of_all
    return Ways(references, label, *shared), Ways(references, block, *shared, standing)
