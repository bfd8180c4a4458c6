"""The agent `screen_calls`: from what a poll brought to published decisions, and the acknowledgement after them.

Every call setup is answered, whatever goes wrong inside: an internal error allows the call, and a record that even that
cannot help becomes a dead letter. A call that has waited too long is allowed, and so is one whose answer does not leave
in time. A poll is acknowledged once its decisions are safe at the broker. What only informs is offered and not waited
for: dead letters, standing decisions, scored calls.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import structlog

from detector.contract.events import CallEvent
from streams.kafka.fetched import FetchedBatch, Poll
from streams.kafka.publishing.publisher import Delivery, Expects
from streams.kafka.publishing.records import Packed, Perishable, Record
from streams.kafka.topics import CALL_DECISIONS, DEAD_LETTERS
from streams.log import NumberDigest
from streams.running.clock import wall_clock_ms
from streams.screening.batch import Batch, Unusable
from streams.screening.lateness import LateForm, Waiting
from streams.screening.pipeline import Pipeline
from streams.screening.stray_keys import strays
from streams.wire.records import dead_letter
from streams.worker.metrics import Metrics
from streams.worker.reports import Informs, KeepsDecisions, Perishing, Reports
from streams.worker.slices import Slices
from streams.worker.stray_partitions import StrayPartitions
from streams.worker.traces import CallTraces

MISMATCH_PAUSE_MS = 60_000

log = structlog.get_logger(__name__)


class Publishes(Protocol):
    """What screening needs of `streams.kafka.publishing.publisher.Publisher`. `tests/contracts` says it as tests."""

    def publish(self, topic: str, records: Sequence[Record | Perishable], delivery: Expects) -> None:
        """Queue records. Called on the event loop for each batch, or each part of one; returns at once, never blocks.

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


