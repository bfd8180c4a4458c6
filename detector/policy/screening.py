"""From a batch of call events to an outcome for each call setup: windows, then the steps of the policy."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.campaigns.names import CampaignNames
from detector.columns.batch_columns import BatchColumns
from detector.columns.setups import Calls, calls_of
from detector.columns.windows_port import Windows
from detector.contract.decisions import PLAIN_ALLOW, Mode, Outcome, Step, Versions
from detector.contract.errors import FeatureSchemaMismatch
from detector.contract.events import CallSetup
from detector.contract.ports import Classifier, FeatureMatrix
from detector.features.schemas import SCHEMAS, Schema
from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES
from detector.numbers.do_not_originate import NO_ENTRIES
from detector.policy.budgets import InForce, Measured, in_force
from detector.policy.lists import Lists
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.steps import STEPS
from detector.policy.tables import PolicyTables
from detector.policy.unjudged import FAILED_OPEN, LISTS_UNKNOWN
from detector.policy.work import Found, Work

NOBODY: Mapping[int, Outcome] = {}
NO_LISTS = Lists()

WindowsT_co = TypeVar("WindowsT_co", bound=Windows, covariant=True)


def _none() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True, slots=True)
class Screening:
    """What was made of the call setups of a batch, in the order of the events.

    Attributes:
        calls: The call setups.
        decided: What the policy made of them, by row, ascending; a call that is not in it is simply allowed.
        is_shadow: Which were decided in shadow, shape (n_setups,).
        scores: Calibrated probabilities, shape (n_setups,), NaN where the model was not asked.
        features: Shape (n_setups, n_features), or (0, n_features) when none was judged. Rows of calls that passed
            unjudged (`Step.FAIL_OPEN`) or came before mean nothing.
        versions: What they were decided with.
        entity_changes: Standing decisions that these calls brought about and that are to be published.
        failures: Internal errors on the way, the first of each class; the calls concerned have `FAILED_OPEN`.
        unbelieved: How many calls claim a priority that nothing vouches for.
        repeats: Rows of calls that came before: they were counted and judged then.
        margins: What the scores were made of, log-odds, shape (n_setups,), or (0,) when none was judged. Some calls
            have one that have no score.
        group_scores: The same with what the calls around a call add, where the model has a group weight: what decides.
    """

    calls: Calls
    decided: dict[int, Outcome]
    is_shadow: NDArray[np.bool_]
    scores: NDArray[np.float64]
    features: FeatureMatrix
    versions: Versions
    entity_changes: list[StandingDecision] = field(default_factory=list)
    failures: tuple[Exception, ...] = ()
    unbelieved: int = 0
    repeats: frozenset[int] = frozenset()
    margins: NDArray[np.float64] = field(default_factory=_none)
    group_scores: NDArray[np.float64] = field(default_factory=_none)

    def outcome(self, row: int) -> Outcome:
        """What the policy made of a call."""
        return self.decided.get(row, PLAIN_ALLOW)

    def mode(self, row: int) -> Mode:
        """Mode that applies to a call."""
        return Mode.SHADOW if self.is_shadow[row] else Mode.ENFORCE

    def score(self, row: int) -> float | None:
        """Calibrated probability of a call, None where the model was not asked."""
        score = self.scores.item(row)
        return None if math.isnan(score) else score

    def of_margins(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Margin and group score of each call as they are shown: of those that have a score, NaN of all others."""
        is_shown = ~np.isnan(self.scores) if len(self.margins) else np.zeros(len(self.scores), np.bool_)
        shown = np.full((2, len(is_shown)), np.nan)
        shown[0, is_shown], shown[1, is_shown] = self.margins[is_shown], self.group_scores[is_shown]
        return shown[0], shown[1]

    def fail(self, row: int) -> None:
        """Let the call of a row pass after all, since its answer could not be made; its score is dropped too."""
        self.decided[row] = FAILED_OPEN
        self.scores[row] = np.nan

    def without(self, row: int) -> "Screening":
        """The same less the call of a row; rows behind it move up by one. This one stays as it is."""
        kept = [one for one in range(len(self.calls)) if one != row]
        return replace(
            self,
            calls=self.calls.take(kept),
            decided={one - (one > row): outcome for one, outcome in self.decided.items() if one != row},
            is_shadow=self.is_shadow[kept],
            scores=self.scores[kept],
            features=self.features[kept] if len(self.features) else self.features,
            repeats=frozenset(one - (one > row) for one in self.repeats if one != row),
            margins=self.margins[kept] if len(self.margins) else self.margins,
            group_scores=self.group_scores[kept] if len(self.margins) else self.group_scores,
        )

    def with_failed(self, row: int, setup: CallSetup, mode: Mode) -> "Screening":
        """The same with a call that could not be judged put in; this one stays as it is.

        Args:
            row: Where it is to stand; what stands there and behind moves down by one.
            setup: The call.
            mode: Mode that it is answered in.
        """
        later = {one + (one >= row): outcome for one, outcome in self.decided.items()}
        return replace(
            self,
            calls=calls_of([*self.calls.events[:row], setup, *self.calls.events[row:]]),
            decided=dict(sorted({**later, row: FAILED_OPEN}.items())),
            is_shadow=np.insert(self.is_shadow, row, mode is Mode.SHADOW),
            scores=np.insert(self.scores, row, np.nan),
            features=np.insert(self.features, row, 0.0, axis=0) if len(self.features) else self.features,
            repeats=frozenset(one + (one >= row) for one in self.repeats),
            margins=np.insert(self.margins, row, np.nan) if len(self.margins) else self.margins,
            group_scores=np.insert(self.group_scores, row, np.nan) if len(self.margins) else self.group_scores,
        )


