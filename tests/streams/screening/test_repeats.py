"""Records that a producer wrote twice: counted once, and answered as they were the first time."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.decisions import Mode
from detector.features.table import INDEX
from detector.policy.lists import Lists
from detector.policy.unjudged import REPEATED
from streams.screening.lateness import Waiting
from streams.screening.pipeline import Pipeline
from streams.screening.repeats import Remembered, decode_outcome
from streams.state.repeats_memory import packed, unpacked
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import Certain, in_batches, setup, state, traffic, world

CALLS = 40
SCORES = (0.02, 0.992, 0.999)


class ByCount(Certain):
    """Scores by how often the number has called, so that a call that is counted twice is judged differently."""

    def score(self, rows: Any) -> Any:
        return np.asarray(SCORES)[rows[:, INDEX["number_attempts_24h"]].astype(np.int64) % len(SCORES)]


def with_repeats(values: list[bytes], repeats: list[tuple[int, int]]) -> list[bytes]:
    """The same with some of them once more: which, and how many places behind itself."""
    behind: dict[int, list[bytes]] = {}
    for which, later in repeats:
        behind.setdefault(min(which + later, len(values) - 1), []).append(values[which])
    return [one for place, value in enumerate(values) for one in (value, *behind.get(place, ()))]


def ids(decisions: list[bytes]) -> list[str]:
    return [json.loads(decision)["decision_id"] for decision in decisions]


@settings(max_examples=60, deadline=None)
@given(
    repeats=st.lists(st.tuples(st.integers(0, 2 * CALLS - 1), st.integers(0, 30)), max_size=30),
    size=st.sampled_from([1, 3, 7, 1_000]),
)
def test_what_is_written_twice_is_counted_once_and_answered_the_same(repeats: list[tuple[int, int]], size: int) -> None:
    """Set-ups and ends, in one batch or in another, of calls that are allowed, labelled and blocked for a while."""
    failures: list[Exception] = []
    once, twice = world(ByCount(None), failures), world(ByCount(None), failures)
    values = traffic(CALLS)

    expected = in_batches(once, values, 7)
    decisions = in_batches(twice, with_repeats(values, repeats), size)

    first: dict[str, bytes] = {}
    for identifier, decision in zip(ids(decisions), decisions, strict=True):
        assert decision == first.setdefault(identifier, decision)
    assert list(first.values()) == expected
    assert len(decisions) == CALLS + sum(which % 2 == 0 for which, _ in repeats)
    assert state(twice) == state(once)
    assert failures == []
    assert {json.loads(decision)["action"] for decision in expected} == {"allow", "label", "block"}


@pytest.mark.parametrize("at", [0, 1, 17, 40, 79])
def test_whoever_takes_a_partition_over_knows_what_came_before(at: int) -> None:
    """By a copy of then, and by catching up with what came between it and the takeover."""
    failures: list[Exception] = []
    one, other = world(ByCount(None), failures), world(ByCount(None), failures)
    values = traffic(CALLS)
    said = in_batches(one, values[:at], 5)
    copy = one.repeats.copy(0)
    other.warm_up(records_of(values[:at]))
    other.repeats.restore(0, unpacked(packed(copy)))
    said += in_batches(one, values[at:], 5)
    for value in values[at:]:
        other.catch_up(records_of([value]))

    now = in_batches(other, values, 3)

    assert [json.loads(decision)["decision_id"] for decision in now] == ids(said)
    assert now[: len(said)] == said or at in {0, 1}  # its windows were warmed up only: what it judges itself may differ
    assert failures == []


def test_a_repeat_has_its_own_id_in_its_answer_whichever_build_answered_first() -> None:
    """Ids may be made in another way than by the build whose snapshot is loaded; a 603+ has the id of its record."""
    one, other = world(Certain(0.999), []), world(Certain(0.999), [])
    first = json.loads(in_batches(one, [setup(1)], 1)[0])
    copy = one.repeats.copy(0)
    old = {place: said.replace(first["decision_id"].encode(), b"0" * 32) for place, said in copy.outcomes.items()}
    other.repeats.restore(0, unpacked(packed(replace(copy, outcomes=old))))

    again = json.loads(in_batches(other, [setup(1)], 1)[0])

    assert f"id={'0' * 32}".encode() in b"".join(old.values())
    assert again["sip"] == first["sip"]
    assert again["decision_id"] == first["decision_id"]


def test_a_repeat_of_what_was_only_counted_passes_and_says_why() -> None:
    failures: list[Exception] = []
    one = world(Certain(0.999), failures)
    one.warm_up(records_of([setup(1)]))

    again = one.process(records_of([setup(1)]), decided_time_ms=None)

    assert again.screening.outcome(0) is REPEATED
    assert again.screening.repeats == {0}
    assert one.screener.engine.number_counts("+12025550123", 10**13) is not None


def test_a_call_to_911_is_not_taken_for_another_call_of_its_id_and_instant() -> None:
    """A caller writes its call ids: what was said of one call must not be said of an emergency."""
    one = world(Certain(0.999), [])
    fields = json.loads(setup(1))
    help_wanted = json.dumps(fields | {"called_number": "911"}).encode()

    blocked, passed = (json.loads(decision) for decision in in_batches(one, [setup(1), help_wanted], 2))

    assert blocked["action"] == "block"
    assert (passed["action"], passed["decided_by"]) == ("allow", "emergency")


def test_a_repeat_says_the_mode_in_which_the_first_one_was_decided() -> None:
    failures: list[Exception] = []
    one = world(Certain(0.999), failures)
    first = in_batches(one, [setup(1)], 1)
    one.screener.policy = _with_mode(one, Mode.SHADOW)

    again, new = (json.loads(decision) for decision in in_batches(one, [setup(1), setup(2)], 2))

    assert json.loads(first[0])["mode"] == again["mode"] == "enforce"
    assert new["mode"] == "shadow"


def test_a_repeat_that_waited_too_long_passes_as_late() -> None:
    """Nobody waits for it any more, whatever was said the first time."""
    one = world(Certain(0.999), [])
    in_batches(one, [setup(1)], 1)
    records = records_of([setup(1)], arrivals_ms=[1_000])

    late = one.process(records, decided_time_ms=None, waiting=Waiting(9_000, 250, 250))

    assert json.loads(late.answers.decisions[0])["reasons"][0]["code"] == "late"


def test_until_lists_are_known_a_repeat_passes_too() -> None:
    one = world(Certain(0.999), [])
    in_batches(one, [setup(1)], 1)
    one.screener.lists = None
    passed = json.loads(in_batches(one, [setup(1)], 1)[0])
    one.screener.lists = Lists()

    assert passed["reasons"][0]["code"] == "lists_unknown"
    assert json.loads(in_batches(one, [setup(1)], 1)[0])["action"] == "block"


def test_an_end_that_comes_twice_is_told_apart_from_a_setup_that_does() -> None:
    one = world(Certain(0.02), [])
    values = traffic(2)

    batch = one.process(records_of([*values, values[1], values[1], values[2]]), decided_time_ms=None)

    assert (sorted(batch.screening.repeats), batch.ends_again) == ([2], 2)


def test_nothing_is_remembered_of_a_partition_that_went() -> None:
    one = world(Certain(0.999), [])
    in_batches(one, [setup(1)], 1)
    one.repeats.forget(0)

    assert one.repeats.copy(0).keys.tolist() == []
    assert not one.process(records_of([setup(1)]), decided_time_ms=None).screening.repeats


def test_a_copy_stays_as_it_was() -> None:
    one = world(Certain(0.999), [])
    in_batches(one, [setup(1)], 1)
    copy = one.repeats.copy(0)
    in_batches(one, [setup(2)], 1)

    assert (len(copy.keys), list(copy.outcomes)) == (1, [0])
    assert decode_outcome(copy.outcomes[0]).action == "block"
    assert Remembered.nothing().is_whole()


def _with_mode(one: Pipeline, mode: Mode) -> Any:
    return replace(one.screener.policy, mode=mode)
