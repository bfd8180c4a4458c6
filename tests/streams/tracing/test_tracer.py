"""Spans on their way to a collector that takes them, refuses them, hangs, or is not there."""

import asyncio
import time
from collections.abc import Callable

import pytest
import structlog
from opentelemetry.trace import Span

from streams.local.services import free_ports
from streams.log import NumberDigest
from streams.tracing import tracer as module
from streams.tracing.tracer import STOP_S, CallTracer
from streams.tracing.words import Attributes
from tests.streams.bridge.bridge_case import decision
from tests.streams.tracing.collector import ENDPOINT, KEY, Collector, call_tracer, collecting
from tests.waiting import wait_until

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
BEGUN_NS = 1_700_000_000_000_000_000
Trouble = Callable[[Collector, pytest.MonkeyPatch], None]
SETUP = {
    "call_id": "a@b",
    "calling_number": "+12025550187",
    "called_number": "+13125550187",
    "trunk_group_id": "tg-1",
    "setup_time_ms": 1_700_000_000_000,
}


server = pytest.fixture(collecting)


@pytest.fixture(autouse=True)
def soon(server: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans leave at once, to the server of the test; a request that gets no answer is given up after a second."""
    del server
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")


def make(service: str = "it") -> CallTracer:
    return call_tracer(service)


def span(tracer: CallTracer, about: Attributes | None = None, parent: int | None = None) -> Span:
    """One that lasted 5 ms, with a child."""
    made = tracer.begin(TRACE, parent, "process call-events", "CONSUMER", BEGUN_NS)
    tracer.child(made, "read", "INTERNAL", BEGUN_NS, BEGUN_NS + 1_000_000, {})
    tracer.end(made, BEGUN_NS + 5_000_000, about or {})
    return made


def stop(tracer: CallTracer) -> float:
    """Seconds that it took."""
    begun_s = time.monotonic()
    asyncio.run(tracer.stop())
    return time.monotonic() - begun_s


def test_a_span_arrives_with_its_trace_its_parent_and_its_times(server: Collector) -> None:
    """At the latest when the process ends."""
    tracer = make()
    span(tracer, parent=0xF067AA0BA902B7)
    stop(tracer)

    (root,), (read,) = server.named("process call-events"), server.named("read")
    assert (root.trace_id, root.parent, root.kind) == (f"{TRACE:032x}", "00f067aa0ba902b7", "CONSUMER")
    assert (root.begun_ns, root.ended_ns) == (BEGUN_NS, BEGUN_NS + 5_000_000)
    assert (read.trace_id, read.parent, read.kind) == (root.trace_id, root.span_id, "INTERNAL")


def test_without_a_parent_it_is_the_first_of_its_trace(server: Collector) -> None:
    """And the next call has a trace of its own."""
    tracer = make()
    span(tracer)
    tracer.end(tracer.begin(TRACE + 1, None, "other", "SERVER", BEGUN_NS), BEGUN_NS, {})
    stop(tracer)

    assert [(one.parent, one.trace_id) for one in server.named("process call-events")] == [("", f"{TRACE:032x}")]
    assert [(one.parent, one.trace_id) for one in server.named("other")] == [("", f"{TRACE + 1:032x}")]


def test_a_decision_is_told_without_a_number_or_a_call_id(server: Collector) -> None:
    """Its call id as the digest that logs have."""
    tracer = make()
    span(tracer, tracer.about(decision(SETUP, "block")))
    stop(tracer)

    (root,) = server.named("process call-events")
    assert root.attributes == {
        "robocall.action": "block",
        "robocall.mode": "enforce",
        "robocall.decided_by": "model",
        "robocall.model_version": "m",
        "robocall.policy_version": "p",
        "robocall.call_id_digest": NumberDigest(KEY)("a@b"),
        "robocall.trunk_group_id": "tg-1",
    }
    for secret in (b"a@b", b"2025550187", b"3125550187"):
        assert all(secret not in body for body in server.bodies)


def test_texts_of_strangers_cost_no_other_span(server: Collector) -> None:
    """Half a surrogate, nulls, and much of it: all of their batch arrives."""
    tracer = make()
    for trunk in ("\ud800", "a\x00b", "x" * 100_000, "🕱"):
        span(tracer, {"robocall.trunk_group_id": trunk})
    span(tracer, {"robocall.call_id_digest": NumberDigest(KEY)("\udfff")})
    stop(tracer)

    found = [one.attributes.get("robocall.trunk_group_id") for one in server.named("process call-events")]
    assert found == ["\\ud800", "a\x00b", "x" * 100_000, "🕱", None]


def test_a_call_that_nobody_judged_is_a_failure(server: Collector) -> None:
    """So that a collector can keep those."""
    tracer = make()
    for one in (decision(SETUP, decided_by="fail_open"), decision(SETUP)):
        tracer.end(tracer.begin(TRACE, None, "it", "SERVER", BEGUN_NS), BEGUN_NS, {}, tracer.failure_of(one))
    stop(tracer)

    assert [one.status for one in server.named("it")] == ["fail_open", ""]


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "robocall-worker"),
        ({"OTEL_SERVICE_NAME": "theirs"}, "theirs"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,a=b"}, "theirs"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}, "robocall-worker"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "robocall-worker"),
    ],
)
def test_the_variables_of_opentelemetry_hold(
    server: Collector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], service: str
) -> None:
    """But for the sampler: the calls were chosen before."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tracer = make("robocall-worker")
    span(tracer)
    stop(tracer)

    assert {one.service for one in server.spans()} == {service}


def test_opentelemetry_may_be_turned_off(server: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own variable."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracer = make()
    span(tracer)
    stop(tracer)

    assert server.requests == 0


def nowhere(_: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://user:secret@127.0.0.1:{free_ports(1)[0]}")


def refusing(server: Collector, _: pytest.MonkeyPatch) -> None:
    server.status = 503


def unwilling(server: Collector, _: pytest.MonkeyPatch) -> None:
    server.status = 404


def hanging(server: Collector, _: pytest.MonkeyPatch) -> None:
    server.goes_on.clear()


@pytest.mark.parametrize("trouble", [nowhere, refusing, unwilling, hanging])
def test_a_collector_in_trouble_holds_nobody_up_and_the_log_says_it_once(
    server: Collector, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the queue has no room for is dropped; the end comes within its bound."""
    trouble(server, monkeypatch)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    with structlog.testing.capture_logs() as lines:
        tracer = make()
        longest_s = 0.0
        for _ in range(200):
            begun_s = time.thread_time()
            span(tracer)
            longest_s = max(longest_s, time.thread_time() - begun_s)
        wait_until(lambda: lines, "the trouble is told")
        for _ in range(200):
            span(tracer)
        took_s = stop(tracer)

    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == 1
    assert warnings[0]["event"].startswith("spans are dropped")
    assert warnings[0]["cause"]
    assert "secret" not in str(lines)
    assert took_s < STOP_S + 1
    assert longest_s < 0.1
    assert capfd.readouterr().err == ""


def test_a_collector_that_is_back_is_told_with_what_was_lost(
    server: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gets what comes from then on."""
    server.status = 404
    monkeypatch.setattr(module, "TELL_AGAIN_S", 0.0)
    with structlog.testing.capture_logs() as lines:
        tracer = make()
        span(tracer)
        wait_until(lambda: lines, "the trouble is told")
        server.status = 200
        span(tracer)
        wait_until(lambda: len(lines) == 2, "its end is told")
        stop(tracer)

    assert (lines[1]["event"], lines[1]["lost"]) == ("the collector takes spans again", 2)
    assert server.named("process call-events")


def test_that_the_queue_is_full_is_not_the_cause_of_the_trouble(
    server: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows from it, while a batch waits for an answer that never comes."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    server.goes_on.clear()
    with structlog.testing.capture_logs() as lines:
        tracer = make()
        span(tracer)
        wait_until(lambda: server.requests, "a batch is on its way")
        for _ in range(20):
            span(tracer)
        wait_until(lambda: lines, "the trouble is told")
        stop(tracer)

    assert "Queue full" not in lines[0]["cause"]


def test_a_collector_that_is_only_slow_is_told_with_what_was_lost(
    server: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes all that is sent, but the queue has no room meanwhile: each span arrives or is counted."""
    for name, value in {"BSP_MAX_QUEUE_SIZE": 8, "BSP_MAX_EXPORT_BATCH_SIZE": 4, "EXPORTER_OTLP_TIMEOUT": 60}.items():
        monkeypatch.setenv(f"OTEL_{name}", str(value))
    server.goes_on.clear()
    with structlog.testing.capture_logs() as lines:
        tracer = make()
        for _ in range(20):
            span(tracer)
        wait_until(lambda: server.requests, "a batch is on its way")
        server.goes_on.set()
        wait_until(lambda: lines, "the trouble is told")
        made = 40
        while len(lines) == 1:
            span(tracer)
            made += 2
            time.sleep(0.02)
        stop(tracer)

    assert [line["event"].split(" until")[0] for line in lines] == [
        "spans are dropped",
        "the collector takes spans again",
    ]
    assert "slow" in lines[0]["cause"]
    assert lines[1]["lost"] == made - len(server.spans()) > 0


def test_a_bug_in_tracing_reaches_no_call() -> None:
    """It is logged, once for each place."""
    tracer = make()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with tracer.guard():
                raise RuntimeError("+12025550187")
    stop(tracer)

    assert [line["cause"] for line in lines] == ["RuntimeError"]
    assert "2025550187" not in str(lines)
