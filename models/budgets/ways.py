"""What the budget of an action may go by: senders and pairs, all calls, or answers about callers drawn by lot.

References catch more where they are many and robocalls are, too; all calls are certain, and need fewer days. Answers
need neither senders nor belief, but a person. Whatever a budget goes by, no more calls are hit that a person called
lawful than may be.
"""

from dataclasses import dataclass, replace
from typing import cast

from detector.policy.budgets import MILLION, Budgets
from detector.policy.settings import StandingBlocks
from models.budgets.audit import AuditedCalls, Wanted
from models.budgets.basis import Basis
from models.budgets.bounds import Bounded
from models.budgets.references import References


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """What the budget of one action may go by.

    Attributes:
        budget: Share of lawful calls that may be hit.
        confidence: That it is kept.
        audited: All calls, with what answers say of them.
        by_answers: These, and pairs.
        others: Registered senders where there are some, and last all calls, as if they were lawful.
    """

    budget: float
    confidence: float
    audited: AuditedCalls
    by_answers: Basis
    others: list[Basis]

    def lowest(self) -> tuple[Basis, Bounded | None]:
        """What lets the budget be spent from the lowest margin on, and that; None where there are too few callers."""
        found = [(one, one.lowest(self.budget, self.confidence)) for one in (*self.others, self.by_answers)]
        shown = [(one, bounded) for one, bounded in found if bounded is not None]
        return min(shown, key=lambda one: one[1].margin) if shown else (self.others[-1], None)

    def wanted(self, below: float) -> Wanted:
        """Where answers are of use, beside a margin that is reached without further ones."""
        return Wanted(below, self.by_answers.held(self.budget, self.confidence))


def ways_of(references: References, budgets: Budgets, standing: StandingBlocks) -> tuple[Ways, Ways]:
    """For labels, and for blocks with the standing blocks that they bring about.

    Args:
        references: Of the calls that were measured.
        budgets: Of the policy.
        standing: When blocks become a block of the caller, of the policy.
    """
    return _ways(references, budgets.label_per_million, budgets, None), _ways(
        references, budgets.block_per_million, budgets, standing
    )


def _ways(references: References, per_million: int, budgets: Budgets, standing: StandingBlocks | None) -> Ways:
    budget, everybody, people = per_million / MILLION, references.everybody, references.reciprocal
    found = [Basis(everybody, is_of_all=True), Basis(references.audited, people=people)]
    if references.registered is not None:
        found = [Basis(references.registered, people=people, everybody=everybody, times=budgets.most_of_all), *found]
    if standing is not None:
        found = [one.with_standing_blocks(budget, budgets.confidence, standing) for one in found]
    audited = cast("AuditedCalls", found[-1].calls)
    known = audited.known_lawful_cut(budget)
    *others, by_answers = (replace(one, floor=max(one.floor, known)) for one in found)
    return Ways(budget, budgets.confidence, audited, by_answers, others)
