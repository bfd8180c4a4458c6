"""The agent with a real pipeline and a real, small model: everything answered, nothing acknowledged too early."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from detector.columns.clocks import ClockTolerance
from detector.contract.decisions import Action, Mode
from detector.policy.standing import StandingDecision
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.topics import DEAD_LETTERS, ENTITY_DECISIONS, SCORED_CALLS
from streams.log import NumberDigest
from streams.metrics import Metric
from streams.wire.records import encode
from streams.worker.reports import entity_record
from streams.worker.slices import HOLD_S
from tests.streams.wire.dear import DEAR
from tests.streams.worker.agent_case import NOW_MS, World


@pytest.fixture(scope="module")
def events() -> list[bytes]:
    block = next(iter(generate(TrafficSpec(seed=5, hours=1.0, calls_per_second=10.0))))
    return [line.encode() for line in block.json_lines()[:500]]


def call_ids(events: Sequence[bytes]) -> list[str]:
    return [event["call_id"] for event in map(json.loads, events) if event["type"] == "call_setup"]


def test_every_setup_is_answered_and_the_poll_acknowledged_once_all_is_safe(model: Path, events: list[bytes]) -> None:
    """Not before, and once."""
    world = World(model)

    world.screen(events)

    assert sorted(decision["call_id"] for decision in world.topics.decisions()) == sorted(call_ids(events))
    assert world.acknowledged == 0
    world.topics.make_safe()
    assert world.acknowledged == 1
    assert all(decision["decided_time_ms"] == NOW_MS for decision in world.topics.decisions())


def test_an_internal_error_allows_every_call(model: Path, events: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug must never block a call: the windows break, the decisions still leave."""
    world = World(model)

    def broken(batch: object) -> None:
        raise IndexError(batch)

    monkeypatch.setattr(world.screener, "engine", type("Broken", (), {"update": staticmethod(broken)})())
    world.screen(events)
    world.topics.make_safe()

    assert len(world.topics.decisions()) == len(call_ids(events))
    assert {(d["action"], d["decided_by"]) for d in world.topics.decisions()} == {("allow", "fail_open")}
    assert world.acknowledged == 1
    assert world.failures


