"""Are the windows right? What the workers left in their last snapshots against an offline replay of the very log.

The replay reads each partition from its first record to its last through the pipeline of a worker that never fails.
Nothing of it touches the group, Redis or the snapshots.
"""

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from detector.columns.clocks import ClockTolerance
from detector.columns.hashing import PUBLIC_SEED
from detector.features.table import FEATURE_SCHEMA_ID
from detector.windows import WindowEngine
from streams.kafka.topics import CALL_EVENTS, identity
from streams.screening.build import make_screener
from streams.screening.pipeline import MAX_BATCH, Pipeline
from streams.settings import Settings
from streams.state.snapshot_file import read_snapshot
from streams.state.snapshot_store import SnapshotStore
from streams.wire.record_columns import records_of
from tests.detector.windows.rows_of_engine import differences, rows_in, rows_of

READ_TIMEOUT_S = 60.0

Undo = Callable[[bytes], bytes]


def wrong_counts(settings: Settings, partitions: int, folder: Path, undo: Undo | None = None) -> list[str]:
    """Keys whose windows differ, each with what differs; empty when every key of every partition is exactly right.

    Args:
        settings: of the workers that wrote the snapshots.
        partitions: of the topic.
        folder: for what a remote store is read through.
        undo: takes back what the test did to a record's clock, so that the expected counts owe nothing to correction.
    """
    store, name = SnapshotStore(settings.snapshot_url), identity(settings, CALL_EVENTS)
    found: list[str] = []
    for partition in range(partitions):
        records = log_of(settings.kafka_bootstrap_servers, partition)
        engine = replayed(settings, records, partition, undo)
        end = records[-1].offset() + 1 if records else 0  # type: ignore[operator]  # a read record has an offset
        entries = store.candidates(name, partition, end)
        if not entries or entries[0].offset != end:
            found.append(f"partition {partition} ends at {end}, snapshots at {[entry.offset for entry in entries]}")
            continue
        snapshot = read_snapshot(
            store.fetch(entries[0], folder), topic=name, partition=partition,
            layout=engine.layout, feature_schema=FEATURE_SCHEMA_ID,
        )  # fmt: skip
        wrong = differences(rows_of(engine, partition), rows_in(snapshot.parts, partition))
        found += [f"partition {partition}: {line}" for line in wrong]
    return found


def log_of(bootstrap_servers: str, partition: int) -> list[Message]:
    """Every record of a partition of `call-events`, in order."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": f"replay-{time.time_ns()}"})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(CALL_EVENTS, partition), timeout=READ_TIMEOUT_S)
        consumer.assign([TopicPartition(CALL_EVENTS, partition, OFFSET_BEGINNING)])
        records: list[Message] = []
        deadline = time.monotonic() + READ_TIMEOUT_S
        while len(records) < end:
            records += [one for one in consumer.consume(5_000, 0.2) if one.error() is None]
            assert time.monotonic() < deadline, f"partition {partition} could not be read: {len(records)} of {end}"
        return records
    finally:
        consumer.close()


def replayed(settings: Settings, records: list[Message], partition: int, undo: Undo | None) -> WindowEngine:
    """The windows of a worker that saw every record once."""
    failures: list[Exception] = []
    screener = make_screener(settings, shared_trunks=False)
    clock = None if undo else ClockTolerance(settings.clock_ahead_ms, settings.clock_behind_ms)
    pipeline = Pipeline(screener, seed=PUBLIC_SEED, on_failure=failures.append, clock=clock)
    rest = iter(records)
    while batch := list(islice(rest, MAX_BATCH)):
        values = [one.value() for one in batch]
        if undo:
            values = [value and undo(value) for value in values]
        arrivals = [one.timestamp()[1] for one in batch]
        pipeline.process(records_of(values, [partition] * len(batch), arrivals), decided_time_ms=None)
    assert not failures, f"the replay failed: {failures[0]!r}"
    return screener.engine
