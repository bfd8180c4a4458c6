"""Restoring partitions one by one, from logs that changed, and from logs that cannot be read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from streams.kafka.fetched import Rows
from streams.kafka.locating import Change, Place
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import CALL_EVENTS
from streams.settings import Settings
from streams.state.recovery import Recovery
from streams.state.snapshot_store import SnapshotStore
from tests.detector.windows.rows_of_engine import differences
from tests.streams.state.durability_case import IDENTITY, TOPIC_ID, Group, Member, Play, fail, half_way
from tests.waiting import until

pytestmark = pytest.mark.kafka

ONE, OTHER = TP(CALL_EVENTS, 0), TP(CALL_EVENTS, 1)


class Stubborn(LogReader):
    """Reads no partition but one."""

    readable = 1

    def read(self, partition: int, start: int, stop: int) -> Any:
        if partition == self.readable:
            return super().read(partition, start, stop)
        raise KafkaTimeoutError


#  partition 0   x   x   x   x  |======>      x: cannot be read, asked for again; =: counted from the log
#  partition 1   =======>       |
#  ready                 {1}    |      {0, 1}
def test_a_partition_that_cannot_be_read_keeps_no_other_waiting(play: Play, tmp_path: Path) -> None:
    """It is asked for again until it can be."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        member.recovery._reader = lambda: Stubborn(settings, CALL_EVENTS, fail)
        ends = {tp: Place(len(log[tp.partition]), TOPIC_ID) for tp in (ONE, OTHER)}
        member.recovery.expect([0, 1])
        await member.recovery.begin(ends)
        await until(lambda: member.recovery.ready == {1})
        assert member.recovery.unready == {0: "warming"}
        member.recovery._reader = lambda: LogReader(settings, CALL_EVENTS, fail)
        Stubborn.readable = 0
        await until(lambda: member.recovery.ready == {0, 1})
        assert member.recovery.unready == {}
        await member.recovery.halt()

    play(story)


class Watched(LogReader):
    """Tells what is ready whenever partition 0 is read, and brings its records one by one."""

    recovery: ClassVar[Recovery]
    seen: ClassVar[list[set[int]]]

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Rows]:
        if partition == 0:
            Watched.seen.append(set(Watched.recovery.ready))
        async for rows in super().read(partition, start, stop):
            if partition:
                yield rows
            else:
                for first in range(len(rows)):
                    yield rows[first : first + 1]


@pytest.mark.parametrize("doing", ["warming", "restoring"])
def test_a_partition_with_much_to_count_holds_up_no_other(play: Play, tmp_path: Path, doing: str) -> None:
    """It has its turns, and all of its records are counted, in either way, as without them."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        members = [Member(settings, tmp_path / name, Group()) for name in ("in turns", "alone")]
        if doing == "restoring":
            for one in members:
                await one.assign(0, 1)  # nothing is committed: both begin with nothing
                await one.recovery.halt()
        member, other = members
        recovery = member.recovery
        recovery._limits = replace(recovery._limits, turn_s=0.0)
        Watched.recovery, Watched.seen = recovery, []
        recovery._reader = lambda: Watched(settings, CALL_EVENTS, fail)
        recovery.expect([0, 1])
        await recovery.begin({ONE: Place(40, TOPIC_ID), OTHER: Place(len(log[1]), TOPIC_ID)})
        await until(lambda: recovery.ready == {0, 1})
        await recovery.halt()

        assert {1} in Watched.seen
        assert member.state.positions == {0: 40, 1: len(log[1])}
        assert recovery.warm_starts == (2 if doing == "warming" else 0)
        await other.recovery.begin({ONE: Place(40, TOPIC_ID)})
        await until(lambda: other.recovery.ready == {0})
        await other.recovery.halt()
        assert not differences(member.rows(0), other.rows(0))

    play(story)


#  partition 0   located, new   ready
#  partition 1   restoring             located ======>  ready
def test_partitions_may_be_located_one_after_the_other(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        member.recovery.expect([0, 1])
        await member.recovery.begin({ONE: Place(0, TOPIC_ID, is_new=True)})
        await until(lambda: member.recovery.ready == {0})
        assert member.recovery.unready == {1: "restoring"}
        await member.recovery.begin({OTHER: Place(len(log[1]), TOPIC_ID)})
        await until(lambda: member.recovery.ready == {0, 1})
        await member.recovery.halt()

    play(story)


#                         hand over
#  topic, 0  |------------|S          made again: |         offsets begin at 0, nothing of the old one counts
#  topic, 1  |------------|S======>                         goes on as it was
def test_a_topic_that_was_made_again_starts_empty_and_has_snapshots_of_its_own(play: Play, tmp_path: Path) -> None:
    """Its calls may be those of the old one once more; the other partitions' state is left alone."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        await half_way(member, log)
        await member.snapshots.hand_over()
        await member.recovery.begin({ONE: Place(0, "another", Change.MADE_AGAIN)})
        assert not member.recovery.is_ready(ONE)
        await until(lambda: member.recovery.ready == {0, 1})
        assert member.rows(0) == {}
        assert member.state.positions[0] == 0
        assert len(member.rows(1)) > 100
        assert member.recovery.identity == f"{CALL_EVENTS}.another"
        member.decide(log[0][:200])
        member.group.committed[0] = 200
        await member.snapshots.take()
        store = SnapshotStore(str(tmp_path / "snapshots"))
        assert [entry.offset for entry in store.candidates(f"{CALL_EVENTS}.another", 0, 1 << 60)] == [200]

    play(story)


