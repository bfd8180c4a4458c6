"""Spans of a worker: what became of a sampled call, when, and its answer's way; and nothing else is another."""

import asyncio
import gc
import json
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from detector.columns.arrays import Bytes
from streams.kafka.topics import CALL_DECISIONS
from streams.log import NumberDigest
from streams.screening.batch import Batch
from streams.tracing.sampling import MOST_PER_S
from streams.tracing.traceparent import with_parent
from streams.tracing.tracer import CallTracer
from streams.wire.records import encode
from tests.streams.tracing.collector import KEY, Collector, Seen, call_tracer, collecting
from tests.streams.worker.agent_case import NOW_MS, World

server, make = pytest.fixture(collecting), partial(call_tracer, "robocall-worker")
PROCESS, SEND = "process call-events", "send call-decisions"


def setup(number: int, **more: Any) -> bytes:
    usual = {
        "type": "call_setup",
        "call_id": f"trace-{number}@host",
        "setup_time_ms": NOW_MS,
        "calling_number": f"+1202555{number:04}",
        "called_number": "+13125550187",
        "trunk_group_id": "tg-1",
    }
    return encode(usual | more)


def told(server: Collector, tracer: CallTracer) -> dict[str, dict[str, Seen]]:
    """Spans by trace and name, once all have come."""
    asyncio.run(tracer.stop())
    found: dict[str, dict[str, Seen]] = {}
    for span in server.spans():
        assert span.name not in found.setdefault(span.trace_id, {})
        found[span.trace_id][span.name] = span
    return found


def trace_of(tracer: CallTracer, decision: dict[str, Any]) -> str:
    return f"{tracer.trace_id(bytes.fromhex(decision['decision_id'])):032x}"


def test_each_call_is_a_trace_that_says_what_was_decided_and_when(model: Path, server: Collector) -> None:
    """Its steps in order, one after the other, and then the way of its answer."""
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(number) for number in range(7)])
    world.topics.make_safe()

    traces = told(server, tracer)
    decisions = world.topics.decisions()
    assert len(decisions) == len(traces) == 7
    for decision in decisions:
        trace = traces[trace_of(tracer, decision)]
        assert set(trace) == {PROCESS, "read", "judge", "answer", SEND}
        root, steps, sent = trace[PROCESS], [trace[name] for name in ("read", "judge", "answer")], trace[SEND]
        assert (root.parent, root.kind, sent.kind) == ("", "CONSUMER", "PRODUCER")
        assert {one.parent for one in (*steps, sent)} == {root.span_id}
        times = [root.begun_ns, *(time for one in steps for time in (one.begun_ns, one.ended_ns)), root.ended_ns]
        assert times == sorted(times)
        assert sent.begun_ns == root.ended_ns <= sent.ended_ns
        about = root.attributes
        number = int(decision["calling_number"][-4:])
        assert (about["messaging.destination.partition.id"], about["messaging.kafka.offset"]) == (
            str(number % 3),
            number,
        )
        assert about["robocall.call_id_digest"] == NumberDigest(KEY)(decision["call_id"])
        for name in ("action", "mode", "decided_by", "model_version", "policy_version", "trunk_group_id"):
            assert about[f"robocall.{name}"] == decision[name]
        assert about.get("robocall.reason") == next((one["code"] for one in decision["reasons"]), None)


def test_nothing_of_a_number_or_a_call_id_leaves(model: Path, server: Collector) -> None:
    """Whatever is in the records."""
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(1), setup(2, call_id="🕱\u2028 secret"), setup(3, calling_number="tel:+1-202-555-0003;x")])
    world.topics.make_safe()

    assert len(told(server, tracer)) == 3
    for secret in (b"202555", b"3125550187", b"trace-", b"secret"):
        assert all(secret not in body for body in server.bodies)


def test_no_span_is_made_before_the_answer_is_safe(model: Path, server: Collector) -> None:
    """Answers do not wait for them, and a poll is acknowledged as without them."""
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(1), setup(2)])

    assert world.acknowledged == 0
    asyncio.run(tracer.stop())
    assert server.spans() == []
    world.topics.make_safe()
    assert world.acknowledged == 1


