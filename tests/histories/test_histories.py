"""Seeded schedules over a broker port: whatever happens between any two steps of a worker, the promises hold.

Polled, produced, snapshot written, committed, revoked, killed, frozen: a schedule has them in any order, for up to
three workers and two partitions. `tests.histories.world` judges at every instant and in the end: every acknowledged
set-up is decided, under one id, and repeats say the same; what is committed is decided, and never goes back; a snapshot
becomes visible at or below what was committed in the generation of its owner, or what the group told it at its
beginning, and holds what was counted by then; in the end windows equal a replay. `python -m tests.histories` plays on.
"""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.histories.model_broker import Broken
from tests.histories.mutants import MUTANTS
from tests.histories.rigs import SEEDS, Counting, Windows
from tests.histories.world import ACTS, FIRST, SLOTS, Act, Mutation, World, play, schedule, shrunk

WITH_COUNTS, WITH_WINDOWS, FOR_A_MUTANT = 3_000, 100, 200
"""Schedules."""
ALL_LEAVE = 107_750
"""At the end of this one three workers live and all are on their way out: the judge found no place for another."""
BEGINS_LATE = 1_133_180
"""A worker begins when others have its partitions and have committed, and shows a snapshot of where it began."""


def test_no_schedule_breaks_a_promise(tmp_path: Path) -> None:
    """Windows that are a list of what was counted, so that there is time for many."""
    rig = Counting()
    for seed in (ALL_LEAVE, BEGINS_LATE, *range(WITH_COUNTS)):
        play(schedule(seed), rig, seed % len(SEEDS), root=tmp_path)


def test_none_does_with_real_windows_and_the_policy(tmp_path: Path) -> None:
    rig = Windows()
    for seed in range(WITH_COUNTS, WITH_COUNTS + WITH_WINDOWS):
        play(schedule(seed), rig, seed % len(SEEDS), root=tmp_path)


@pytest.mark.parametrize("mutation", MUTANTS, ids=lambda one: one.__name__)
def test_a_worker_that_is_wrong_is_found(mutation: Mutation, tmp_path: Path) -> None:
    assert any(breaks(schedule(seed), seed, mutation, tmp_path) for seed in range(FOR_A_MUTANT))


def test_what_is_left_of_a_schedule_that_fails_is_short(tmp_path: Path) -> None:
    """And fails as the whole does."""
    acts, seed, mutation = schedule(0), 0, MUTANTS[0]
    left = shrunk(acts, lambda some: breaks(some, seed, mutation, tmp_path))
    assert breaks(left, seed, mutation, tmp_path)
    assert len(left) < len(acts) / 2


def breaks(acts: list[Act], seed: int, mutation: Mutation, folder: Path) -> bool:
    try:
        play(acts, Counting(), seed % len(SEEDS), root=folder, mutate=mutation)
    except Broken:
        return True
    return False


class Histories(RuleBasedStateMachine):
    """The same acts, chosen and shrunk by Hypothesis."""

    @initialize(log=st.integers(0, len(SEEDS) - 1))
    def begin(self, log: int) -> None:
        self.world = World(Counting(), log)
        for act in FIRST:
            self.world.do(act)

    @rule(name=st.sampled_from(sorted(ACTS)), slot=st.integers(0, SLOTS - 1), number=st.integers(0, (1 << 16) - 1))
    def act(self, name: str, slot: int, number: int) -> None:
        self.world.do(Act(name, slot, number))

    def teardown(self) -> None:
        try:
            self.world.finish()
        finally:
            self.world.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=100, stateful_step_count=40)
