"""The trace of a question: what a dip tells becomes spans, and the record says which span a worker goes on from."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from streams.bridge.traces import UNTRACED, TracedCall, untraced
from streams.log import NumberDigest
from streams.tracing.traceparent import parent_of
from streams.tracing.tracer import CallTracer
from streams.wire.records import encode
from tests.streams.bridge.bridge_case import decision
from tests.streams.tracing.collector import KEY, Collector, Seen, call_tracer, collecting

server, make = pytest.fixture(collecting), partial(call_tracer, "robocall-bridge")
SETUP = {
    "type": "call_setup",
    "call_id": "a@b",
    "setup_time_ms": 1_700_000_000_000,
    "calling_number": "+12025550187",
    "called_number": "+13125550187",
    "trunk_group_id": "tg-1",
    "switch_id": "sbc-1",
}


def told(server: Collector, tracer: CallTracer) -> dict[str, Seen]:
    """Spans by their names, once all have come."""
    asyncio.run(tracer.stop())
    return {span.name: span for span in server.spans()}


def test_a_question_is_one_span_with_its_two_ways_in_it(server: Collector) -> None:
    """To the brokers, and back from whoever decides."""
    tracer = make()
    trace = TracedCall(tracer, "sip")
    trace.published(encode(SETUP))
    trace.acknowledged()
    trace.waited()
    trace.answered("block", decision(SETUP, "block"), None)

    spans = told(server, tracer)
    dip, send, wait = spans["dip sip"], spans["send call-events"], spans["await call-decisions"]
    assert (dip.kind, dip.parent, send.kind) == ("SERVER", "", "PRODUCER")
    assert {dip.trace_id} == {send.trace_id, wait.trace_id}
    assert send.parent == wait.parent == dip.span_id
    assert dip.begun_ns <= send.begun_ns == wait.begun_ns <= send.ended_ns <= wait.ended_ns <= dip.ended_ns
    assert dip.attributes["robocall.action"] == "block"
    assert dip.attributes["robocall.call_id_digest"] == NumberDigest(KEY)("a@b")
    assert send.attributes["messaging.destination.name"] == "call-events"


def test_the_record_names_the_span_and_says_nothing_else_anew(server: Collector) -> None:
    """A worker that has the key finds it by the id of its own decision."""
    tracer = make()
    trace = TracedCall(tracer, "http")
    value = trace.published(encode(SETUP))
    trace.answered("allow", decision(SETUP), None)

    dip = told(server, tracer)["dip http"]
    event = json.loads(value)
    assert event.pop("traceparent") == f"00-{dip.trace_id}-{dip.span_id}-01"
    assert event == SETUP
    assert parent_of(value, int(dip.trace_id, 16)) == int(dip.span_id, 16)


@pytest.mark.parametrize("why", ["late", "unhealthy", "not_published", "internal_error"])
def test_a_call_that_passes_undecided_is_a_failure_that_says_why(server: Collector, why: str) -> None:
    """Whether or not a decision was waited for."""
    tracer = make()
    trace = TracedCall(tracer, "atis")
    trace.published(encode(SETUP))
    trace.answered("fail_open", None, why)

    spans = told(server, tracer)
    assert set(spans) == {"dip atis"}
    dip = spans["dip atis"]
    assert (dip.status, dip.attributes["robocall.reason"], dip.attributes["robocall.action"]) == (why, why, "fail_open")


def test_a_call_that_a_worker_let_pass_unjudged_is_a_failure_too(server: Collector) -> None:
    """A decision came, and says so."""
    tracer = make()
    trace = TracedCall(tracer, "http")
    trace.published(encode(SETUP))
    unjudged = decision(SETUP, decided_by="fail_open", reasons=[{"code": "overload", "text": "It waited too long."}])
    trace.answered("allow", unjudged, None)

    dip = told(server, tracer)["dip http"]
    assert (dip.status, dip.attributes["robocall.reason"]) == ("overload", "overload")


@pytest.mark.parametrize(
    "odd",
    [
        {"call_id": "x" * 5_000},
        {"call_id": "\u2028\u0000'\"<script>"},
        {"trunk_group_id": "🕱" * 60},
        {"calling_number": "tel:+1-202-555-0187", "called_number": "sip:911@host"},
        {"calling_number": "y" * 9_000},
    ],
)
def test_odd_texts_are_traced_as_a_worker_will_read_them(server: Collector, odd: dict[str, Any]) -> None:
    """A long call id by what stands for it; and no number or call id leaves."""
    tracer = make()
    trace = TracedCall(tracer, "http")
    value = trace.published(encode(SETUP | odd))
    trace.answered("allow", None, None)

    dip = told(server, tracer)["dip http"]
    assert parent_of(value, int(dip.trace_id, 16)) == int(dip.span_id, 16)
    for secret in (b"2025550187", b"3125550187", b"xxxxx", b"yyyyy", b"script"):
        assert all(secret not in body for body in server.bodies)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"type":"call_setup"}', b"x" * 20_000, encode(SETUP)[:-1]])
def test_what_is_no_set_up_is_published_as_it_is(server: Collector, value: bytes) -> None:
    """A worker refuses it; here it costs nothing."""
    tracer = make()
    trace = TracedCall(tracer, "http")

    assert trace.published(value) == value
    trace.acknowledged()
    trace.answered("fail_open", None, "late")
    assert told(server, tracer) == {}


def test_a_call_that_is_not_chosen_is_published_as_it_is(server: Collector) -> None:
    """And so is every call where nothing is traced."""
    tracer = make(ratio=1e-9)
    trace = TracedCall(tracer, "http")

    assert trace.published(encode(SETUP)) == encode(SETUP)
    trace.answered("allow", decision(SETUP), None)
    assert told(server, tracer) == {}
    assert untraced("sip") is UNTRACED
    assert UNTRACED.published(b"{}") == b"{}"
