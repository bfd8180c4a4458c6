"""From a batch of call events to an outcome for each call setup: windows, then the steps of the policy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from detector.columns import CallBatch
from detector.decisions import PLAIN_ALLOW, Action, Mode, Outcome, Step, Versions, decision_id
from detector.errors import FeatureSchemaMismatch
from detector.events import CallSetup
from detector.features import FEATURE_SCHEMA_ID, N_FEATURES
from detector.lists import Lists
from detector.policy import Policy
from detector.policy_tables import PolicyTables
from detector.ports import Classifier, FeatureMatrix
from detector.reasons import INTERNAL_ERROR
from detector.standing import StandingDecision, StandingDecisions
from detector.steps import STEPS
from detector.work import Work

FAILED_OPEN = Outcome(Action.ALLOW, Step.FAIL_OPEN, (INTERNAL_ERROR,))
"""The outcome of a call that could not be judged: it passes."""


class Windows(Protocol):
    """What screening needs of `detector.windows.WindowEngine`."""

    def update(self, batch: CallBatch) -> FeatureMatrix:
        """Apply the batch and return one row of features per call setup, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Screening:
    """What was made of a batch; all lists have one entry per call setup, in the order of the events.

    Attributes:
        setups: The call setups.
        ids: Decision ids.
        outcomes: What the policy made of them.
        modes: Mode that applies to each.
        scores: Calibrated probabilities, None where the model was not asked.
        features: Shape (n_setups, n_features), or (0, n_features) when failed open.
        versions: What they were decided with.
        entity_changes: Standing decisions that these calls brought about and that are to be published.
    """

    setups: list[CallSetup]
    ids: list[str]
    outcomes: list[Outcome]
    modes: list[Mode]
    scores: list[float | None]
    features: FeatureMatrix
    versions: Versions
    entity_changes: list[StandingDecision] = field(default_factory=list)


class Screener:
    """Decides batches of call events, one after the other; not for several threads at once.

    `classifier`, `policy` and `lists` may be replaced between two batches.

    Raises:
        FeatureSchemaMismatch: The classifier, here or when it is replaced, was trained on another feature table.
    """

    __slots__ = ("_classifier", "_tables", "_versions", "engine", "lists", "standing")

    def __init__(
        self, engine: Windows, classifier: Classifier, policy: Policy, lists: Lists, standing: StandingDecisions
    ) -> None:
        self.engine = engine
        self.lists = lists
        self.standing = standing
        self._tables = PolicyTables(policy)
        self.classifier = classifier

    @property
    def classifier(self) -> Classifier:
        """The model that scores."""
        return self._classifier

    @classifier.setter
    def classifier(self, classifier: Classifier) -> None:
        if classifier.schema_id != FEATURE_SCHEMA_ID:
            raise FeatureSchemaMismatch(expected=FEATURE_SCHEMA_ID, found=classifier.schema_id)
        self._classifier = classifier
        self._versions = Versions(classifier.version, self.policy.version, FEATURE_SCHEMA_ID)

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self._tables.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._tables = PolicyTables(policy)
        self._versions = Versions(self._classifier.version, policy.version, FEATURE_SCHEMA_ID)

    @property
    def versions(self) -> Versions:
        """What the next batch will be decided with."""
        return self._versions

    def screen(self, batch: CallBatch) -> Screening:
        """Update the windows with the whole batch and decide its call setups."""
        features = self.engine.update(batch)
        setups = [event for event, is_setup in zip(batch.events, batch.is_setup.tolist(), strict=True) if is_setup]
        work = Work(
            setups,
            [decision_id(event) for event in setups],
            features,
            tables=self._tables,
            lists=self.lists,
            standing=self.standing,
            classifier=self._classifier,
        )
        for _, step in STEPS:
            work.settle(step(work))
        outcomes = [PLAIN_ALLOW] * len(setups)
        for row, outcome in work.decided.items():
            outcomes[row] = outcome
        return Screening(
            setups, list(work.ids), outcomes, work.modes, work.scores, features, self._versions, self.standing.changes()
        )


def fail_open(setups: Sequence[CallSetup], versions: Versions, mode: Mode) -> Screening:
    """Let call setups pass because judging them failed; looks at nothing that could fail again.

    Args:
        setups: Call setups of the batch, in order.
        versions: What they would have been decided with.
        mode: Of the policy; its overrides are not looked at.
    """
    count = len(setups)
    return Screening(
        setups=list(setups),
        ids=[decision_id(event) for event in setups],
        outcomes=[FAILED_OPEN] * count,
        modes=[mode] * count,
        scores=[None] * count,
        features=np.zeros((0, N_FEATURES), np.float32),
        versions=versions,
    )