class Screener(Generic[WindowsT_co]):
    """Decides batches of call events, one after the other; not for several threads at once.

    It asks little of its windows; whoever keeps or shares them knows them by their own type, `Screener[WindowEngine]`.
    `classifier`, `policy`, `lists`, `dno` and the measure of the model (`go_by`) may be replaced between two batches.

    Attributes:
        engine: The windows.
        lists: Lists of the carrier; None while they are not known, and every call passes (`LISTS_UNKNOWN`).
        campaigns: Names of campaigns, which whoever follows them keeps; None to begin with, and decisions name none.
        dno: Do-not-originate entries of others, beside the carrier's own in `lists`; none to begin with.
        standing: Standing decisions, and what hysteresis remembers.

    Raises:
        FeatureSchemaMismatch: The classifier, here or when it is replaced, was trained on another feature table.
    """

    __slots__ = (
        "_classifier",
        "_in_force",
        "_measure",
        "_schema",
        "_tables",
        "_versions",
        "campaigns",
        "dno",
        "engine",
        "lists",
        "standing",
    )

    def __init__(
        self, engine: WindowsT_co, classifier: Classifier, policy: Policy, lists: Lists, standing: StandingDecisions
    ) -> None:
        self.engine = engine
        self.lists: Lists | None = lists
        self.campaigns: CampaignNames | None = None
        self.dno = NO_ENTRIES
        self.standing = standing
        self._tables = PolicyTables(policy)
        self._measure: tuple[Measured | None, str, bool] = (None, "", False)
        self.classifier = classifier

    @property
    def classifier(self) -> Classifier:
        """The model that scores. Another one may take its place between two batches.

        Raises:
            FeatureSchemaMismatch: The one that is set was trained on another feature table; the old one stays.
        """
        return self._classifier

    @classifier.setter
    def classifier(self, classifier: Classifier) -> None:
        if classifier.schema_id not in SCHEMAS:
            raise FeatureSchemaMismatch(expected=FEATURE_SCHEMA_ID, found=classifier.schema_id)
        self._classifier = classifier
        self._schema = self.engine.use(SCHEMAS[classifier.schema_id])
        self.engine.keep_margins(classifier.version if classifier.group_weight > 0 else "")
        self._resolve()

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self._tables.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._tables = PolicyTables(policy)
        self._resolve()

    def go_by(self, measured: Measured | None, *, complaint: str = "", has_drifted: bool = False) -> None:
        """Take what was measured of the model's budgets, from the next batch on; another one takes its place.

        Args:
            measured: For the number of partitions that the windows are counted in; None where there is no measure.
            complaint: Why one that is there cannot be used.
            has_drifted: Whether the traffic has moved away from what was measured.
        """
        self._measure = measured, complaint, has_drifted
        self._resolve()

    @property
    def in_force(self) -> InForce:
        """What the model's step goes by."""
        return self._in_force

    def _resolve(self) -> None:
        """Work out beforehand what no batch has to."""
        version, (measured, complaint, has_drifted) = self._classifier.version, self._measure
        self._versions = Versions(version, self.policy.version, self._schema.schema_id)
        self._in_force = in_force(
            self.policy.budgets, measured, model_version=version, complaint=complaint, has_drifted=has_drifted
        )

    @property
    def schema(self) -> Schema:
        """Table of the features of the next batch; the model reads its own columns of it, the first ones."""
        return self._schema

    @property
    def versions(self) -> Versions:
        """What the next batch will be decided with."""
        return self._versions

    def screen(self, batch: BatchColumns, passed: Mapping[int, Outcome] = NOBODY) -> Screening:
        """Update the windows with the whole batch and decide its call setups.

        It is called once for each batch, while its calls wait, and never waits itself. A call that makes a step or the
        model raise passes (`FAILED_OPEN`), alone; the windows have counted it like any other. What the windows raise
        goes on to the caller, who lets the batch pass (`fail_open`).

        Args:
            batch: Columns of its events.
            passed: Outcome by row of the setups that are settled beforehand (late, overload, repeats): not judged, and
                without a trace in what outlives a call.
        """
        calls = batch.calls
        if self.lists is None:  # nobody knows whom we promised not to touch
            passed = {**dict.fromkeys(range(len(calls)), LISTS_UNKNOWN), **passed}
        features = np.zeros((0, N_FEATURES), np.float32)
        if len(passed) == len(calls):
            self.engine.count(batch.events)
        else:
            features = self.engine.update(batch.events)
        work = Work(
            calls,
            features,
            tables=self._tables,
            lists=self.lists or NO_LISTS,
            standing=self.standing,
            classifier=self._classifier,
            in_force=self._in_force,
            dno=self.dno,
            add_margins=partial(self.engine.add_margins, batch.events) if self._classifier.group_weight > 0 else None,
        )
        work.settle(passed)
        if len(passed) < len(calls):
            for _, step in STEPS:
                work.settle(_attempt(step, work))
            work.apply_own_modes()
            work.name_left_out()
            work.name_callers()
            if self.campaigns is not None:
                work.name_campaigns(self.campaigns)
        return Screening(
            calls,
            dict(sorted(work.decided.items())),
            work.is_shadow,
            work.scores,
            features,
            self._versions,
            self.standing.changes(),
            tuple(work.failures.values()),
            len(work.unbelieved),
            margins=work.margins,
            group_scores=work.group_scores,
        )

    def missed(self, screening: Screening, row: int) -> None:
        """Have nothing remembered of a call whose answer left too late: see `StandingDecisions.missed`.

        Called between two batches, once for each such call; does not block and does not raise. Calls that another step
        decided than the model's have left nothing behind.

        Args:
            screening: What was made of its batch.
            row: The call.
        """
        calls = screening.calls
        if screening.outcome(row).decided_by is Step.MODEL:
            self.standing.missed(
                calls.text(row, "calling_number"),
                calls.text(row, "trunk_group_id"),
                is_vouched=calls.is_vouched(row),
                decision_id=calls.identifier(row),
            )


