"""Stores and folders that hang, fail or hold damage: they cost a snapshot, and never the partition."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from streams.state.snapshot_store import Entry, SnapshotStore
from tests.detector.windows.rows_of_engine import differences
from tests.streams.state.durability_case import PARTITIONS, Group, Member, Play, half_way
from tests.waiting import HANG_S

pytestmark = pytest.mark.kafka


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        first = Member(settings, tmp_path / "snapshots", group)
        await half_way(first, log)
        await first.snapshots.hand_over()
        older = group.committed[0]
        first.decide(log[0][older : older + 500])
        group.committed[0] = older + 500
        await first.snapshots.hand_over()
        newest = max((tmp_path / "snapshots").rglob(f"*{older + 500}*"))
        newest.write_bytes(newest.read_bytes()[:-100])

        second = Member(settings, tmp_path / "snapshots", group)
        await second.assign(0, 1)

        assert differences(first.rows(0), second.rows(0)) == []
        assert second.recovery.warm_starts == 0

    play(story)


def test_a_snapshot_under_the_name_of_an_earlier_offset_is_passed_over(play: Play, tmp_path: Path) -> None:
    """Somebody renamed it: what is between the two offsets comes again, and would be counted twice."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        first = Member(settings, tmp_path / "snapshots", group)
        await half_way(first, log)
        await first.snapshots.hand_over()
        its = group.committed[0]
        earlier = its - 200
        (file,) = (tmp_path / "snapshots").rglob(f"*-{its:020d}-*")
        file.rename(file.with_name(file.name.replace(f"{its:020d}", f"{earlier:020d}")))
        group.committed[0] = earlier

        second = Member(settings, tmp_path / "snapshots", group)
        await second.assign(0)

        reference = Member(settings, tmp_path / "none", Group())
        reference.decide(log[0][:earlier])
        assert differences(reference.rows(0), second.rows(0)) == []
        assert second.recovery.warm_starts == 1

    play(story)


def test_a_store_that_cannot_be_used_stops_nothing(play: Play, tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_text("in the way")

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        member = Member(settings, tmp_path / "file", Group())
        await half_way(member, log)
        await member.snapshots.take()
        await member.snapshots.hand_over()
        assert member.snapshots.taken.failures == 2 * PARTITIONS
        assert member.snapshots.taken.published == 0

    play(story)


class HangingStore(SnapshotStore):
    """A store whose folder hangs, as one on a network does whose server is gone."""

    def candidates(self, topic: str, partition: int, at_most: int, kind: str | None = None) -> list[Entry]:
        time.sleep(HANG_S)
        return super().candidates(topic, partition, at_most, kind)


def test_a_store_that_hangs_is_given_up_and_the_topic_is_counted(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        group.committed = {p: len(rows) for p, rows in log.items()}
        member = Member(settings, tmp_path / "snapshots", group, HangingStore(str(tmp_path / "snapshots")), store_s=0.3)
        await member.assign(0, 1)
        assert member.recovery.warm_starts == PARTITIONS
        assert len(member.rows(0)) > 1_000

    play(story)


def test_a_folder_for_fetching_that_is_gone_costs_the_snapshot_not_the_partition(play: Play, tmp_path: Path) -> None:
    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        first = Member(settings, tmp_path / "snapshots", group)
        await half_way(first, log)
        await first.snapshots.hand_over()
        second = Member(settings, tmp_path / "snapshots", group)
        shutil.rmtree(tmp_path / "spool")
        await second.assign(0, 1)
        assert second.recovery.warm_starts == PARTITIONS

    play(story)