def test_a_worker_goes_on_from_the_span_of_the_bridge(model: Path, server: Collector) -> None:
    """Where the record names it; what a stranger wrote is no parent."""
    tracer = make()
    first = World(model)
    first.screen([setup(1)])
    trace_id = trace_of(tracer, first.topics.decisions()[0])
    theirs = json.loads(setup(2)) | {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}

    world = World(model, tracer=tracer)
    world.screen([with_parent(setup(1), int(trace_id, 16), 0xF067AA0BA902B7), encode(theirs)])
    world.topics.make_safe()

    traces = told(server, tracer)
    assert traces.pop(trace_id)[PROCESS].parent == "00f067aa0ba902b7"
    assert [trace[PROCESS].parent for trace in traces.values()] == [""]
    assert "1" * 32 not in traces


@pytest.mark.usefixtures("server")
def test_decisions_and_their_order_are_those_of_a_worker_that_traces_nothing(model: Path) -> None:
    """Byte by byte, whether all, some or none of the calls are chosen."""
    events = [setup(number, called_number=f"+1312555{number % 7:04}") for number in range(60)]  # one slice of the poll
    plain = World(model)
    plain.screen(events)
    records = [tuple(record)[:2] for record in plain.topics.records[CALL_DECISIONS]]

    for ratio in (1.0, 0.2, 1e-9):
        world = World(model, tracer=make(ratio))
        world.screen(events)
        assert [tuple(record)[:2] for record in world.topics.records[CALL_DECISIONS]] == records
        world.topics.make_safe()
        assert world.acknowledged == 1


def test_an_answer_that_left_late_says_so(model: Path, server: Collector) -> None:
    """It says what the switch was told, which is `allow`, and that the call was not judged."""
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(1, calling_number="+10005550123"), setup(2)])  # nobody can have the first number: a block
    world.topics.make_late()
    late, in_time = world.topics.decisions()
    world.topics.make_safe()

    traces = told(server, tracer)
    assert (late["action"], late["decided_by"], in_time["decided_by"]) == ("allow", "fail_open", "allow")
    first, second = traces[trace_of(tracer, late)], traces[trace_of(tracer, in_time)]
    assert (first[SEND].attributes["robocall.late"], second[SEND].attributes["robocall.late"]) == (True, False)
    assert (first[PROCESS].attributes["robocall.action"], first[PROCESS].status) == ("allow", "late")


def test_a_batch_with_a_call_that_cannot_be_answered_is_decided_untraced(
    model: Path, server: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are no longer those of the records."""
    poisoned = "not ASCII, so encoded by itself: \N{SNOWMAN}"

    def broken(record: Any) -> bytes:
        if record.call_id == poisoned:
            raise MemoryError
        return encode(record)

    monkeypatch.setattr("streams.screening.single_answers.encode", broken)
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(1), setup(2, call_id=poisoned), setup(3)])
    world.topics.make_safe()

    assert len(world.topics.decisions()) == 2
    assert told(server, tracer) == {}


def test_a_bug_in_tracing_costs_no_call(model: Path, server: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when calls are chosen nor when spans are made."""
    for name in ("chosen", "begin"):
        tracer = make()
        monkeypatch.setattr(tracer, name, lambda *_: 1 / 0)
        world = World(model, tracer=tracer)
        world.screen([setup(1), setup(2)])
        world.topics.make_safe()
        assert (len(world.topics.decisions()), world.acknowledged) == (2, 1)
        assert told(server, tracer) == {}


def test_calls_beyond_the_bound_are_decided_and_not_traced(model: Path, server: Collector) -> None:
    """However many are chosen."""
    tracer = make()
    world = World(model, tracer=tracer)
    world.screen([setup(number) for number in range(3 * MOST_PER_S)])
    world.topics.make_safe()

    assert len(world.topics.decisions()) == 3 * MOST_PER_S
    assert MOST_PER_S <= len(told(server, tracer)) <= 2 * MOST_PER_S  # in one second, or two


@pytest.mark.usefixtures("server")
def test_a_call_that_waits_for_a_broker_does_not_keep_its_batch(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers may be away for long, and a batch has up to a megabyte of records."""
    batches: list[weakref.ref[Bytes]] = []
    world = World(model, tracer=make())
    process = world.pipeline.process

    def noted(*arguments: Any, **more: Any) -> Batch:
        batch = process(*arguments, **more)
        batches.append(weakref.ref(batch.records.data))
        return batch

    monkeypatch.setattr(world.pipeline, "process", noted)
    world.screen([setup(number) for number in range(5)])
    world.topics.records[CALL_DECISIONS].clear()
    gc.collect()

    assert world.topics.unsafe
    assert [batch() for batch in batches] == [None] * len(batches)
    assert batches
