"""Snapshots and catch-up on a real Kafka and a real folder: the next owner knows all, exactly once.

Offsets of one partition run to the right. S = offset of a snapshot, C = committed, P = counted by the owner.

Crash: the next owner loads S and counts S..C again without publishing; C.. is decided as usual.

    log         0 ------------------ S -------------- C --------- P -------- end
    old owner   decided, published ...................................x crash (C..P published, will be repeated)
    new owner                        |-- catch up --->|-- decide and publish -------->

Hand-over: everything is answered and committed first, so S = C = P and nothing is caught up with.

    old owner   decided ............................. S=C=P
    new owner                                         |-- decide and publish -------->

A snapshot becomes visible only once C has passed it. A zombie's commits are refused, so C never passes its S.

    zombie      decided ........ C ........... S      S stays invisible, and is removed with the next generation

State in memory is kept where P = C, caught up where P < C, and dropped where P > C: C..P will come again.

    P < C       |-- in memory --P|-- catch up --C|
    P > C       |-- in memory ----------C-----P|      dropped: load S <= C, catch up S..C

Without a usable snapshot the recent past is counted and not judged: W = the latest of `warm_up_s` and `warm_up_events`.

    new owner            W|-- warm up --------------->C|-- decide and publish -------->
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from detector.contract.decisions import Action
from detector.policy.held import Held
from streams.settings import Settings
from streams.state.durability import Durability
from streams.state.policy_memory import MAX_BLOCKS
from streams.state.snapshot_store import SnapshotStore
from tests.detector.windows.rows_of_engine import differences
from tests.streams.state.durability_case import IDENTITY, PARTITIONS, Group, Member, Play, half_way, home
from tests.waiting import until

pytestmark = pytest.mark.kafka


def test_a_new_owner_counts_as_if_it_had_been_there_from_the_beginning(play: Play, tmp_path: Path) -> None:
    """Snapshot while deciding goes on, then records beyond it that are committed: all of it, each once."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        first = Member(settings, tmp_path / "snapshots", group)
        await half_way(first, log)
        taking = asyncio.create_task(first.snapshots.take())
        await asyncio.sleep(0)
        for partition, rows in log.items():
            half, later = len(rows) // 2, len(rows) * 3 // 4
            for start in range(half, later, 50):
                first.decide(rows[start : min(start + 50, later)])
                await asyncio.sleep(0.001)
            group.committed[partition] = later
        await taking
        assert first.snapshots.taken.published == PARTITIONS, "two snapshots were published"

        second = Member(settings, tmp_path / "snapshots", group)
        await second.assign(0, 1)

        for partition in log:
            assert second.state.positions[partition] == group.committed[partition]
            assert len(first.rows(partition)) > 1_000
            assert differences(first.rows(partition), second.rows(partition)) == []
            assert first.memory(partition) == second.memory(partition)
        assert any(first.memory(partition).held for partition in log), "the story needs numbers that are held"
        assert not first.failures
        assert not second.failures

    play(story)


