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
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

from detector.policy.settings import Policy, Thresholds
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.log_reader import LogReader
from streams.kafka.publisher import partition_of
from streams.kafka.topics import CALL_EVENTS
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import Settings, load_settings
from streams.state.durability import Durability
from streams.state.recovery import Recovery, RecoveryLimits
from streams.state.snapshot_store import Entry, SnapshotStore
from streams.state.snapshots import SnapshotLimits, Snapshots
from streams.state.worker_state import WorkerState
from streams.wire.record_columns import records_of
from tests.detector.windows.rows_of_engine import differences, rows_of
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.kafka

PARTITIONS = 2
EVENTS = 6_000
IDENTITY = f"{CALL_EVENTS}.test"


class Group:
    """What the consumer group knows: committed offsets and its generation."""

    def __init__(self) -> None:
        self.committed: dict[int, int] = {}
        self.generation = 1


class Member:
    """The lasting parts of one worker, without Faust: assignments and records come by hand.

    Args:
        settings: of the broker.
        folder: of the snapshots.
        group: that it belongs to.
        store: of snapshots; the folder when None.
        store_s: how long it is waited for.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        group: Group,
        store: SnapshotStore | None = None,
        store_s: float = HANG_S,
    ) -> None:
        self.failures: list[Exception] = []
        screener = make_screener(settings, shared_trunks=False)
        screener.policy = eager(screener.policy)
        self.pipeline = Pipeline(screener, seed=settings.hash_seed, on_failure=self.failures.append)
        self.group = group
        self.state = WorkerState(self.pipeline, home)
        store, spool = store or SnapshotStore(str(folder)), folder.parent / "spool"
        spool.mkdir(exist_ok=True)
        self.recovery = Recovery(
            self.state, store, IDENTITY, spool, lambda: LogReader(settings, CALL_EVENTS),
            RecoveryLimits(warm_up_s=settings.warm_up_s, warm_up_events=settings.warm_up_events, store_s=store_s),
            on_restored=self.restored,
        )  # fmt: skip
        self.snapshots = Snapshots(
            self.state, store, identity=IDENTITY, instance="test", spool=spool,
            ready=lambda: tuple(self.recovery.ready), committed=self.committed,
            generation=lambda: group.generation, partition_of=home, partitions=lambda: PARTITIONS,
            limits=SnapshotLimits(settings.snapshot_interval_s, step_bytes=50_000),
        )  # fmt: skip
        self.restorations = 0

    def committed(self, partition: int) -> int | None:
        return self.group.committed.get(partition)

    async def restored(self) -> None:
        self.restorations += 1

    async def assign(self, *partitions: int) -> None:
        """Give it partitions, and wait until it is ready for all of them."""
        await self.recovery.begin({TP(CALL_EVENTS, p): self.group.committed.get(p) for p in partitions})
        await until(lambda: self.recovery.ready == set(partitions))

    def decide(self, rows: list[Any]) -> None:
        """Decide records as the agent does."""
        records = records_of([row.value for row in rows], [row.partition for row in rows])
        self.pipeline.process(records, decided_time_ms=0)
        for row in rows:
            self.state.processed(row.partition, row.offset + 1)

    def rows(self, partition: int) -> Any:
        return rows_of(self.state.engine, partition)

    def memory(self, partition: int) -> Any:
        return self.pipeline.screener.standing.memory(lambda number: home(number) == partition)


def eager(policy: Policy) -> Policy:
    """The policy with thresholds so low that any model holds numbers, and blocks some for a while."""
    low = Thresholds(label_at=0.02, label_clear=0.01, block_at=0.03, block_clear=0.02)
    return replace(policy, categories=tuple(replace(category, thresholds=low) for category in policy.categories))


def home(number: str) -> int:
    return partition_of(number.encode(), PARTITIONS)


async def publish(servers: str) -> None:
    """Fill the topic with generated traffic in which numbers are blocked."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        sent = 0
        for block in generate(TrafficSpec(seed=11, hours=1.0, calls_per_second=4.0)):
            for event, line in zip(block.events(), block.json_lines(), strict=True):
                number = event.calling_number
                await producer.send(CALL_EVENTS, line.encode(), key=number.encode(), partition=home(number))
                sent += 1
            if sent >= EVENTS:
                break
        await producer.flush()
    finally:
        await producer.stop()


async def whole_log(settings: Settings) -> dict[int, list[Any]]:
    async with LogReader(settings, CALL_EVENTS) as reader:
        return {p: [row async for rows in reader.read(p, 0, 1 << 60) for row in rows] for p in range(PARTITIONS)}


Play = Callable[[Callable[[Settings, dict[int, list[Any]]], Awaitable[None]]], None]


@pytest.fixture
def play(kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]) -> Play:
    """A function that runs a story with a filled topic: `await story(settings, records by partition)`."""

    def run(story: Callable[[Settings, dict[int, list[Any]]], Awaitable[None]]) -> None:
        async def with_log() -> None:
            settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap, partitions=PARTITIONS, mode="enforce")
            await publish(kafka_bootstrap)
            await story(settings, await whole_log(settings))

        fresh_topics(partitions=PARTITIONS)
        asyncio.run(with_log())

    return run


async def half_way(member: Member, log: dict[int, list[Any]]) -> None:
    """Own both partitions, decide the first half of each in small batches, and have it committed."""
    await member.assign(0, 1)
    for partition, rows in log.items():
        half = len(rows) // 2
        for start in range(0, half, 100):
            member.decide(rows[start : min(start + 100, half)])
            await asyncio.sleep(0)
        member.group.committed[partition] = half


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


def test_nothing_is_published_that_the_group_has_not_committed(play: Play, tmp_path: Path) -> None:
    """A zombie decides on, but its commits are refused; when it learns of the next generation it lets go."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        zombie = Member(settings, tmp_path / "snapshots", group)
        await half_way(zombie, log)
        group.committed = dict.fromkeys(log, 10)
        taking = asyncio.create_task(zombie.snapshots.take())
        await asyncio.sleep(0.5)
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

    def candidates(self, topic: str, partition: int, at_most: int) -> list[Entry]:
        time.sleep(HANG_S)
        return super().candidates(topic, partition, at_most)


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


def test_a_hand_over_while_a_snapshot_waits_for_its_commit_hands_all_over(play: Play, tmp_path: Path) -> None:
    """The quiet partition has the same offset in both."""

    async def story(settings: Settings, log: dict[int, list[Any]]) -> None:
        group = Group()
        member = Member(settings, tmp_path / "snapshots", group)
        await half_way(member, log)
        committed, group.committed = group.committed, {}
        taking = asyncio.create_task(member.snapshots.take())
        await asyncio.sleep(0.5)
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
