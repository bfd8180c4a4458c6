"""A batch of call setups while it is being decided: columns of what the steps look at, and what they have found."""

from collections.abc import Mapping, Sequence

import numpy as np

from detector import reasons
from detector.decisions import Action, Mode, Outcome, Reason, SipAnswer, Step
from detector.events import CallSetup
from detector.lists import Lists
from detector.policy_tables import PolicyTables
from detector.ports import Classifier, FeatureMatrix
from detector.sip import analytics_block, location_of
from detector.standing import StandingDecision, StandingDecisions, number_entity, trunk_entity

Found = Mapping[int, Outcome]
"""Outcome by row, of the rows that a step decides."""


class Work:
    """One batch. Steps read it and return what they found; only the model's judge also writes.

    Attributes:
        setups: The call setups, in order.
        ids: Their decision ids.
        now_ms: When each was set up, by a clock that is right: what standing decisions and hysteresis go by.
        calling: Their calling numbers; `called`, `trunks` likewise.
        features: Shape (n_setups, n_features).
        modes: Mode of each call.
        decided: Outcome by row; the first step that decides a row wins.
        scores: Score by row, None where the model was not asked.
        failures: Internal errors, the first of each class; each cost the rows concerned their judgement.
    """

    __slots__ = (
        "called",
        "calling",
        "classifier",
        "decided",
        "failures",
        "features",
        "ids",
        "lists",
        "modes",
        "now_ms",
        "scores",
        "setups",
        "standing",
        "tables",
        "trunks",
    )

    def __init__(
        self,
        setups: Sequence[CallSetup],
        ids: Sequence[str],
        now_ms: Sequence[int],
        features: FeatureMatrix,
        *,
        tables: PolicyTables,
        lists: Lists,
        standing: StandingDecisions,
        classifier: Classifier,
    ) -> None:
        self.setups = setups
        self.ids = ids
        self.now_ms = now_ms
        self.calling = [event.calling_number for event in setups]
        self.called = [event.called_number for event in setups]
        self.trunks = [event.trunk_group_id for event in setups]
        self.features = features
        self.tables = tables
        self.lists = lists
        self.standing = standing
        self.classifier = classifier
        self.modes = tables.modes(self.trunks, [event.switch_id for event in setups])
        self.decided: dict[int, Outcome] = {}
        self.scores: list[float | None] = [None] * len(setups)
        self.failures: dict[type[Exception], Exception] = {}

    def only(self, row: int) -> "Work":
        """One row as a batch of its own; nothing that is found in it is found here."""
        return Work(
            [self.setups[row]],
            [self.ids[row]],
            [self.now_ms[row]],
            self.features[row : row + 1],
            tables=self.tables,
            lists=self.lists,
            standing=self.standing,
            classifier=self.classifier,
        )

    def failed(self, error: Exception) -> None:
        """Keep an internal error for whoever reports it."""
        self.failures.setdefault(type(error), error)

    def settle(self, found: Found) -> None:
        """Take a step's findings for the rows that no earlier step has decided."""
        for row, outcome in found.items():
            self.decided.setdefault(row, outcome)

    def open_rows(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Rows that nothing has decided, ascending."""
        is_open = np.ones(len(self.setups), dtype=np.bool_)
        is_open[list(self.decided)] = False
        return np.flatnonzero(is_open)

    def blocked(self, row: int, step: Step, why: tuple[Reason, ...]) -> Outcome:
        """Block by analytics or by order of the carrier: answered 603+."""
        policy = self.tables.policy
        location = location_of(self.setups[row].role, policy.location)
        answer: SipAnswer = analytics_block(policy.redress, location, self.ids[row])
        return Outcome(Action.BLOCK, step, why, None, answer)

    def treated(self, row: int, step: Step, action: Action, category: str, why: tuple[Reason, ...]) -> Outcome:
        """Outcome of an action that may be any of the three."""
        if action is Action.BLOCK:
            return self.blocked(row, step, why)
        label = self.tables.label(category) if action is Action.LABEL else None
        return Outcome(action, step, why, label)

    def standing_on(self, row: int) -> StandingDecision | None:
        """Standing decision that applies to the call: its number's, else its trunk group's."""
        now_ms = self.now_ms[row]
        for entity in (number_entity(self.calling[row]), trunk_entity(self.trunks[row])):
            decision = self.standing.active(entity, now_ms)
            # What was only tried in shadow must not touch a call that is enforced.
            if decision is not None and (decision.mode is Mode.ENFORCE or self.modes[row] is Mode.SHADOW):
                return decision
        return None

    def stood(self, row: int, decision: StandingDecision) -> Outcome:
        """Outcome of a standing decision."""
        return self.treated(row, Step.ENTITY_BLOCK, decision.action, decision.category, (reasons.standing(decision),))
