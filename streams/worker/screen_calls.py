"""The agent `screen_calls`: from what a poll brought to published decisions, and the acknowledgement after them.

Every call setup is answered, whatever goes wrong inside: an internal error allows the call, and a record that even that
cannot help becomes a dead letter. A call that has waited too long is allowed, and so is one whose answer does not leave
in time. A poll is acknowledged once its decisions are safe at the broker. What only informs is offered and not waited
for: dead letters, standing decisions, scored calls.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import structlog

from detector.contract.decisions import PLAIN_ALLOW, Action, Mode, Step
from detector.contract.events import CallEvent
from detector.features.table import FEATURE_NAMES
from detector.policy import reasons
from detector.policy.screening import Screening
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision
from streams.kafka.fetched import FetchedBatch, Poll, split
from streams.kafka.publishing.outbox import Perishable, Record
from streams.kafka.publishing.publisher import Delivery
from streams.kafka.topics import CALL_DECISIONS, DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS
from streams.log import NumberDigest
from streams.screening.batch import Batch, Unusable
from streams.screening.lateness import LateForm, Waiting
from streams.screening.pipeline import Pipeline
from streams.screening.stray_keys import strays
from streams.wire.records import EntityDecision, EntityDecisionRecord, dead_letter, encode, scored_call
from streams.worker.metrics import Metrics

SAMPLE_BITS = 32
MISMATCH_PAUSE_MS = 60_000

log = structlog.get_logger(__name__)


class Publishes(Protocol):
    """What screening needs of `streams.kafka.publishing.publisher.Publisher`. `tests/contracts` says it as tests."""

    def publish(self, topic: str, records: Sequence[Record | Perishable], delivery: Delivery) -> None:
        """Queue records. Called once for each batch, on the event loop; returns at once and never blocks.

        Records of one key are stored in the order in which they were published, and records of a broker that is away
        are kept until it is back.

        Args:
            topic: One of those that the publisher was made for.
            records: Keys and values; a perishable one that leaves too late is replaced by its late form.
            delivery: Expects the records before this returns, and learns later that they are safe.

        Raises:
            KeyError: The publisher was not made for the topic.
        """
        ...


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

        Called once for each such call, on the event loop, and again when its answer became late. Returns at once,
        never blocks and never raises: what cannot be kept is dropped and counted.

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


def now_ms() -> int:
    """Wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class CallScreening:
    """Screens polls one after the other, on the event loop, in slices of at most `max_batch_events` records.

    Args:
        pipeline: decides.
        publisher: takes decisions.
        side: takes what only informs.
        keeper: keeps decisions for look-ups, behind the stream.
        metrics: counts.
        digest: stands for numbers in the log.
        max_batch_events: bounds the time that the event loop is held.
        scored_sample_ratio: share of calls, 0 to 1, whose features are published; a function of the call.
        deadline_ms: an answer that leaves later than this after the arrival of its call allows it.
        shed_after_ms: a call that waited longer for its batch is allowed unjudged.
        processed: told a partition and its next offset after each batch, before anything else can run.
        clock_ms: time of decision, epoch milliseconds.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        publisher: Publishes,
        side: Informs,
        keeper: KeepsDecisions,
        metrics: Metrics,
        digest: NumberDigest,
        *,
        max_batch_events: int,
        scored_sample_ratio: float,
        deadline_ms: int,
        shed_after_ms: int,
        processed: Callable[[int, int], object],
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._pipeline = pipeline
        self._publisher = publisher
        self._side = side
        self._keeper = keeper
        self._metrics = metrics
        self._digest = digest
        self._mismatch_told_ms = 0
        self._max_batch_events = max_batch_events
        self._sampled_below = round(scored_sample_ratio * 2**SAMPLE_BITS)
        self._deadline_ms = deadline_ms
        self._shed_after_ms = shed_after_ms
        self._processed = processed
        self._clock_ms = clock_ms

    async def screen(self, poll: Poll, acknowledge: Callable[[], object]) -> None:
        """Answer everything in a poll.

        Called on the event loop, by one task, poll after poll. It gives the loop back after each slice.

        Args:
            poll: what the transport handed over.
            acknowledge: called once, on the event loop, when all decisions are safe at the broker, mostly after this
                has returned. Never called when one cannot be published.

        Raises:
            Exception: whatever no other way could help with. Nothing of the poll will be acknowledged.
        """
        delivery = Delivery(acknowledge)
        for parts in split(poll.parts, self._max_batch_events):
            fetched, decided_ms = FetchedBatch(parts), self._clock_ms()
            batch = self._screen_batch(fetched, decided_ms, delivery)
            # The publisher and heartbeats share this loop: answers leave before they are counted.
            await asyncio.sleep(0)
            self._count(fetched, batch, decided_ms)
        delivery.seal()

    def _screen_batch(self, fetched: FetchedBatch, decided_ms: int, delivery: Delivery) -> Batch:
        waiting = Waiting(decided_ms, self._deadline_ms, self._shed_after_ms)
        batch = self._pipeline.process(fetched.records, decided_time_ms=decided_ms, waiting=waiting)
        for partition, end in fetched.ends:  # nothing is awaited since the windows counted them: whoever copies the
            self._processed(partition, end)  # windows finds the offset that fits
        self._publish(fetched, batch, delivery)
        return batch

    def _publish(self, fetched: FetchedBatch, batch: Batch, delivery: Delivery) -> None:
        self._publisher.publish(CALL_DECISIONS, self._answers(batch), delivery)
        unusable = batch.unusable()
        if unusable:
            self._dead_letters(fetched, unusable)
        if batch.screening.entity_changes:
            self._standing(batch.screening)
        sampled = self._sampled(batch)
        if sampled:
            self._side.offer(SCORED_CALLS, sampled)
        self._keep(batch)

    def _answers(self, batch: Batch) -> list[Record | Perishable]:
        made = batch.answers
        answers: list[Record | Perishable] = list(zip(made.keys, made.decisions, strict=True))
        for row, late in made.late.items():
            in_its_place = partial(self._late, batch.screening, row, late)
            answers[row] = Perishable(made.keys[row], made.decisions[row], late.expires_ms, in_its_place)
        return answers

    def _late(self, screening: Screening, row: int, late: LateForm) -> bytes:
        """Make the answer that leaves in the place of one that became late; look-ups see what the switch was told."""
        value = late.encode(self._clock_ms())
        self._metrics.passed(reasons.LATE, 1)
        calls = screening.calls
        self._keeper.offer(calls.identifier(row), calls.text(row, "calling_number"), value)
        return value

    def _dead_letters(self, fetched: FetchedBatch, unusable: Sequence[Unusable]) -> None:
        at_ms = self._clock_ms()
        records: list[Record] = []
        for position, code, message in unusable:
            self._metrics.dead_letter(code)
            value, key = fetched.records.value(position), fetched.key(position)
            records.append(dead_letter(fetched.place(position), code, message, value, at_ms, key))
        self._side.offer(DEAD_LETTERS, records)

    def _standing(self, screening: Screening) -> None:
        policy = self._pipeline.screener.policy
        records: list[Record] = []
        for change in screening.entity_changes:
            payload = encode(entity_record(change, policy))
            records.append((change.entity.encode("utf-8", "surrogatepass"), payload))
            self._keeper.offer_entity(change.entity, payload, change.expires_ms)
        self._side.offer(ENTITY_DECISIONS, records)

    def _sampled(self, batch: Batch) -> list[Record]:
        screening = batch.screening
        if not self._sampled_below or not len(screening.features):  # nobody asked, or nothing was judged
            return []
        records: list[Record] = []
        for row in np.flatnonzero(screening.calls.lots < self._sampled_below).tolist():
            if screening.outcome(row).decided_by is not Step.FAIL_OPEN:
                vector = dict(zip(FEATURE_NAMES, screening.features[row].tolist(), strict=True))
                number = screening.calls.text(row, "calling_number")
                value = scored_call(batch.answers.decisions[row], vector)
                records.append((number.encode("utf-8", "surrogatepass"), value))
        return records

    def _keep(self, batch: Batch) -> None:
        calls = batch.screening.calls
        for row, outcome in batch.screening.decided.items():
            if outcome.action is not Action.ALLOW:
                number = calls.text(row, "calling_number")
                self._keeper.offer(calls.identifier(row), number, batch.answers.decisions[row])

    def _count(self, fetched: FetchedBatch, batch: Batch, decided_ms: int) -> None:
        """Count a batch whose answers are on their way."""
        screening, reading = batch.screening, batch.reading
        astray = strays(fetched.key_hashes(), reading)
        if len(astray):
            first = astray.item(0)
            self._tell_mismatch(reading.events[first], fetched.place(reading.positions.item(first)), decided_ms)
        setups = int(np.count_nonzero(reading.facts.is_setup))
        ends = len(reading.positions) - setups
        self._metrics.batch(setups=setups, ends=ends, key_mismatches=len(astray))
        self._metrics.clock_skew(batch.skewed)
        self._metrics.repaired(reading.repairs)
        self._metrics.unbelieved(screening.unbelieved)
        decided = screening.decided.values()
        codes = [one.reasons[0].code for one in decided if one.decided_by is Step.FAIL_OPEN]
        passed = {code: codes.count(code) for code in (reasons.LATE, reasons.OVERLOAD, reasons.LISTS_UNKNOWN.code)}
        for code, count in passed.items():
            self._metrics.passed(code, count)
        if len(screening.calls):
            self._metrics.decided(
                _kinds(screening),
                screening.calls.reported_ms,
                batch.answers.arrivals_ms,
                decided_ms,
                passed=sum(passed.values()),
            )

    def _tell_mismatch(self, event: CallEvent, place: tuple[str, int, int], at_ms: int) -> None:
        """Say, once a minute at most, that a number's calls may be spread over partitions, where none sees them all."""
        if at_ms - self._mismatch_told_ms < MISMATCH_PAUSE_MS:
            return
        self._mismatch_told_ms = at_ms
        log.warning(
            "record key is not the calling number: its windows may be split, have the switch use the number as key",
            partition=place[1],
            offset=place[2],
            calling_number_digest=self._digest(event.calling_number),
            trunk_group_id=event.trunk_group_id,
        )


def _kinds(screening: Screening) -> Tally[tuple[str, str, str]]:
    """How many calls there are of each action, step and mode."""
    found: Tally[tuple[str, str, str]] = Tally()
    for row, outcome in screening.decided.items():
        found[outcome.action.value, outcome.decided_by.value, screening.mode(row).value] += 1
    in_shadow = np.count_nonzero(screening.is_shadow) - np.count_nonzero(screening.is_shadow[list(screening.decided)])
    allow = PLAIN_ALLOW.action.value, PLAIN_ALLOW.decided_by.value
    found[*allow, Mode.SHADOW.value] += int(in_shadow)
    found[*allow, Mode.ENFORCE.value] += len(screening.calls) - len(screening.decided) - int(in_shadow)
    return +found


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
        None,
        policy.version,
        change.trunk_group_ids or None,
        change.is_vouched if change.trunk_group_ids or change.is_vouched else None,
    )
