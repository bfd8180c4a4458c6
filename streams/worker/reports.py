"""What is told of decisions beside their topic: metrics, scored calls, standing decisions, look-ups.

An answer that may yet become late is told once it is known what the switch was told: a block that nobody can have
executed counts as an allow everywhere. Any other answer is told at once.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from detector.contract.decisions import PLAIN_ALLOW, Action, Mode, Step
from detector.features.schemas import SCHEMAS
from detector.policy import reasons
from detector.policy.screening import Screening
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision
from streams.kafka.publishing.records import Record
from streams.kafka.topics import ENTITY_DECISIONS, SCORED_CALLS
from streams.screening.batch import Batch
from streams.screening.pipeline import Pipeline
from streams.wire.records import EntityDecision, EntityDecisionRecord, encode, scored_call
from streams.worker.metrics import Metrics

SAMPLE_BITS = 32
UNJUDGED = (reasons.LATE, reasons.OVERLOAD, reasons.LISTS_UNKNOWN.code, reasons.REPEATED.code)
"""Codes of calls that pass without any error."""
Kind = tuple[str, str, str]
"""Action, step and mode of a decision."""


class Informs(Protocol):
    """What screening needs of `streams.kafka.publishing.side_topics.SideTopics`."""

    def offer(self, topic: str, records: Sequence[Record]) -> None:
        """Queue records that only inform. Called on the event loop, once a batch and topic where there are any.

        Returns at once and never blocks: what its topic does not take is dropped and counted.

        Args:
            topic: One of `streams.kafka.topics.SIDE_TOPICS`.
            records: Keys and values, those of one key in the order in which they are to be read.

        Raises:
            KeyError: The topic is none of them.
        """
        ...


class KeepsDecisions(Protocol):
    """What screening needs of `streams.redis.decisions.DecisionIndex`. `tests/contracts` says it as tests."""

    def offer(self, identifier: str, calling_number: str, payload: bytes) -> None:
        """Keep a decision that did not allow; a later one of the same call takes its place.

        Called once for each such call, on the event loop: with what the switch was told. Returns at once, never blocks
        and never raises: what cannot be kept is dropped and counted.

        Args:
            identifier: Id of the decision.
            calling_number: As in the decision.
            payload: The decision as published.
        """
        ...

    def offer_entity(self, entity: str, payload: bytes | None, expires_ms: int) -> None:
        """Keep a standing decision. Returns at once, never blocks and never raises.

        Args:
            entity: `number:` and the number, or `trunk:` and the trunk group.
            payload: The record as published; None deletes.
            expires_ms: From this instant on it no longer holds, epoch milliseconds.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Perishing:
    """A batch with answers that may yet become late: those in `batch.answers.late`.

    Attributes:
        batch: What was decided.
        late: What left in the place of answers that became late, by row.
    """

    batch: Batch
    late: dict[int, bytes] = field(default_factory=dict)


