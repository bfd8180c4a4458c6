"""Spans of calls on their way to a collector: OTLP over HTTP, from a thread of its own, with a bounded queue.

The one module that knows OpenTelemetry, imported only where calls are traced. A collector that is away, hangs or
refuses costs spans and nothing else, and so does a slow one: what the queue has no room for is dropped, and the log
says so once.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from detector.columns.arrays import Bytes
from detector.contract.decisions import Decision, Step
from models.store.advice import without_credentials
from streams.log import NumberDigest
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described
from streams.tracing.sampling import Sampling
from streams.tracing.words import Attributes, Kind

STOP_S = 2.0
"""So long the last spans are waited for at the end."""
TELL_AGAIN_S = 60.0
"""The log hears of a collector that comes and goes so seldom."""
CAUSE_LIMIT = 400
LIBRARY, PROGRAM = "opentelemetry", "robocall-detector"
DEFAULT_COLLECTOR = "http://localhost:4318"
DEFAULT_QUEUE = 2_048
TOO_SLOW = "it takes them, but too slowly: the queue is full"

log = structlog.get_logger(__name__)


class CallTracer:
    """Chooses calls and makes their spans. Used on the event loop alone; no method blocks, but `stop` for a while.

    Args:
        service: name of the process where the environment gives none.
        sampling: chooses calls.
        digest: stands for call ids.

    Raises:
        ValueError: a variable of OpenTelemetry is wrong.
    """

    def __init__(self, service: str, sampling: Sampling, digest: NumberDigest) -> None:
        self._sampling = sampling
        self._digest = digest
        self._ids = _CallIds()
        passing = _Passing()
        self._exporter = _ToldExporter(passing)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=_resource(service), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(_BoundedQueue(self._exporter, passing))
        self._tracer = self._provider.get_tracer(PROGRAM)
        self._broken: set[tuple[str, ...]] = set()

    async def start(self) -> None:
        """Say that calls are traced."""
        log.info("calls are traced", collector=self._exporter.endpoint)

    async def stop(self) -> None:
        """Send what waits, for `STOP_S` at most. Never raises."""
        ending = DaemonThread("the last spans").post(self._provider.shutdown)
        done, _ = await asyncio.wait([ending], timeout=STOP_S)
        if not done or ending.exception() is not None:
            log.info("the last spans are lost: their collector did not take them in time")

    def chosen(self, digests: Bytes) -> list[int]:
        """Rows of the calls that are traced, by their decision ids, shape (n, 16) uint8."""
        return self._sampling.chosen(digests)

    def trace_id(self, digest: bytes) -> int:
        """Trace id of a call, by its decision id, 16 bytes."""
        return self._sampling.trace_id(digest)

    def begin(self, trace_id: int, parent: int | None, name: str, kind: Kind, begun_ns: int) -> Span:
        """Begin the first span of a call in this process.

        Args:
            trace_id: of the call.
            parent: id of the span before it, in another process; None where there is none.
            name: what is done.
            kind: of the span.
            begun_ns: epoch nanoseconds, and so are all instants here.
        """
        self._ids.trace_id = trace_id
        context = None
        if parent is not None:
            flags = TraceFlags(TraceFlags.SAMPLED)
            before = SpanContext(trace_id, parent, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(before))
        return self._tracer.start_span(name, context, SpanKind[kind], start_time=begun_ns)

    def child(self, parent: Span, name: str, kind: Kind, begun_ns: int, ended_ns: int, attributes: Attributes) -> None:
        """Tell of a part of what `parent` tells of, which may have ended before."""
        context = set_span_in_context(parent)
        span = self._tracer.start_span(name, context, SpanKind[kind], _clean(attributes), start_time=begun_ns)
        span.end(ended_ns)

    def end(self, span: Span, ended_ns: int, attributes: Attributes, failure: str | None = None) -> None:
        """End a span.

        Args:
            span: from `begin`.
            ended_ns: when.
            attributes: what to say of it.
            failure: why the call passes without having been judged; None where it was.
        """
        span.set_attributes(_clean(attributes))
        if failure is not None:
            span.set_status(Status(StatusCode.ERROR, failure))
        span.end(ended_ns)

    def about(self, decision: Decision) -> Attributes:
        """What spans say of a decided call: no number, and a digest of its call id."""
        reason = decision.reasons[0].code if decision.reasons else None
        would_be = None if decision.would_be is None else str(decision.would_be)
        said = {
            "robocall.action": str(decision.action),
            "robocall.mode": str(decision.mode),
            "robocall.would_be": would_be,
            "robocall.decided_by": str(decision.decided_by),
            "robocall.reason": reason,
            "robocall.model_version": decision.model_version,
            "robocall.policy_version": decision.policy_version,
        }
        known = {name: value for name, value in said.items() if value is not None}
        return {**known, **self.about_call(decision.call_id, decision.trunk_group_id)}

    def about_call(self, call_id: str, trunk_group_id: str) -> Attributes:
        """What spans say of any call."""
        return {"robocall.call_id_digest": self._digest(call_id), "robocall.trunk_group_id": trunk_group_id}

    @staticmethod
    def failure_of(decision: Decision) -> str | None:
        """Why a call passed without having been judged; None where it was."""
        if decision.decided_by is not Step.FAIL_OPEN:
            return None
        return decision.reasons[0].code if decision.reasons else str(decision.decided_by)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Let no bug in tracing reach a call: whatever is raised within is dropped, and logged once for each cause."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        found = described(error)
        cause = (found["cause"], *found["trace"][-1:])
        if cause not in self._broken:
            self._broken.add(cause)
            log.error("a call could not be traced, it is decided all the same", **found)


def _clean(attributes: Attributes) -> dict[str, str | int | float | bool]:
    """Texts that can be sent: what strangers write may be no Unicode, and one such text would cost its whole batch."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in attributes.items()
    }