#  offset        0          half       cut       further
#  log before    |-----------|----------|----------|
#  snapshots                 S1                    S2
#  log now       |-----------|----------|                   other records will have the offsets from `cut` on
#  restored                  S1========>|                   S2 deleted, S1 loaded, what follows it counted
def test_a_log_that_was_cut_is_counted_as_far_as_it_was_kept(play: Play, tmp_path: Path) -> None:
    """Snapshots beyond are deleted: other records will have their offsets. The one before is loaded and caught up."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        member = Member(settings, tmp_path / "snapshots", group)
        await half_way(member, log)
        await member.snapshots.hand_over()
        half, further, cut = group.committed[0], group.committed[0] + 400, group.committed[0] + 250
        member.decide(log[0][half:further])
        group.committed[0] = further
        await member.snapshots.take()
        store = SnapshotStore(str(tmp_path / "snapshots"))
        assert [entry.offset for entry in store.candidates(IDENTITY, 0, 1 << 60)] == [further, half]

        await member.recovery.begin({ONE: Place(cut, TOPIC_ID, Change.CUT)})
        await until(lambda: member.recovery.ready == {0, 1})

        assert [entry.offset for entry in store.candidates(IDENTITY, 0, 1 << 60)] == [half]
        assert member.state.positions[0] == cut
        reference = Member(settings, tmp_path / "none", Group())
        reference.decide(log[0][:cut])
        assert differences(member.rows(0), reference.rows(0)) == []

    play(story)


#  counted       |-----------|  . . . 7 lost . . . |        the log begins behind what was counted
#  restored      |-----------|                     |=>      nothing is taken back, reading goes on at its beginning
def test_records_that_expired_leave_what_was_counted(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "snapshots", Group())
        await half_way(member, log)
        before, beyond = member.rows(0), len(log[0])
        await member.recovery.begin({ONE: Place(beyond, TOPIC_ID, Change.EXPIRED, lost=7)})
        await until(lambda: member.recovery.ready == {0, 1})
        assert member.state.positions[0] == beyond
        assert len(member.rows(0)) >= len(before) > 100

    play(story)


#  snapshot      taken at half .... waits for the commit ....  half + 10 is committed: thrown away all the same
#  log                                   cut to 0                (its first `half` records are others)
def test_a_snapshot_of_a_log_that_changed_while_it_waited_is_not_published(play: Play, tmp_path: Path) -> None:
    """The group passes its offset with other records."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        member = Member(settings, tmp_path / "snapshots", group)
        await half_way(member, log)
        half, group.committed = group.committed[0], {}
        taking = asyncio.create_task(member.snapshots.take())
        await until(lambda: group.asked > 2)
        await member.recovery.begin({tp: Place(0, TOPIC_ID, Change.CUT) for tp in (ONE, OTHER)})
        await until(lambda: member.recovery.ready == {0, 1})
        group.committed = {0: half + 10, 1: half + 10}
        await taking
        assert SnapshotStore(str(tmp_path / "snapshots")).candidates(IDENTITY, 0, 1 << 60) == []

    play(story)