class Reports:
    """Tells what became of calls. Used on the event loop alone; no method blocks.

    Args:
        pipeline: decided them.
        side: takes scored calls and standing decisions.
        keeper: keeps decisions for look-ups, behind the stream.
        metrics: counts.
        scored_sample_ratio: share of calls, 0 to 1, whose features are published; a function of the call.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        side: Informs,
        keeper: KeepsDecisions,
        metrics: Metrics,
        *,
        scored_sample_ratio: float,
    ) -> None:
        self._pipeline = pipeline
        self._side = side
        self._keeper = keeper
        self._metrics = metrics
        self._sampled_below = round(scored_sample_ratio * 2**SAMPLE_BITS)

    def told(self, batch: Batch) -> None:
        """Tell of the answers of a batch that cannot become late. Called once for each batch, when they are queued."""
        screening, waits = batch.screening, batch.answers.late.keys()
        if screening.entity_changes:
            of_waiting = {screening.calls.identifier(row) for row in waits}
            self._standing([one for one in screening.entity_changes if one.decision_id not in of_waiting])
        if self._sampled_below:
            self._scored(batch, [row for row in self._sampled(screening) if row not in waits])
        self._keep(batch, [row for row in screening.decided if row not in waits])

    def counted(self, batch: Batch) -> None:
        """Count the same answers. Called once for each batch, when they are on their way."""
        screening, waits = batch.screening, batch.answers.late.keys()
        self._count(_kinds(screening, waits), _unjudged(screening))

    def settled(self, one: Perishing) -> None:
        """Tell of the answers that could become late, as the switch was told, and count them. Called once, at the end.

        Args:
            one: All its answers are at the broker.
        """
        batch, late = one.batch, one.late
        screening, waited = batch.screening, batch.answers.late.keys()
        if screening.entity_changes:
            in_time = {screening.calls.identifier(row) for row in waited - late.keys()}
            self._standing([change for change in screening.entity_changes if change.decision_id in in_time])
        if self._sampled_below:
            self._scored(batch, [row for row in self._sampled(screening) if row in waited], late)
        self._keep(batch, waited, late)
        kinds = Tally(_kind(screening, row) for row in waited - late.keys())
        kinds[Action.ALLOW.value, Step.FAIL_OPEN.value, Mode.ENFORCE.value] += len(late)
        self._count(+kinds, Tally({reasons.LATE: len(late)}))

    def _count(self, kinds: Mapping[Kind, int], unjudged: Tally[str]) -> None:
        for code in UNJUDGED:
            self._metrics.passed(code, unjudged[code])
        self._metrics.decided(kinds, passed=unjudged.total())

    def _standing(self, changes: Sequence[StandingDecision]) -> None:
        policy = self._pipeline.screener.policy
        records: list[Record] = []
        for change in changes:
            payload = encode(entity_record(change, policy))
            records.append((change.entity.encode("utf-8", "surrogatepass"), payload))
            self._keeper.offer_entity(change.entity, payload, change.expires_ms)
        if records:
            self._side.offer(ENTITY_DECISIONS, records)

    def _sampled(self, screening: Screening) -> list[int]:
        """Rows of the calls whose features are published; of those that were judged, and now."""
        if not len(screening.features):
            return []
        found: list[int] = np.flatnonzero(screening.calls.lots < self._sampled_below).tolist()
        judged = (row for row in found if row not in screening.repeats)
        return [row for row in judged if screening.outcome(row).decided_by is not Step.FAIL_OPEN]

    def _scored(self, batch: Batch, rows: Iterable[int], late: Mapping[int, bytes] | None = None) -> None:
        screening, records = batch.screening, list[Record]()
        margins, group_scores = screening.of_margins()
        names = SCHEMAS[screening.versions.feature_schema].names
        for row in rows:
            vector = dict(zip(names, screening.features[row].tolist(), strict=True))
            number = screening.calls.text(row, "calling_number")
            value = scored_call(_answer(batch, row, late), vector, margins.item(row), group_scores.item(row))
            records.append((number.encode("utf-8", "surrogatepass"), value))
        if records:
            self._side.offer(SCORED_CALLS, records)

    def _keep(self, batch: Batch, rows: Iterable[int], late: Mapping[int, bytes] | None = None) -> None:
        calls = batch.screening.calls
        for row in rows:
            if batch.screening.decided[row].action is not Action.ALLOW:
                number = calls.text(row, "calling_number")
                self._keeper.offer(calls.identifier(row), number, _answer(batch, row, late))


def _answer(batch: Batch, row: int, late: Mapping[int, bytes] | None) -> bytes:
    """What the switch was told."""
    return late[row] if late and row in late else batch.answers.decisions[row]


def _kind(screening: Screening, row: int) -> Kind:
    outcome = screening.outcome(row)
    return outcome.action.value, outcome.decided_by.value, screening.mode(row).value


def _kinds(screening: Screening, but: Collection[int]) -> Tally[Kind]:
    """How many calls there are of each kind, less some rows, all of them decided ones."""
    found = Tally(_kind(screening, row) for row in screening.decided if row not in but)
    in_shadow = np.count_nonzero(screening.is_shadow) - np.count_nonzero(screening.is_shadow[list(screening.decided)])
    allow = PLAIN_ALLOW.action.value, PLAIN_ALLOW.decided_by.value
    found[*allow, Mode.SHADOW.value] += int(in_shadow)
    found[*allow, Mode.ENFORCE.value] += len(screening.calls) - len(screening.decided) - int(in_shadow)
    return +found


def _unjudged(screening: Screening) -> Tally[str]:
    """How many calls passed without being judged and without an error, by code."""
    codes = Tally(one.reasons[0].code for one in screening.decided.values() if one.decided_by is Step.FAIL_OPEN)
    return Tally({code: codes[code] for code in UNJUDGED})


def entity_record(change: StandingDecision, policy: Policy) -> EntityDecision:
    """The `entity-decisions` record of a standing decision."""
    return EntityDecisionRecord(
        change.entity,
        change.action,
        change.category,
        policy.label(change.category) if change.action is Action.LABEL else None,
        change.since_ms,
        change.expires_ms,
        change.source,
        change.decision_id,
        policy.version,
        change.trunk_group_ids or None,
        change.is_vouched if change.trunk_group_ids or change.is_vouched else None,
    )
