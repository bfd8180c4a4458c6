"""What stories of durability are told with: a worker's lasting parts on a real Kafka and a real folder, no Faust."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from faust.types import TP

from detector.columns.hashing import PUBLIC_SEED
from detector.policy.settings import Policy, Thresholds
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.kafka.fetched import Rows
from streams.kafka.locating import Place
from streams.kafka.log_reader import LogReader
from streams.kafka.publishing.publisher import partition_of
from streams.kafka.topics import CALL_EVENTS
from streams.screening.build import make_screener
from streams.screening.pipeline import Pipeline
from streams.settings import Settings
from streams.state.recovery import Recovery, RecoveryLimits
from streams.state.snapshot_store import SnapshotStore
from streams.state.snapshots import SnapshotLimits, Snapshots
from streams.state.worker_state import WorkerState
from streams.wire.record_columns import records_of
from tests.detector.windows.rows_of_engine import rows_of
from tests.waiting import HANG_S, until

PARTITIONS = 2
EVENTS = 6_000
TOPIC_ID = "test"
IDENTITY = f"{CALL_EVENTS}.{TOPIC_ID}"

Story = Callable[[Settings, dict[int, list[Any]]], Awaitable[None]]
"""What happens with a filled topic: settings, and records by partition."""
Play = Callable[[Story], None]


class Row(NamedTuple):
    """A record of the log."""

    partition: int
    offset: int
    value: bytes | None


def fail(*what: object) -> None:
    raise AssertionError(what)


class Group:
    """What the consumer group knows: committed offsets and its generation."""

    def __init__(self) -> None:
        self.committed: dict[int, int] = {}
        self.generation = 1
        self.asked = 0
        """How often members have asked for a committed offset."""


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
        self.pipeline = Pipeline(screener, seed=PUBLIC_SEED, on_failure=self.failures.append)
        self.group = group
        self.state = WorkerState(self.pipeline, home)
        store, spool = store or SnapshotStore(str(folder)), folder.parent / "spool"
        spool.mkdir(exist_ok=True)
        self.recovery = Recovery(
            self.state, store, CALL_EVENTS, spool, lambda: LogReader(settings, CALL_EVENTS, fail),
            RecoveryLimits(warm_up_s=settings.warm_up_s, warm_up_events=settings.warm_up_events, store_s=store_s),
            model_begun=self.begun, on_restored=self.restored,
        )  # fmt: skip
        self.snapshots = Snapshots(
            self.state, store, identity=lambda: self.recovery.identity, instance="test", spool=spool,
            ready=lambda: tuple(self.recovery.ready), committed=self.committed,
            generation=lambda: group.generation, partition_of=home, partitions=lambda: PARTITIONS,
            limits=SnapshotLimits(settings.snapshot_interval_s, step_bytes=50_000),
        )  # fmt: skip
        self.restorations = 0

    def committed(self, partition: int) -> int | None:
        self.group.asked += 1
        return self.group.committed.get(partition)

    async def begun(self) -> None:
        """Say that the model is in place."""

    async def restored(self) -> None:
        self.restorations += 1

    async def assign(self, *partitions: int) -> None:
        """Give it partitions, and wait until it is ready for all of them."""
        places = {TP(CALL_EVENTS, p): self.place(p) for p in partitions}
        await self.recovery.halt()
        await self.state.keep_only(partitions)
        await self.recovery.begin(places)
        await until(lambda: self.recovery.ready == set(partitions))

    def place(self, partition: int) -> Place:
        """Where the group stands; the logs of these stories begin at 0."""
        committed = self.group.committed.get(partition)
        return Place(committed or 0, TOPIC_ID, is_new=committed is None)

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
    async with LogReader(settings, CALL_EVENTS, fail) as reader:
        return {
            p: [row async for rows in reader.read(p, 0, 1 << 60) for row in _each(p, rows)] for p in range(PARTITIONS)
        }


def _each(partition: int, rows: Rows) -> Iterator[Row]:
    return (Row(partition, *one) for one in zip(rows.offsets(), rows.values(), strict=True))


async def half_way(member: Member, log: dict[int, list[Any]]) -> None:
    """Own both partitions, decide the first half of each in small batches, and have it committed."""
    await member.assign(0, 1)
    for partition, rows in log.items():
        half = len(rows) // 2
        for start in range(0, half, 100):
            member.decide(rows[start : min(start + 100, half)])
            await asyncio.sleep(0)
        member.group.committed[partition] = half