def _collector() -> str:
    """Where spans go, for people."""
    named = os.environ.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or os.environ.get(OTEL_EXPORTER_OTLP_ENDPOINT)
    return without_credentials(named or DEFAULT_COLLECTOR)


def _resource(service: str) -> Resource:
    """Who speaks: the variables of OpenTelemetry win over our name."""
    ours = {SERVICE_NAME: service, SERVICE_VERSION: version(PROGRAM)}
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


class _CallIds(RandomIdGenerator):
    """Gives a call's trace id to its first span, and random ids to spans."""

    def __init__(self) -> None:
        self.trace_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def is_trace_id_random(self) -> bool:
        return False


class _Passing:
    """Counts spans on their way. Each count grows in one thread alone: `taken` in the SDK's, the others on the loop."""

    __slots__ = ("dropped", "queued", "taken")

    def __init__(self) -> None:
        self.queued = 0
        self.taken = 0
        self.dropped = 0


class _BoundedQueue(BatchSpanProcessor):
    """The SDK's queue, where what it has no room for is counted. The SDK itself drops the oldest, and tells no number.

    Raises:
        ValueError: a variable of OpenTelemetry is wrong.
    """

    def __init__(self, exporter: SpanExporter, passing: _Passing) -> None:
        self._room = int(os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE) or DEFAULT_QUEUE)
        self._passing = passing
        super().__init__(exporter, self._room)

    def on_end(self, span: ReadableSpan) -> None:
        if self._passing.queued - self._passing.taken >= self._room:
            self._passing.dropped += 1
            return
        self._passing.queued += 1
        super().on_end(span)


class _Heard(logging.Handler):
    """Keeps what the exporter first said of a batch: it says much, and often, and we say it once."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = self.said or record.getMessage()


class _ToldExporter(SpanExporter):
    """OTLP over HTTP, as the environment says; an outage is said once, and so is its end. Used by the SDK's thread.

    A collector that is so slow that spans are dropped is one, too.
    """

    def __init__(self, passing: _Passing) -> None:
        self._passing = passing
        self._dropped = 0
        self._exporter = OTLPSpanExporter()
        self.endpoint = _collector()
        self._heard = _Heard()
        library = logging.getLogger(LIBRARY)
        library.handlers[:], library.propagate = [self._heard], False
        self._lost = 0
        self._told_s = -TELL_AGAIN_S
        self._is_told = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._passing.taken += len(spans)
        self._heard.said = ""
        result = self._exporter.export(spans)
        dropped = self._passing.dropped - self._dropped
        self._dropped += dropped
        if result is not SpanExportResult.SUCCESS:
            self._lose(len(spans) + dropped, self._heard.said)
        elif dropped:
            self._lose(dropped, TOO_SLOW)
        else:
            self._recovered()
        return result

    def _lose(self, spans: int, cause: str) -> None:
        now_s = time.monotonic()
        if not self._lost and now_s - self._told_s >= TELL_AGAIN_S:
            self._told_s, self._is_told = now_s, True
            log.warning(
                "spans are dropped until their collector takes them, calls are decided all the same",
                collector=self.endpoint,
                cause=without_credentials(cause)[:CAUSE_LIMIT],
            )
        self._lost += spans

    def _recovered(self) -> None:
        if self._lost and self._is_told:
            log.warning("the collector takes spans again", lost=self._lost)
            self._is_told = False
        self._lost = 0

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