def test_a_hand_over_leaves_nothing_to_catch_up_with(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        first = Member(settings, tmp_path / "snapshots", group)
        await half_way(first, log)
        await first.snapshots.hand_over()
        entries = SnapshotStore(str(tmp_path / "snapshots")).candidates(IDENTITY, 0, group.committed[0])
        assert [entry.offset for entry in entries] == [group.committed[0]]

        second = Member(settings, tmp_path / "snapshots", group)
        await second.assign(0)
        assert differences(first.rows(0), second.rows(0)) == []
        assert second.rows(1) == {}

    play(story)


def test_a_partition_whose_memory_cannot_be_written_costs_the_others_no_snapshot(play: Play, tmp_path: Path) -> None:
    """It is said and counted, and the snapshot of before stays."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        await half_way(member, log)
        number = next(number for n in range(100) if home(number := f"+1202555{n:04d}") == 0)
        held = Held(Action.BLOCK, 1 << 60, tuple(range(MAX_BLOCKS + 1)))
        member.pipeline.screener.standing.held.put(number, held)

        with capture_logs() as said:
            await member.snapshots.take()

        store = SnapshotStore(str(tmp_path / "snapshots"))
        assert [len(store.candidates(IDENTITY, p, 1 << 60)) for p in log] == [0, 1]
        assert (member.snapshots.taken.published, member.snapshots.taken.failures) == (1, 1)
        assert ["policy memory is not written" in line.get("cause", "") for line in said] == [True]

    play(story)


def test_nothing_is_published_that_the_group_has_not_committed(play: Play, tmp_path: Path) -> None:
    """A zombie decides on, but its commits are refused; when it learns of the next generation it lets go."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        zombie = Member(settings, tmp_path / "snapshots", group)
        await half_way(zombie, log)
        group.committed = dict.fromkeys(log, 10)
        taking = asyncio.create_task(zombie.snapshots.take())
        await until(lambda: taking.done() or group.asked > 2)  # it looks again and again
        assert not taking.done(), "it waits for the commit"
        group.generation += 1
        await taking
        await zombie.snapshots.hand_over()

        assert zombie.snapshots.taken.published == 0
        store = SnapshotStore(str(tmp_path / "snapshots"))
        assert [store.candidates(IDENTITY, p, 1 << 60) for p in log] == [[], []]
        assert list((tmp_path / "spool").iterdir()) == []

    play(story)


def test_state_ahead_of_the_group_is_dropped_and_state_behind_it_catches_up(play: Play, tmp_path: Path) -> None:
    """What was counted beyond the commit will come again: keeping it would count it twice."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        member = Member(settings, tmp_path / "snapshots", group)
        await half_way(member, log)
        await member.snapshots.hand_over()
        reference = {p: member.rows(p) for p in log}
        member.decide(log[0][group.committed[0] : group.committed[0] + 200])
        await member.recovery.halt()
        later = group.committed[1] + 300
        group.committed[1] = later

        await member.assign(0, 1)

        assert differences(member.rows(0), reference[0]) == []
        other = Member(settings, tmp_path / "none", group)
        other.recovery.ready.update(log)
        other.decide(log[1][:later])
        assert differences(member.rows(1), other.rows(1)) == []

    play(story)


def test_without_a_snapshot_the_recent_past_is_counted_and_said(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        group.committed = {p: len(rows) for p, rows in log.items()}
        few = settings.model_copy(update={"warm_up_events": 700})
        member = Member(few, tmp_path / "snapshots", group)
        await member.assign(0, 1)

        assert member.recovery.warm_starts == PARTITIONS
        reference = Member(settings, tmp_path / "none", Group())
        rows = log[0][-700:]
        reference.decide(rows)
        assert differences(member.rows(0), reference.rows(0)) == []

    play(story)


def test_a_hand_over_while_a_snapshot_waits_for_its_commit_hands_all_over(play: Play, tmp_path: Path) -> None:
    """The quiet partition has the same offset in both."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        member = Member(settings, tmp_path / "snapshots", group)
        await half_way(member, log)
        committed, group.committed = group.committed, {}
        taking = asyncio.create_task(member.snapshots.take())
        await until(lambda: taking.done() or group.asked > 2)  # it looks again and again
        assert not taking.done()
        group.committed = committed
        await member.snapshots.hand_over()
        store = SnapshotStore(str(tmp_path / "snapshots"))
        assert all(store.candidates(IDENTITY, p, 1 << 60)[0].offset == committed[p] for p in log)
        assert member.snapshots.taken.failures == 0
        await taking

    play(story)


def test_a_partition_is_not_called_well_before_it_is_known_where_it_stands(play: Play, tmp_path: Path) -> None:
    """Between the assignment and the look at the committed offsets nothing is restored yet."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        durability = Durability(member.state, member.recovery, member.snapshots)
        await durability.take_over(log)
        assert dict(durability.unready) == dict.fromkeys(log, "restoring")
        await member.assign(*log)
        assert dict(durability.unready) == {}

    play(story)