def _attempt(step: Callable[[Work], Found], work: Work) -> Found:
    """Take a step for the whole batch, or when that fails for each call alone: only those that make it fail pass.

    The model's step never fails as a whole (`detector.policy.model_step`); all others leave no trace, so they may be
    repeated.
    """
    try:
        return step(work)
    except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
        work.failed(error)
    found: dict[int, Outcome] = {}
    for row in work.open_rows().tolist():
        try:
            alone = step(work.only(row))
        except Exception as error:  # noqa: BLE001 - see above
            work.failed(error)
            found[row] = FAILED_OPEN
            continue
        if alone:
            found[row] = alone[0]
    return found


def fail_open(setups: Sequence[CallSetup], versions: Versions, mode: Mode) -> Screening:
    """Let call setups pass because judging them failed. It looks at nothing that could fail again, and does not raise.

    Args:
        setups: Call setups of the batch, in order.
        versions: What they would have been decided with.
        mode: Of the policy; its overrides are not looked at.
    """
    count = len(setups)
    return Screening(
        calls=calls_of(setups),
        decided=dict.fromkeys(range(count), FAILED_OPEN),
        is_shadow=np.full(count, mode is Mode.SHADOW),
        scores=np.full(count, np.nan),
        features=np.zeros((0, N_FEATURES), np.float32),
        versions=versions,
    )
