"""Figures by the second and the latest decisions, worked out by hand."""

from collections import Counter
from typing import Any

from streams.console.live import ROWS, SECONDS, LiveMemory
from streams.console.subjects import Kind, Subject
from tests.streams.console.console_case import CALLER, decided
from tests.streams.manual_seconds import ManualSeconds


def memory_of(*values: bytes, clock: ManualSeconds, kept: int = 100) -> LiveMemory:
    made = LiveMemory(kept, clock)
    for value in values:
        made.take(None, value)
    return made


def tried(number: int, would_be: str, **more: Any) -> bytes:
    return decided(number, "allow", mode="shadow", would_be=would_be, **more)


def test_what_is_done_and_what_is_only_tried_are_counted_apart() -> None:
    """Ten whole seconds, and the one that runs does not count."""
    clock = ManualSeconds()
    values = [
        decided(0),
        decided(1, "block"),
        decided(2, "label"),
        tried(3, "block"),
        tried(4, "label"),
        tried(5, "allow"),
    ]
    memory = memory_of(*values, decided(6, decided_by="fail_open"), clock=clock)

    assert set(memory.rates().values()) == {0.0}
    clock.advance(1)
    assert memory.rates() == {
        "allow": 0.5, "label": 0.1, "block": 0.1, "tried_label": 0.1, "tried_block": 0.1, "failed_open": 0.1,
    }  # fmt: skip
    clock.advance(10)
    assert set(memory.rates().values()) == {0.0}


def test_latency_is_the_upper_end_of_a_class() -> None:
    """98 calls took 1 ms and two took 100 ms, which lies below 1.2^26 = 114.5 ms."""
    clock = ManualSeconds()
    values = [decided(n, setup_time_ms=0, decided_time_ms=1) for n in range(98)]
    values += [decided(98 + n, setup_time_ms=0, decided_time_ms=100) for n in range(2)]
    memory = memory_of(*values, clock=clock)

    assert memory.latency() == (1.0, 114.5, 0)
    clock.advance(61)
    assert memory.latency() == (None, None, 0)


def test_latencies_out_of_all_classes_are_taken() -> None:
    """Clocks of two machines, and a call that waited for a day: it says nothing of how long the others took."""
    values = [decided(0, setup_time_ms=10, decided_time_ms=0), decided(1, setup_time_ms=0, decided_time_ms=86_400_000)]
    clock = ManualSeconds()

    assert memory_of(values[0], clock=clock).latency() == (1.0, 1.0, 0)
    assert memory_of(values[1], clock=clock).latency() == (None, None, 1)
    assert memory_of(*values, values[1], clock=clock).latency() == (1.0, 1.0, 2)


def test_the_plot_has_each_second_once_and_none_that_runs() -> None:
    """A second in which nothing came is 0."""
    clock = ManualSeconds()
    memory = memory_of(decided(0), clock=clock)
    clock.advance(2)
    memory.take(None, decided(1, "block"))
    clock.advance(1)

    series = memory.series()

    assert series["at_s"] == list(range(1_003 - SECONDS, 1_003))
    assert series["allow"][-3:] == [1, 0, 0]
    assert series["block"][-3:] == [0, 0, 1]
    assert {len(series[row]) for row in ROWS} == {SECONDS}


def test_suspect_calls_outlive_plain_ones() -> None:
    """Memory is bounded by count, and a flood of allowed calls does not push the blocked one out."""
    memory = memory_of(
        decided(0, "block"), tried(1, "label"), *(decided(n) for n in range(2, 50)), clock=ManualSeconds(), kept=10
    )

    assert [one.decision_id for one in memory.suspects(5)] == [f"{1:032x}", f"{0:032x}"]
    assert len(memory.about(Subject(Kind.NUMBER, CALLER), 1_000)) == 12
    assert len(memory.about(Subject(Kind.NUMBER, CALLER), 3)) == 3


def test_a_subject_is_found_by_its_own_field_and_each_decision_once() -> None:
    """A repeat after a crash of a worker is the same decision."""
    memory = memory_of(
        decided(0, "block"), decided(0, "block"), decided(1, trunk_group_id="other"), clock=ManualSeconds()
    )

    assert [one.call_id for one in memory.about(Subject(Kind.TRUNK, "tg-chi"), 9)] == ["call-0@switch"]
    assert [one.call_id for one in memory.about(Subject(Kind.CALL, "call-1@switch"), 9)] == ["call-1@switch"]
    assert [one.call_id for one in memory.about(Subject(Kind.DECISION, f"{1:032x}"), 9)] == ["call-1@switch"]
    assert memory.about(Subject(Kind.NUMBER, "+19"), 9) == []


def test_versions_of_the_kept_decisions_are_counted_as_they_come_and_go() -> None:
    """Held against counting all of them; a version that nobody has any more takes no memory."""
    versions = ["p1-a", "p1-a", "p1-b", "p1-b", "p1-b", "p1-c", "p1-b"]
    memory = LiveMemory(3, ManualSeconds())
    seen = []

    for number, version in enumerate(versions):
        memory.take(None, decided(number, policy_version=version, model_version="gbt-1"))
        latest = Counter(versions[max(0, number - 2) : number + 1])
        seen.append(sorted((policy, calls) for policy, _, _, calls in memory.versions()))
        assert seen[-1] == sorted(latest.items())

    assert memory.versions() == [("p1-b", "gbt-1", "enforce", 2), ("p1-c", "gbt-1", "enforce", 1)]


def test_what_is_no_decision_is_counted() -> None:
    """Somebody wrote to the topic."""
    assert memory_of(b"junk", b"", b"{}", clock=ManualSeconds()).unreadable == 3