def test_a_record_whose_answer_cannot_be_encoded_is_set_aside_alone(
    model: Path, events: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other records of its batch are answered, the poll is acknowledged."""
    world = World(model)
    setup = json.loads(next(line for line in events if b'"call_setup"' in line))
    poisoned = "not ASCII, so encoded by itself: \N{SNOWMAN}"
    events = [*events, json.dumps(setup | {"call_id": poisoned}).encode()]

    def broken(record: Any) -> bytes:
        if record.call_id == poisoned:
            raise MemoryError
        return encode(record)

    monkeypatch.setattr("streams.screening.single_answers.encode", broken)
    world.screen(events)
    world.topics.make_safe()

    expected = set(call_ids(events)) - {poisoned}
    assert {decision["call_id"] for decision in world.topics.decisions()} == expected
    letters = [json.loads(record[1] or b"") for record in world.side.records[DEAD_LETTERS]]
    assert [(letter["code"], letter["message"]) for letter in letters] == [
        ("internal_error", "internal error: MemoryError")
    ]
    assert letters[0]["offset"] == len(events) - 1
    assert world.acknowledged == 1
    assert [type(failure) for failure in world.failures] == [MemoryError]


def test_records_that_cannot_be_used_are_dead_letters_with_their_key(model: Path, events: list[bytes]) -> None:
    """A tombstone too; where they came from is in the letter."""
    world = World(model)

    world.screen([events[0], None, b"junk", events[1]])

    letters = [(record[0], json.loads(record[1] or b"")) for record in world.side.records[DEAD_LETTERS]]
    assert [(key, letter["partition"], letter["offset"], letter["code"]) for key, letter in letters] == [
        (b"original", 1, 1, "empty"),
        (b"original", 2, 2, "invalid_json"),
    ]


def test_a_key_that_is_not_the_calling_number_is_told_once_and_without_the_number(
    model: Path, events: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The windows of such a number are split over partitions: somebody has to put the switch right."""
    world = World(model)
    monkeypatch.setattr("tests.streams.worker.agent_case._key", lambda _: b"wrong")

    with structlog.testing.capture_logs() as lines:
        world.screen(events)

    (line,) = lines
    assert line["event"].startswith("record key is not the calling number")
    assert line["calling_number_digest"] == NumberDigest("key of the test")(json.loads(events[0])["calling_number"])
    assert json.loads(events[0])["calling_number"] not in str(line)
    assert f"{Metric.KEY_MISMATCHES} {len(events)}.0" in world.metrics.exposition().decode()


def test_a_key_that_is_the_calling_number_is_not_told(model: Path, events: list[bytes]) -> None:
    """Whatever stands between: records that are refused have keys of other numbers, or none."""
    world = World(model)

    world.screen([b"junk", *events[:3], None, *events[3:], b"{}"])

    assert f"{Metric.KEY_MISMATCHES} 0.0" in world.metrics.exposition().decode()


def test_sampling_depends_on_the_call_alone_and_repeats_the_decision(model: Path, events: list[bytes]) -> None:
    """Two workers sample the same calls; none at 0, all at 1."""
    sampled = []
    for _ in range(2):
        world = World(model, sample=0.3)
        world.screen(events)
        records = [json.loads(record[1] or b"") for record in world.side.records[SCORED_CALLS]]
        decisions = {decision["call_id"]: decision for decision in world.topics.decisions()}
        for record in records:
            features, margin, group_score = (record.pop(name) for name in ("features", "margin", "group_score"))
            assert record == decisions[record["call_id"]]
            assert all(isinstance(value, float) for value in features.values())
            assert margin == group_score  # the model has no group weight
        sampled.append(sorted(record["call_id"] for record in records))
    assert sampled[0] == sampled[1]
    assert 0.15 < len(sampled[0]) / len(call_ids(events)) < 0.45

    none, every = World(model, sample=0.0), World(model, sample=1.0)
    none.screen(events)
    every.screen(events)
    assert SCORED_CALLS not in none.side.records
    assert len(every.side.records[SCORED_CALLS]) == len(call_ids(events))


def test_standing_decisions_are_published_and_kept(model: Path, events: list[bytes]) -> None:
    """Keyed by their entity."""
    world = World(model)
    change = StandingDecision(
        "number:+12025550123", Action.BLOCK, "automated_call", NOW_MS, NOW_MS + 1, "model", decision_id="d" * 32
    )
    world.screener.standing.set(change, publish=True)

    world.screen(events[:10])

    (record,) = world.side.records[ENTITY_DECISIONS]
    assert record[0] == b"number:+12025550123"
    published = json.loads(record[1] or b"")
    assert (published["expires_ms"], published["decision_id"]) == (NOW_MS + 1, "d" * 32)
    assert "number:+12025550123" in world.keeper.kept


def test_a_standing_label_carries_the_text_of_its_category(model: Path) -> None:
    """And a standing block none. Where the policy does not know the category, it is that of the last one."""
    policy = World(model).screener.policy
    name, text, whole = "automated_call", "Maybe automated", "Possible automated call"
    label = StandingDecision("trunk:t1", Action.LABEL, name, NOW_MS, NOW_MS + 1, "analyst", Mode.ENFORCE)
    shown = {"text": text, "category": name, "long_text": whole}
    block = StandingDecision("trunk:t1", Action.BLOCK, name, NOW_MS, NOW_MS + 1, "analyst", Mode.ENFORCE)

    assert json.loads(encode(entity_record(label, policy)))["label"] == shown
    assert (
        json.loads(encode(entity_record(replace(label, category="a_category_that_is_gone"), policy)))["label"] == shown
    )
    assert json.loads(encode(entity_record(block, policy)))["label"] is None


@pytest.mark.parametrize(("waited_ms", "code", "threshold"), [(2_001, "late", 2_000), (501, "overload", 500)])
def test_calls_that_waited_too_long_pass_unjudged_and_count(
    model: Path, events: list[bytes], waited_ms: int, code: str, threshold: int
) -> None:
    """The deadline is 2 s, the limit of waiting 500 ms. Nothing of it is an internal error."""
    world, prompt = World(model), World(model)

    world.screen(events, lambda _: waited_ms)
    prompt.screen(events)

    decisions = world.topics.decisions()
    assert sorted(decision["call_id"] for decision in decisions) == sorted(call_ids(events))
    assert {(d["action"], d["decided_by"], d["score"]) for d in decisions} == {("allow", "fail_open", None)}
    (reason,) = {tuple(reason.items()) for decision in decisions for reason in decision["reasons"]}
    assert dict(reason) | {"text": ""} == {"code": code, "text": "", "value": waited_ms, "threshold": threshold}
    assert world.figure(f'{Metric.PASSED_UNSCORED}{{reason="{code}"}}') == len(decisions)
    assert world.figure(Metric.FAIL_OPEN) == 0
    for line in events:
        event = json.loads(line)
        number, at_ms = event["calling_number"], event["setup_time_ms"]
        for partition in range(3):
            counted, expected = (
                one.screener.engine.number_counts(number, at_ms, partition=partition) for one in (world, prompt)
            )
            assert counted == expected


def test_only_those_that_waited_pass_and_none_of_them_is_a_scored_call(model: Path, events: list[bytes]) -> None:
    """Every other record of the batches waited 600 ms."""
    world = World(model, sample=1.0)

    world.screen(events, lambda index: 600 * (index % 2))

    waited = set(call_ids(events[1::2]))
    passed = {d["call_id"] for d in world.topics.decisions() if d["decided_by"] == "fail_open"}
    scored = {json.loads(record[1] or b"")["call_id"] for record in world.side.records[SCORED_CALLS]}
    assert passed == waited
    assert scored == set(call_ids(events)) - waited


def test_positions_follow_each_batch_before_anything_of_it_is_published(model: Path, events: list[bytes]) -> None:
    """Partitions take turns in the first slice, which has 64 records."""
    world = World(model, max_batch_events=256)

    world.screen(events)

    assert {partition: max(o for p, o in world.positions if p == partition) for partition in range(3)} == {
        partition: max(range(partition, len(events), 3)) + 1 for partition in range(3)
    }
    # What comes next: the records of the other partitions are holes here.
    assert world.positions[:3] == [(0, 63), (1, 64), (2, 68)]
    assert world.published_at[:3] == [0, 0, 0]
    for partition in range(3):
        assert [p for p in world.positions if p[0] == partition] == sorted(
            p for p in world.positions if p[0] == partition
        )


def test_formatted_numbers_are_decided_in_their_normal_form_and_counted(model: Path, events: list[bytes]) -> None:
    """Nothing is a dead letter; the answer has the number that windows and lists know."""
    world = World(model)
    plain = json.loads(next(line for line in events if b'"call_setup"' in line))
    number = plain["calling_number"]

    world.screen([encode(plain | {"calling_number": f"tel:{number[:2]}-{number[2:]}", "call_id": "c" * 200})])

    (decision,) = world.topics.decisions()
    assert (decision["calling_number"], decision["decided_by"]) == (number, "allow")
    assert f'{Metric.REPAIRED}{{repair="number_normalised"}} 1.0' in world.metrics.exposition().decode()
    assert f'{Metric.REPAIRED}{{repair="call_id_hashed"}} 1.0' in world.metrics.exposition().decode()


def test_wrong_clocks_are_counted_and_their_calls_decided(model: Path, events: list[bytes]) -> None:
    """The traffic is of another year than its arrival, but for one event."""
    world = World(model, clock=ClockTolerance(ahead_ms=60_000, behind_ms=1_800_000))
    right = json.loads(next(line for line in events if b'"call_setup"' in line)) | {"setup_time_ms": NOW_MS - 5}

    world.screen([*events, encode(right)])

    assert world.figure(Metric.CLOCK_SKEW) == len(events)
    sent = {event["call_id"]: event["setup_time_ms"] for event in map(json.loads, events) if "end_time_ms" not in event}
    answered = {decision["call_id"]: decision["setup_time_ms"] for decision in world.topics.decisions()}
    assert answered == sent | {right["call_id"]: NOW_MS - 5}
    assert world.figure(Metric.FAIL_OPEN) == 0


@pytest.mark.parametrize("kind", DEAR)
def test_calls_that_are_dear_to_read_give_the_loop_back(model: Path, kind: str) -> None:
    """A whole poll of them: heartbeats wait for no more than a few slices' worth of CPU, whatever the calls hold."""
    world = World(model, max_batch_events=1_024)
    world.screen([DEAR[kind](0)])  # compiles

    world.longest_hold_s = 0.0
    world.screen([DEAR[kind](number) for number in range(1, 1_025)])

    assert len(world.topics.decisions()) == 1_025
    assert world.longest_hold_s < 10 * HOLD_S
