"""One call, one trace: bridge, Kafka, worker and publisher as real processes, and a collector that fails them."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.log import NumberDigest
from tests.integration.bridge.sip_dip_case import IMPOSSIBLE, TERMINATING, TOKEN, Case, running
from tests.streams.bridge.sip.sip_case import invite, seen
from tests.streams.tracing.collector import ENDPOINT, Collector, Seen, collector
from tests.valkey_process import ValkeyProcess
from tests.waiting import HANG_S, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

KEY = "log key of the test"
SENT, AWAITED = f"send {CALL_EVENTS}", f"await {CALL_DECISIONS}"
PROCESSED, ANSWERED = f"process {CALL_EVENTS}", f"send {CALL_DECISIONS}"
STEPS = ("read", "judge", "answer")


@pytest.fixture
def server() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture
def case(
    kafka_bootstrap: str,
    fresh_topics: Callable[..., list[str]],
    valkey: ValkeyProcess,
    tmp_path: Path,
    server: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    """Every call is traced."""
    fresh_topics(4)
    monkeypatch.setenv("ROBOCALL_TRACES_SAMPLE_RATIO", "1")
    monkeypatch.setenv("ROBOCALL_LOG_KEY", KEY)
    monkeypatch.setenv(ENDPOINT, server.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    with running(kafka_bootstrap, valkey.url, tmp_path) as found:
        yield found


def ask_by_sip(case: Case, call_id: str) -> int:
    """Status of the final answer about a number that nobody can have."""
    via = f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-{call_id}"
    data = invite(call_id=call_id, from_=f"<sip:{IMPOSSIBLE}@a>;tag=1", via=via)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
        switch.bind((TERMINATING, 0))
        switch.settimeout(HANG_S)
        switch.sendto(data, ("127.0.0.1", case.bridge.port))
        while (answer := seen(switch.recv(65_535))).status == 100:
            pass
        switch.sendto(data.replace(b"INVITE", b"ACK"), ("127.0.0.1", case.bridge.port))
    return answer.status


def ask_over_http(case: Case, call_id: str, calling: str = IMPOSSIBLE) -> dict[str, object]:
    """The decision."""
    call = {"call_id": call_id, "calling_number": calling, "called_number": "+13125550142"}
    answer = httpx.post(
        f"http://127.0.0.1:{case.bridge.http_port}/v1/calls",
        json=call, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=HANG_S,
    )  # fmt: skip
    return dict(answer.json())


def trace_of(server: Collector, call_id: str, spans: int = 8) -> dict[str, Seen]:
    """Spans of a call by their names, once all are there."""
    digest = NumberDigest(KEY)(call_id)

    def found() -> list[Seen]:
        ids = {one.trace_id for one in server.spans() if one.attributes.get("robocall.call_id_digest") == digest}
        return [one for one in server.spans() if one.trace_id in ids]

    wait_until(lambda: len(found()) >= spans, "the trace is whole")
    assert len({one.trace_id for one in found()}) == 1
    names = {one.name: one for one in found()}
    assert len(names) == len(found()) == spans
    return names


def check_whole(trace: dict[str, Seen], dip: str) -> None:
    """Who called whom, and what came after what."""
    asked = trace[f"dip {dip}"]
    process = trace[PROCESSED]
    assert (asked.parent, asked.service, asked.kind) == ("", "robocall-bridge", "SERVER")
    assert {trace[name].parent for name in (SENT, AWAITED, PROCESSED)} == {asked.span_id}
    assert {trace[name].parent for name in (*STEPS, ANSWERED)} == {process.span_id}
    assert {process.service, trace[ANSWERED].service} == {"robocall-worker"}
    order = [asked.begun_ns, trace[SENT].begun_ns, process.begun_ns]
    order += [time_ns for name in STEPS for time_ns in (trace[name].begun_ns, trace[name].ended_ns)]
    order += [process.ended_ns, trace[ANSWERED].begun_ns, trace[AWAITED].ended_ns, asked.ended_ns]
    assert order == sorted(order)
    assert trace[ANSWERED].ended_ns >= trace[ANSWERED].begun_ns
    for one in (asked, process):
        about = one.attributes
        assert (about["robocall.action"], about["robocall.decided_by"]) == ("block", "dno")
        assert about["robocall.reason"]
        assert about["robocall.trunk_group_id"] == "tg-1"
        assert about["robocall.model_version"]


def test_a_call_is_one_trace_over_bridge_worker_and_publisher(case: Case, server: Collector) -> None:
    """By SIP and over HTTP; and neither a number nor a call id leaves."""
    assert ask_by_sip(case, "traced-by-sip@test") == 603
    decision = ask_over_http(case, "traced-over-http@test")
    assert decision["action"] == "block"

    by_sip, over_http = trace_of(server, "traced-by-sip@test"), trace_of(server, "traced-over-http@test")
    check_whole(by_sip, "sip")
    check_whole(over_http, "http")
    assert by_sip[PROCESSED].trace_id != over_http[PROCESSED].trace_id
    events = {event["call_id"]: event for event in case.records(CALL_EVENTS)}
    wait_until(lambda: "traced-over-http@test" in events or events.update(
        {event["call_id"]: event for event in case.records(CALL_EVENTS)}), "the events are read")  # fmt: skip
    asked = over_http["dip http"]
    assert events["traced-over-http@test"]["traceparent"] == f"00-{asked.trace_id}-{asked.span_id}-01"
    for secret in (b"traced-", IMPOSSIBLE[1:].encode(), b"3125550142"):
        assert all(secret not in body for body in server.bodies)


@pytest.mark.parametrize("trouble", ["hangs", "refuses", "is gone"])
def test_calls_are_decided_whatever_becomes_of_the_collector(case: Case, server: Collector, trouble: str) -> None:
    """All of them; each process says it once, ends cleanly and within its time, and had its windows to itself."""
    assert ask_over_http(case, "before")["action"] == "block"
    if trouble == "hangs":
        server.goes_on.clear()
    elif trouble == "refuses":
        server.status = 503
    else:
        server.close()

    answers = [ask_over_http(case, f"during-{number}") for number in range(300)]
    assert {answer["decided_by"] for answer in answers} == {"dno"}
    logs = (case.bridge.log, case.worker.log)
    wait_until(lambda: all("spans are dropped" in log.read_text() for log in logs), "both say it")
    assert ask_over_http(case, "later")["decided_by"] == "dno"

    begun_s = time.monotonic()
    for process in (case.bridge.process, case.worker.process):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(HANG_S) for process in (case.bridge.process, case.worker.process)] == [0, 0]
    assert time.monotonic() - begun_s < 60
    assert [log.read_text().count("spans are dropped") for log in logs] == [1, 1]
    assert all("Traceback" not in log.read_text() and "could not be traced" not in log.read_text() for log in logs)
