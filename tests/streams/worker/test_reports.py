"""What is told of answers beside their topic; one that leaves too late is an allow, and its block counts nowhere."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from detector.contract.decisions import Mode
from detector.policy.lists import Lists
from detector.policy.settings import Policy, StandingBlocks
from detector.testing import BY_ORDER, FixedScore
from streams.kafka.publishing.records import Perishable
from streams.kafka.topics import CALL_DECISIONS, ENTITY_DECISIONS, SCORED_CALLS
from streams.metrics import Metric
from streams.wire.records import encode
from tests.streams.worker.agent_case import NOW_MS, World

CALLER = "+12025550177"
AFTER_BLOCKS = 3
DECISIONS = "robocall_decisions_total"


@pytest.fixture
def world(model: Path) -> Iterator[World]:
    """Every call is sampled."""
    made = World(model, sample=1.0)
    yield made
    assert not made.failures


def calls(number: int, trunk: str = "t1") -> list[bytes]:
    """Calls of one caller, a second apart, each by another id."""
    return [
        encode(
            {
                "type": "call_setup",
                "call_id": f"{trunk}-{index}",
                "setup_time_ms": NOW_MS + index * 1_000,
                "calling_number": CALLER,
                "called_number": "+13125550142",
                "trunk_group_id": trunk,
            }
        )
        for index in range(number)
    ]


def block_all(world: World) -> None:
    """The model blocks every call; three blocks of a caller block it for an hour."""
    policy = Policy(
        mode=Mode.ENFORCE,
        budgets=BY_ORDER,
        minimum_samples=(),
        standing_blocks=StandingBlocks(AFTER_BLOCKS, 600, 3_600),
    )
    world.screener.policy = replace(policy, redress=world.screener.policy.redress)
    world.screener.classifier = FixedScore(0.9999)


def counted(world: World, action: str, step: str) -> float:
    try:
        return world.figure(f'{DECISIONS}{{action="{action}",decided_by="{step}",mode="enforce",would_be=""}}')
    except StopIteration:
        return 0.0


def test_nothing_is_said_of_a_block_before_it_is_known_to_have_left_in_time(world: World) -> None:
    """Then everything is: counters, scored calls, look-ups; and after it the poll is acknowledged."""
    world.screener.lists = Lists(block=frozenset(["t1"]))

    world.screen(calls(5))
    assert (counted(world, "block", "entity_block"), world.keeper.kept) == (0, [])
    assert SCORED_CALLS not in world.side.records

    world.topics.make_safe()
    assert counted(world, "block", "entity_block") == 5
    assert len(world.keeper.latest) == len(world.side.records[SCORED_CALLS]) == 5
    assert world.acknowledged == 1


def test_a_block_that_left_too_late_counts_as_an_allow_everywhere(world: World) -> None:
    """Of five one left in time; look-ups and scored calls say what the switch was told."""
    world.screener.lists = Lists(block=frozenset(["t1"]))
    world.screen(calls(5))
    world.now_ms = NOW_MS + 2_400

    in_time = world.topics.records[CALL_DECISIONS].pop(0)
    world.topics.make_late()
    world.topics.records[CALL_DECISIONS].append(in_time)
    world.topics.make_safe()

    assert counted(world, "block", "entity_block") == 1
    assert counted(world, "allow", "fail_open") == 4
    assert world.figure(f'{Metric.PASSED_UNSCORED}{{reason="late"}}') == 4
    assert world.figure(Metric.FAIL_OPEN) == 0
    told = {one["decision_id"]: one["action"] for one in world.topics.decisions()}
    assert sorted(told.values()) == ["allow"] * 4 + ["block"]
    assert {name: json.loads(value)["action"] for name, value in world.keeper.latest.items()} == told
    scored = [json.loads(record[1] or b"") for record in world.side.records[SCORED_CALLS]]
    assert {one["decision_id"]: one["action"] for one in scored} == told


def test_scored_calls_have_margin_and_group_score_where_the_model_was_asked(world: World) -> None:
    """A list decides the others."""
    world.screener.classifier = FixedScore(0.25)
    world.screen(calls(2, "t2"))
    world.topics.make_safe()
    world.screener.lists = Lists(block=frozenset(["t1"]))
    world.screen(calls(2))
    world.topics.make_safe()

    scored = [json.loads(record[1] or b"") for record in world.side.records[SCORED_CALLS]]
    found = [(one["score"], one["margin"], one["group_score"]) for one in scored]
    assert found == [(0.25, 0.25, 0.25)] * 2 + [(None, None, None)] * 2


def test_late_blocks_of_the_model_leave_nothing_behind(world: World) -> None:
    """Not in the hysteresis, not in the count of blocks, and no standing decision: here, in the topic, in Redis."""
    block_all(world)
    world.screen(calls(AFTER_BLOCKS + 2))
    assert len(world.screener.standing) == 1

    world.now_ms = NOW_MS + 2_400
    world.topics.make_late()
    world.topics.make_safe()

    assert (len(world.screener.standing), len(world.screener.standing.held)) == (0, 0)
    assert ENTITY_DECISIONS not in world.side.records
    assert world.keeper.standing == {}
    assert (counted(world, "block", "model"), counted(world, "block", "entity_block")) == (0, 0)


def test_a_standing_decision_is_published_once_its_blocks_are_known_to_have_left_in_time(world: World) -> None:
    """Others that were in force before stay whatever becomes late."""
    block_all(world)
    world.screen(calls(AFTER_BLOCKS))
    assert ENTITY_DECISIONS not in world.side.records
    world.topics.make_safe()
    assert len(world.side.records[ENTITY_DECISIONS]) == 1

    world.screen(calls(AFTER_BLOCKS, "t2"))
    world.now_ms = NOW_MS + 2_400
    world.topics.make_late()
    world.topics.make_safe()

    (standing,) = world.screener.standing
    assert standing.trunk_group_ids == ("t1",)
    assert len(world.side.records[ENTITY_DECISIONS]) == 1


def test_a_block_can_turn_into_an_allow_once_it_is_late(world: World) -> None:
    """The same decision with the same id, and nothing of it where the answer cannot become late."""
    world.screener.lists = Lists(block=frozenset(["t1"]))
    world.screen([*calls(1), *calls(1, "t2")])

    record, allowed = sorted(world.topics.records[CALL_DECISIONS], key=lambda one: isinstance(one, Perishable))[::-1]
    assert isinstance(record, Perishable)
    world.now_ms = NOW_MS + 2_400
    in_its_place = record.late()
    in_time, late = json.loads(record.value), json.loads(in_its_place)

    assert record.expires_ms == NOW_MS - 2 + 2_000
    assert (in_time["action"], in_time["sip"]["status"]) == ("block", 603)
    changed = {name: value for name, value in late.items() if in_time[name] != value}
    text = changed["reasons"][0].pop("text")
    assert changed == {
        "action": "allow",
        "decided_by": "fail_open",
        "reasons": [{"code": "late", "value": 2_402, "threshold": 2_000}],
        "sip": None,
        "decided_time_ms": NOW_MS + 2_400,
    }
    assert "2402 ms" in text
    assert json.loads(allowed[1] or b"")["action"] == "allow"
    assert not isinstance(allowed, Perishable)
