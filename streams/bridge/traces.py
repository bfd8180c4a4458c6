"""The trace of a question: from the request to its answer, with what Kafka had in between. Without tracing, nothing.

A dip begins one with each request and tells it what happens. Whether the call is traced shows when its set-up is known.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from detector.columns.decision_ids import decision_id
from detector.contract.decisions import Decision
from detector.contract.events import CallSetup
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.tracing.traceparent import with_parent
from streams.tracing.words import about_kafka
from streams.wire.decoder import decode_one
from streams.wire.repairs import repair

if TYPE_CHECKING:  # nothing of OpenTelemetry is imported where no calls are traced
    from opentelemetry.trace import Span

    from streams.tracing.tracer import CallTracer


class CallTrace:
    """What a dip tells of a question; this one keeps nothing of it. Nothing of it blocks or raises."""

    __slots__ = ()

    def published(self, value: bytes) -> bytes:
        """Note that the set-up is published as this record now; returns what is to be published in its place."""
        return value

    def acknowledged(self) -> None:
        """Note that the record is safe at the brokers."""

    def waited(self) -> None:
        """Note that a decision has come, or that none is waited for any longer."""

    def answered(self, said: str, decision: Decision | None, why_open: str | None) -> None:
        """Note that the request is answered; once, last but for a late acknowledgement.

        Args:
            said: an action, `fail_open` or `cancelled`.
            decision: which it comes from; None where there is none.
            why_open: why there is none; None where it is said, or nobody waits for it.
        """


UNTRACED = CallTrace()
BeginTrace = Callable[[str], CallTrace]
"""Begins the trace of a request, given the name of its dip."""


def untraced(dip: str) -> CallTrace:
    """Begin none."""
    del dip
    return UNTRACED


class TracedCall(CallTrace):
    """The trace of one question, should its call be chosen. Used on the event loop alone.

    Args:
        tracer: chooses calls, and takes spans.
        dip: `sip`, `http` or `atis`.
    """

    __slots__ = ("_begun_ns", "_call", "_dip", "_published_ns", "_root", "_tracer", "_waited_ns")

    def __init__(self, tracer: "CallTracer", dip: str) -> None:
        self._tracer = tracer
        self._dip = dip
        self._begun_ns = time.time_ns()
        self._published_ns = self._waited_ns = 0
        self._root: Span | None = None
        self._call: CallSetup | None = None

    def published(self, value: bytes) -> bytes:
        """Find out whether the call is chosen, as a worker will, by the id of its decision."""
        with self._tracer.guard():
            call = decode_one(value)
            if not isinstance(call, tuple):
                return self._begun(cast("CallSetup", repair(call)), value)
        return value

    def _begun(self, call: CallSetup, value: bytes) -> bytes:
        digest = bytes.fromhex(decision_id(call))
        if not self._tracer.chosen(np.frombuffer(digest, np.uint8).reshape(1, -1)):
            return value
        trace_id = self._tracer.trace_id(digest)
        self._call = call
        self._root = self._tracer.begin(trace_id, None, f"dip {self._dip}", "SERVER", self._begun_ns)
        self._published_ns = time.time_ns()
        return with_parent(value, trace_id, self._root.get_span_context().span_id)

    def acknowledged(self) -> None:
        """Tell of the record's way to the brokers."""
        with self._tracer.guard():
            if self._root is not None:
                name, about = f"send {CALL_EVENTS}", about_kafka("send", CALL_EVENTS)
                self._tracer.child(self._root, name, "PRODUCER", self._published_ns, time.time_ns(), about)

    def waited(self) -> None:
        """Keep when that was."""
        self._waited_ns = time.time_ns()

    def answered(self, said: str, decision: Decision | None, why_open: str | None) -> None:
        """Tell of the whole, and of the wait in it."""
        with self._tracer.guard():
            if self._root is None or self._call is None:
                return
            about = dict(self._tracer.about_call(self._call.call_id, self._call.trunk_group_id))
            if decision is not None:
                about |= self._tracer.about(decision)
                why_open = self._tracer.failure_of(decision)
            elif why_open is not None:
                about["robocall.reason"] = why_open
            if self._waited_ns:
                name, begun_ns = f"await {CALL_DECISIONS}", self._published_ns
                self._tracer.child(self._root, name, "INTERNAL", begun_ns, self._waited_ns, {})
            about |= {"robocall.dip": self._dip, "robocall.action": said}
            self._tracer.end(self._root, time.time_ns(), about, why_open)