class CallScreening:
    """Screens polls one after the other, on the event loop, in slices (`streams.worker.slices`).

    Args:
        pipeline: decides.
        publisher: takes decisions.
        side: takes what only informs.
        keeper: keeps decisions for look-ups, behind the stream.
        metrics: counts.
        digest: stands for numbers in the log.
        max_batch_events: records of a slice at most.
        scored_sample_ratio: share of calls, 0 to 1, whose features are published; a function of the call.
        deadline_ms: an answer that leaves later than this after the arrival of its call allows it.
        shed_after_ms: a call that waited longer for its batch is allowed unjudged.
        processed: told a partition and its next offset after each batch, before anything else can run.
        partitions: how many the topic has, as far as is known.
        traces: follows the answers of sampled calls to the broker; None where no call is traced.
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
        partitions: Callable[[], int],
        traces: CallTraces | None = None,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._pipeline = pipeline
        self._traces = traces
        self._publisher = publisher
        self._side = side
        self._metrics = metrics
        self._reports = Reports(pipeline, side, keeper, metrics, scored_sample_ratio=scored_sample_ratio)
        self._digest = digest
        self._placement = StrayPartitions(partitions, metrics)
        self._mismatch_told_ms = 0
        self._slices = Slices(max_batch_events)
        self._deadline_ms = deadline_ms
        self._shed_after_ms = shed_after_ms
        self._processed = processed
        self._clock_ms = clock_ms

    async def screen(
        self, poll: Poll, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None
    ) -> None:
        """Answer everything in a poll.

        Called on the event loop, by one task, poll after poll. It gives the loop back after each slice.

        Args:
            poll: what the transport handed over.
            acknowledge: called once, on the event loop, when all decisions are safe at the broker, mostly after this
                has returned. Never called when one cannot be published.
            set_aside: called once at most, before that and not before all is screened: what is left waits for
                partitions that cannot be written to.

        Raises:
            Exception: whatever no other way could help with. Nothing of the poll will be acknowledged.
        """
        perishing: list[Perishing] = []
        delivery = Delivery(partial(self._safe, perishing, acknowledge), set_aside)
        for fetched in self._slices.of(poll.parts):
            decided_ms, begun_s = self._clock_ms(), time.thread_time()
            batch = self._screen_batch(fetched, decided_ms, delivery, perishing)
            self._slices.took(len(fetched), time.thread_time() - begun_s)
            # The publisher and heartbeats share this loop: answers leave before they are counted.
            await asyncio.sleep(0)
            self._count(fetched, batch, decided_ms)
        poll.screened(self._slices.limit)
        delivery.seal()

    def _safe(self, perishing: Sequence[Perishing], acknowledge: Callable[[], object]) -> None:
        """All answers of a poll are at the broker: none becomes late any more, and it is known what was told."""
        for one in perishing:
            self._reports.settled(one)
        acknowledge()

    def _screen_batch(
        self, fetched: FetchedBatch, decided_ms: int, delivery: Delivery, perishing: list[Perishing]
    ) -> Batch:
        waiting = Waiting(decided_ms, self._deadline_ms, self._shed_after_ms)
        batch = self._pipeline.process(fetched.records, decided_time_ms=decided_ms, waiting=waiting)
        for partition, end in fetched.ends:  # nothing is awaited since the windows counted them: whoever copies the
            self._processed(partition, end)  # windows finds the offset that fits
        may_be_late = Perishing(batch)
        if batch.answers.late:
            perishing.append(may_be_late)
        self._publish(fetched, may_be_late, delivery)
        unusable = batch.unusable()
        if unusable:
            self._dead_letters(fetched, unusable)
        self._reports.told(batch)
        return batch

    def _publish(self, fetched: FetchedBatch, may_be_late: Perishing, delivery: Delivery) -> None:
        """Queue the answers of a batch: at once, but for those that are followed."""
        answers, at = self._answers(may_be_late), 0
        if self._traces is not None:
            for row, follows in self._traces.followed(fetched, may_be_late, delivery):
                self._publisher.publish(CALL_DECISIONS, answers.part(at, row), delivery)
                self._publisher.publish(CALL_DECISIONS, answers.part(row, row + 1), follows)
                at = row + 1
        self._publisher.publish(CALL_DECISIONS, answers.part(at, len(answers)), delivery)

    def _answers(self, may_be_late: Perishing) -> Packed:
        made = may_be_late.batch.answers
        data, spans = made.keys.beside(made.decisions)
        perishable: dict[int, Perishable] = {}
        for row, form in made.late.items():
            late = partial(self._late, may_be_late, row, form)
            perishable[row] = Perishable(made.keys[row], made.decisions[row], form.expires_ms, late)
        return Packed(np.frombuffer(data, np.uint8), spans, perishable)

    def _late(self, one: Perishing, row: int, form: LateForm) -> bytes:
        """Make the answer that leaves in the place of one that became late, as if nothing had objected to the call."""
        value = one.late[row] = form.encode(self._clock_ms())
        self._pipeline.screener.missed(one.batch.screening, row)
        return value

    def _dead_letters(self, fetched: FetchedBatch, unusable: Sequence[Unusable]) -> None:
        at_ms = self._clock_ms()
        records: list[Record] = []
        for position, code, message in unusable:
            self._metrics.dead_letter(code)
            value, key = fetched.records.value(position), fetched.key(position)
            records.append(dead_letter(fetched.place(position), code, message, value, at_ms, key))
        self._side.offer(DEAD_LETTERS, records)

    def _count(self, fetched: FetchedBatch, batch: Batch, decided_ms: int) -> None:
        """Count a batch whose answers are on their way."""
        reading = batch.reading
        astray = strays(fetched.key_hashes(), reading)
        if len(astray):
            first = astray.item(0)
            self._tell_mismatch(reading.events[first], fetched.place(reading.positions.item(first)), decided_ms)
        self._placement.look(fetched, reading, decided_ms)
        setups = int(np.count_nonzero(reading.facts.is_setup))
        ends = len(reading.positions) - setups
        self._metrics.batch(setups=setups, ends=ends, key_mismatches=len(astray))
        self._metrics.clock_skew(batch.skewed)
        self._metrics.repaired(reading.repairs)
        self._metrics.unbelieved(batch.screening.unbelieved)
        self._metrics.repeated(setups=len(batch.screening.repeats), ends=batch.ends_again)
        self._metrics.took(batch.screening.calls.reported_ms, batch.answers.arrivals_ms, decided_ms)
        self._reports.counted(batch)

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
