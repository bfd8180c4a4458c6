"""Spans of sampled calls in a worker: read, judged, answered, and their answers' way to the broker.

Steps are those of the whole batch, which all of its calls go through together. Spans are made once an answer is safe,
so that no answer waits for them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from detector.policy.screening import Screening
from streams.kafka.fetched import FetchedBatch
from streams.kafka.publishing.publisher import Expects
from streams.kafka.topics import CALL_DECISIONS
from streams.screening.batch import Batch
from streams.screening.lateness import Waiting
from streams.screening.one_by_one import Prepared
from streams.screening.pipeline import Pipeline
from streams.tracing.traceparent import parent_of
from streams.tracing.words import about_kafka
from streams.wire.record_columns import Records
from streams.wire.records import DECISION_DECODER
from streams.worker.reports import Perishing

if TYPE_CHECKING:  # nothing of OpenTelemetry is imported where no calls are traced
    from streams.tracing.tracer import CallTracer


class Steps(NamedTuple):
    """When a batch went through its steps, epoch nanoseconds.

    Attributes:
        begun: it was handed over.
        read: bytes had become columns.
        judged: windows, model and policy had their say.
        answered: all answers were written.
    """

    begun: int
    read: int
    judged: int
    answered: int


class TimedPipeline(Pipeline):
    """A pipeline that notes when it did what.

    Attributes:
        steps: of the latest batch.
    """

    steps = Steps(0, 0, 0, 0)
    _read = _judged = 0

    def process(self, records: Records, *, decided_time_ms: int | None, waiting: Waiting | None = None) -> Batch:
        """See `Pipeline.process`."""
        begun = time.time_ns()
        batch = super().process(records, decided_time_ms=decided_time_ms, waiting=waiting)
        self.steps = Steps(begun, self._read, self._judged, time.time_ns())
        return batch

    def _prepare(self, records: Records) -> Prepared:
        prepared = super()._prepare(records)
        self._read = time.time_ns()
        return prepared

    def _screen(self, prepared: Prepared, waiting: Waiting | None) -> tuple[Prepared, Screening, int]:
        screened = super()._screen(prepared, waiting)
        self._judged = time.time_ns()
        return screened


class CallTraces:
    """Follows the answers of sampled calls. Used on the event loop alone; nothing of it blocks or raises.

    Args:
        tracer: chooses calls, and takes spans.
        pipeline: decides them.
    """

    def __init__(self, tracer: "CallTracer", pipeline: TimedPipeline) -> None:
        self._tracer = tracer
        self._pipeline = pipeline

    def followed(self, fetched: FetchedBatch, answered: Perishing, delivery: Expects) -> "list[tuple[int, Expects]]":
        """Choose the calls of a batch whose answers are followed. Called once, when the answers are to be queued.

        Args:
            fetched: the records.
            answered: what was decided of them.
            delivery: waits for the answers.

        Returns:
            Their rows, ascending, each with whoever is to be told of its answer in the place of `delivery`.
        """
        with self._tracer.guard():
            return [(one.row, _Followed(delivery, partial(self._tell, one))) for one in self._chosen(fetched, answered)]
        return []

    def _chosen(self, fetched: FetchedBatch, answered: Perishing) -> "Iterator[_Call]":
        batch, reading = answered.batch, answered.batch.reading
        positions = reading.positions[reading.facts.is_setup]
        digests = batch.screening.calls.digests
        if len(positions) != len(digests):  # a call could not be answered: rows are no longer those of the records
            return
        for row in self._tracer.chosen(digests):
            position, trace_id = positions.item(row), self._tracer.trace_id(digests[row].tobytes())
            yield _Call(
                trace_id=trace_id,
                parent=parent_of(fetched.records.value(position) or b"", trace_id),
                place=fetched.place(position),
                arrival_ms=fetched.records.arrivals_ms.item(position),
                records=len(fetched),
                steps=self._pipeline.steps,
                packed_ns=time.time_ns(),
                row=row,
                answer=batch.answers.decisions[row],
                late=answered.late,
            )

    def _tell(self, one: "_Call") -> None:
        """Make the spans of a call whose answer is safe."""
        with self._tracer.guard():
            tracer, steps = self._tracer, one.steps
            decision = DECISION_DECODER.decode(one.late.get(one.row, one.answer))
            topic, partition, offset = one.place
            root = tracer.begin(one.trace_id, one.parent, f"process {topic}", "CONSUMER", steps.begun)
            for name, begun, ended in (
                ("read", steps.begun, steps.read),
                ("judge", steps.read, steps.judged),
                ("answer", steps.judged, steps.answered),
            ):
                tracer.child(root, name, "INTERNAL", begun, ended, {})
            about = {
                **about_kafka("process", topic, partition),
                "messaging.kafka.offset": offset,
                "messaging.batch.message_count": one.records,
                "robocall.waited_ms": steps.begun // 1_000_000 - one.arrival_ms,
                **tracer.about(decision),
            }
            tracer.end(root, one.packed_ns, about, tracer.failure_of(decision))
            sent = {**about_kafka("send", CALL_DECISIONS), "robocall.late": one.row in one.late}
            tracer.child(root, f"send {CALL_DECISIONS}", "PRODUCER", one.packed_ns, time.time_ns(), sent)


@dataclass(frozen=True, slots=True)
class _Call:
    """What is kept of a followed call until its answer is safe. It must not keep its batch alive: brokers may be away.

    `late` is that of its batch, which learns of late answers only when they leave.
    """

    trace_id: int
    parent: int | None
    place: tuple[str, int, int]
    arrival_ms: int
    records: int
    steps: Steps
    packed_ns: int
    row: int
    answer: bytes
    late: dict[int, bytes]


class _Followed:
    """Stands before the delivery of a poll for one record."""

    __slots__ = ("_delivery", "_on_safe")

    def __init__(self, delivery: Expects, on_safe: Callable[[], object]) -> None:
        self._delivery = delivery
        self._on_safe = on_safe

    def expect(self, records: int) -> None:
        self._delivery.expect(records)

    def arrived(self, records: int) -> None:
        self._delivery.arrived(records)
        self._on_safe()

    def set_aside(self, records: int) -> None:
        self._delivery.set_aside(records)
