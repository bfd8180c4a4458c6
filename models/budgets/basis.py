"""What a budget goes by: calls that are lawful, or count as it, and what must hold beside them.

Registered senders show with confidence that a budget is kept. Of the calls of reciprocal pairs no more may be hit
either, as far as is found: among them are robocallers whom a victim called back, so no bound is asked of them. Then a
budget is kept whatever part of the lawful calls is of organisations or of people, as far as both are like those known.

A list of senders may leave out those whom a model hits most: collectors, pollsters, charities. No bound on the others
tells that. So of all calls no more than a few times the budget are hit, whatever the references say.

Answers about callers drawn by lot leave nobody out, and stand in the place of senders (`models.budgets.audit`).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from detector.policy.settings import StandingBlocks
from models.budgets.bounds import Bounded, ReferenceCalls, callers_needed, cuts_at
from models.budgets.standing import with_standing_blocks


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """The calls that one budget goes by.

    Attributes:
        calls: Registered senders, all calls, or all of which answers tell something.
        is_of_all: All calls, as if they were lawful.
        people: Calls of reciprocal pairs, which must keep the budget too; None where there are none.
        everybody: All calls: of them as many times the budget may be hit; None where `calls` are that already.
        times: So many.
        floor: Lower margins are not looked at: what standing blocks add was worked out for this one.
    """

    calls: ReferenceCalls
    is_of_all: bool = False
    people: ReferenceCalls | None = None
    everybody: ReferenceCalls | None = None
    times: float = 1.0
    floor: float = -math.inf

    def lowest(self, budget: float, confidence: float) -> Bounded | None:
        """Find the lowest margin from which on all of them keep the budget.

        Args:
            budget: Share of lawful calls that may be hit, in (0, 1).
            confidence: Of the bounds, in (0, 1).

        Returns:
            None where `calls` are of too few callers to show it, or answers do not.
        """
        found = self.calls.lowest(budget, confidence)
        if found is None:
            return None
        return self.at(max(found.margin, self.held(budget, confidence)), budget, confidence)

    def held(self, budget: float, confidence: float) -> float:
        """The margin below which `calls` alone cannot lead: others hold it.

        Args:
            budget: Share of lawful calls that may be hit, in (0, 1).
            confidence: Of the bounds, in (0, 1).
        """
        others = [cuts_at(calls.margins, [share])[0] for calls, share in self._others(budget, confidence)]
        return max([self.floor, *others])

    def at(self, margin: float, budget: float, confidence: float) -> Bounded:
        """The share of `calls` hit from a margin on, and its bound, or what others use of the budget if that is more.

        Args:
            margin: Log-odds.
            budget: Share of lawful calls that may be hit, in (0, 1).
            confidence: Of the bounds, in (0, 1).
        """
        found = self.calls.hit_from(margin, budget, confidence)
        used = [
            budget * (float(np.mean(calls.margins >= margin)) / share)  # never more than it where the share is kept
            for calls, share in self._others(budget, confidence)
        ]
        return replace(found, most=max([found.most, *used]))

    def with_standing_blocks(self, budget: float, confidence: float, rule: StandingBlocks) -> "Basis":
        """The same, where calls are also hit by the standing blocks that blocks bring about.

        Args:
            budget: Of blocks.
            confidence: Of the bounds.
            rule: Of the policy.
        """
        floor = max(self.calls.reach(budget, confidence), self.floor)
        calls = with_standing_blocks(self.calls, rule, floor)
        people = None if self.people is None else with_standing_blocks(self.people, rule, floor)
        return replace(self, calls=calls, people=people, floor=floor)

    def _others(self, budget: float, confidence: float) -> list[tuple[ReferenceCalls, float]]:
        """Other calls of enough callers, with the share of them that may be hit."""
        found = [(self.people, budget), (self.everybody, self.times * budget)]
        return [
            (calls, share)
            for calls, share in found
            if calls is not None and share < 1.0 and calls.n_callers >= callers_needed(share, confidence)
        ]
