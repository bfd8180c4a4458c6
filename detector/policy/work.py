"""A batch of call setups while it is being decided: columns of what the steps look at, and what they have found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.campaigns.names import CampaignNames
from detector.columns.arrays import Floats, Ints
from detector.columns.setups import IS_NAMED, Calls
from detector.columns.windows_port import Neighbours
from detector.contract.decisions import Action, Mode, Outcome, Reason, SipAnswer, Step
from detector.contract.ports import Classifier, FeatureMatrix
from detector.contract.sip import analytics_block, location_of
from detector.features.table import INDEX
from detector.numbers.do_not_originate import NO_ENTRIES, DnoTable
from detector.policy import reasons
from detector.policy.budgets import InForce
from detector.policy.entries import Entry
from detector.policy.held import caller_of
from detector.policy.lists import Lists
from detector.policy.signers import is_verified
from detector.policy.standing import MODEL_SOURCE, StandingDecision, StandingDecisions, number_entity, trunk_entity
from detector.policy.tables import PolicyTables

Found = Mapping[int, Outcome]
"""Outcome by row, of the rows that a step decides."""
AddMargins = Callable[[Ints, Floats], Neighbours]
"""`Windows.add_margins` of the batch."""
CALLS_24H = INDEX["number_attempts_24h"]
"""Column that says how often the calling number called in the last 24 hours, with the call itself."""


class Work:
    """One batch. Steps read it and return what they found; only the model's judge also writes.

    Attributes:
        calls: The call setups; policies go by their `now_ms`.
        features: Shape (n_setups, n_features).
        is_shadow: Which calls are decided in shadow, shape (n_setups,).
        left_out: Those of them that are only because of who calls, shape (n_setups,); None where `enforce` is for all.
        decided: Outcome by row; the first step that decides a row wins.
        scores: Score by row, NaN where the model was not asked, shape (n_setups,).
        margins: Margins of the same, and where groups have weight of some more calls, which are asked silently.
        group_scores: The margins with what the calls around a call add: what thresholds on margins are compared with.
        add_margins: Where groups have weight: the windows of the margins.
        dno: Do-not-originate tables that have entries.
        in_force: What the model's step goes by.
        unbelieved: Rows of calls that claim a priority which nothing vouches for.
        failures: Internal errors, the first of each class; each cost the rows concerned their judgement.
    """

    __slots__ = (
        "_entries",
        "add_margins",
        "calls",
        "classifier",
        "decided",
        "dno",
        "failures",
        "features",
        "group_scores",
        "in_force",
        "is_shadow",
        "left_out",
        "lists",
        "margins",
        "scores",
        "standing",
        "tables",
        "unbelieved",
    )

    def __init__(
        self,
        calls: Calls,
        features: FeatureMatrix,
        *,
        tables: PolicyTables,
        lists: Lists,
        standing: StandingDecisions,
        classifier: Classifier,
        in_force: InForce,
        dno: DnoTable = NO_ENTRIES,
        add_margins: AddMargins | None = None,
    ) -> None:
        self.calls = calls
        self.features = features
        self.tables = tables
        self.lists = lists
        self.standing = standing
        self.classifier = classifier
        self.in_force = in_force
        self.add_margins = add_margins
        self.dno = tuple(table for table in (lists.dno_table, dno) if table.size)
        self.is_shadow, self.left_out = tables.shadows(calls), tables.left_out(calls)
        if self.left_out is not None:
            self.left_out &= ~self.is_shadow
            self.is_shadow |= self.left_out
        self.decided: dict[int, Outcome] = {}
        self.scores, self.margins, self.group_scores = np.full((3, len(calls)), np.nan)
        self.unbelieved: set[int] = set()
        self.failures: dict[type[Exception], Exception] = {}
        self._entries: Sequence[tuple[int, Entry]] | None = None

    def calling(self, row: int) -> str:
        """Calling number of a call."""
        return self.calls.text(row, "calling_number")

    def is_vouched(self, row: int) -> bool:
        """Whether a verified signature of attestation A vouches for the calling number."""
        return self.calls.is_vouched(row)

    def caller(self, row: int) -> str | None:
        """Whom a call is held against; None where that is nobody (`detector.policy.standing.caller_of`)."""
        trunk = self.calls.text(row, "trunk_group_id")
        return caller_of(self.calling(row), trunk, is_vouched=self.is_vouched(row))

    def only(self, row: int) -> "Work":
        """One row as a batch of its own; nothing that is found in it is found here."""
        alone = Work(
            self.calls.take([row]),
            self.features[row : row + 1],
            tables=self.tables,
            lists=self.lists,
            standing=self.standing,
            classifier=self.classifier,
            in_force=self.in_force,
        )
        alone.dno = self.dno
        return alone

    def failed(self, error: Exception) -> None:
        """Keep an internal error for whoever reports it."""
        self.failures.setdefault(type(error), error)

    def settle(self, found: Found) -> None:
        """Take a step's findings for the rows that no earlier step has decided; those of other rows are dropped."""
        for row, outcome in found.items():
            self.decided.setdefault(row, outcome)

    def entries(self) -> Sequence[tuple[int, Entry]]:
        """What the policy's tables say of the calls, with their rows: of who signed them, then of who handed them over.

        Looked up when first asked for, and kept.
        """
        if self._entries is None:
            signed = self.tables.signers.signed(self.calls)
            self._entries = (*signed.items(), *self.tables.upstreams.handed_over(self.calls).items())
        return self._entries

    def apply_own_modes(self) -> None:
        """Give the blocks that follow from no analytics their own mode, where the policy has one, and entries theirs.

        Those of do-not-originate, of orders, and of subscribers. They are the ones that carry no Reason header. None of
        them leaves a caller out.
        """
        mode = self.tables.policy.dno.mode
        if mode is not None or self.left_out is not None:
            answers = [(row, outcome.sip) for row, outcome in self.decided.items()]
            rows = [row for row, answer in answers if answer is not None and answer.reason_header is None]
            if self.left_out is not None:
                self.is_shadow[rows] &= ~self.left_out[rows]
                self.left_out[rows] = False
            if mode is not None:
                self.is_shadow[rows] = mode is Mode.SHADOW
        tried = self.tables.tried
        if tried:  # known by their reasons, also of a call that was looked at alone
            rows = [row for row, outcome in self.decided.items() if not tried.isdisjoint(outcome.reasons)]
            self.is_shadow[rows] = True
            if self.left_out is not None:
                self.left_out[rows] = False

    def name_left_out(self) -> None:
        """Say in the reasons of what is only tried because of who calls, that it is."""
        if self.left_out is None:
            return
        for row, outcome in self.decided.items():
            if self.left_out[row] and outcome.action is not Action.ALLOW:
                self.decided[row] = replace(outcome, reasons=(*outcome.reasons, reasons.LEFT_OUT))

    def name_callers(self) -> None:
        """Say who is calling and why in the reasons of what was decided, where a verified signature says it.

        A call that is simply allowed stays so: a name is no reason to do anything.
        """
        if not self.calls.all_hints & IS_NAMED:
            return
        for row, outcome in self.decided.items():
            if self.calls.hints.item(row) & IS_NAMED and outcome.decided_by is not Step.FAIL_OPEN:
                setup = self.calls.events[row]
                if is_verified(setup):
                    said = reasons.named(setup.own_names or (), setup.own_call_reason)
                    self.decided[row] = replace(outcome, reasons=(*outcome.reasons, *said))

    def name_campaigns(self, names: CampaignNames) -> None:
        """Say in the reasons of what was labelled or blocked, in shadow too, of which campaign the call is.

        It changes nothing else, whatever happens: a fault is noted, and the calls from there on are not named.

        Args:
            names: What is known of campaigns.
        """
        try:
            for row, outcome in self.decided.items():
                is_named = any(reason.code == reasons.CAMPAIGN for reason in outcome.reasons)
                if outcome.action is Action.ALLOW or is_named:
                    continue
                name = names.find(self.calls.events[row])
                if name:
                    self.decided[row] = replace(outcome, reasons=(*outcome.reasons, reasons.of_campaign(name)))
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            self.failed(error)

    def open_rows(self) -> NDArray[np.intp]:
        """Rows that nothing has decided, ascending."""
        if not self.decided:
            return np.arange(len(self.calls))
        is_open = np.ones(len(self.calls), dtype=np.bool_)
        is_open[list(self.decided)] = False
        return is_open.nonzero()[0]

    def now_ms(self, row: int) -> int:
        """When a call was set up, by a clock that is right."""
        return self.calls.now_ms.item(row)

    def calls_24h(self, row: int) -> float:
        """How often the calling number called in the last 24 hours, with this call."""
        return self.features.item(row, CALLS_24H)

    def mode(self, row: int) -> Mode:
        """Mode of a call."""
        return Mode.SHADOW if self.is_shadow[row] else Mode.ENFORCE

    def may_block(self, row: int) -> bool:
        """Whether analytics may block the call where its switch stands."""
        return self.tables.may_block(self.calls.roles.item(row))

    def _blocked(self, row: int, step: Step, why: tuple[Reason, ...]) -> Outcome:
        """Outcome of a block by analytics or by order of the carrier: answered 603+, with the call's decision id."""
        policy = self.tables.policy
        location = location_of(self.calls.events[row].role, policy.location)
        answer: SipAnswer = analytics_block(policy.redress, location, self.calls.identifier(row))
        return Outcome(Action.BLOCK, step, why, None, answer)

    def treated(self, row: int, step: Step, action: Action, category: str, why: tuple[Reason, ...]) -> Outcome:
        """Outcome of an action that may be any of the three; a block is a label where the carrier may not block.

        Args:
            row: The call.
            step: The step that decides.
            action: What is to be done.
            category: Category of the policy whose label is shown.
            why: Its reasons, most important first.
        """
        if action is Action.BLOCK and self.may_block(row):
            return self._blocked(row, step, why)
        if action is Action.BLOCK:
            action, why = Action.LABEL, (*why, reasons.NO_BLOCK_HERE)
        label = self.tables.policy.label(category) if action is Action.LABEL else None
        return Outcome(action, step, why, label)

    def standing_on(self, row: int) -> StandingDecision | None:
        """Standing decision that applies to the call: its caller's, else its trunk group's."""
        now_ms, trunk = self.now_ms(row), self.calls.text(row, "trunk_group_id")
        entities = [trunk_entity(trunk)]
        if self.caller(row) is not None:
            entities.insert(0, number_entity(self.calling(row)))
        for entity in entities:
            decision = self.standing.active(entity, now_ms)
            if decision is None or decision.is_release or not decision.covers(trunk, is_vouched=self.is_vouched(row)):
                continue
            if decision.source == MODEL_SOURCE and not (self.in_force.is_earned or self.is_shadow[row]):
                continue
            if decision.source == MODEL_SOURCE and self.in_force.is_alone(Action.BLOCK, self.calls_24h(row)):
                continue
            # What was only tried in shadow must not touch a call that is enforced.
            if decision.mode is Mode.ENFORCE or self.is_shadow[row]:
                return decision
        return None

    def is_released(self, row: int) -> bool:
        """Whether number or trunk group of the call were released so lately that analytics may not block them."""
        if not len(self.standing):
            return False
        now_ms = self.now_ms(row)
        entities = number_entity(self.calling(row)), trunk_entity(self.calls.text(row, "trunk_group_id"))
        found = (self.standing.active(entity, now_ms) for entity in entities)
        return any(decision is not None and decision.is_release for decision in found)

    def stood(self, row: int, decision: StandingDecision) -> Outcome:
        """Outcome of a standing decision."""
        return self.treated(row, Step.ENTITY_BLOCK, decision.action, decision.category, (reasons.standing(decision),))
