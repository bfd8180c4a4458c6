"""Are the windows right? What the workers left in their last snapshots against an offline replay of the very log.

The replay reads each partition from its first record to its last through the pipeline of a worker that never fails.
Nothing of it touches the group, Redis or the snapshots.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from numpy.typing import NDArray

from detector.clocks import ClockTolerance
from detector.features import FEATURE_SCHEMA_ID
from detector.windows import WindowEngine
from detector.windows.slots import EPOCH, KEY, NEWER, OLDER, OTHERS_MS
from streams.pipeline import MAX_BATCH, Pipeline
from streams.screener import make_screener
from streams.settings import Settings
from streams.snapshot_file import read_snapshot
from streams.snapshot_store import SnapshotStore
from streams.topics import CALL_EVENTS, identity

COUNTED = ("ring", "panes", "totals", "sketches")
NOT_COUNTED = (OLDER, NEWER, OTHERS_MS, EPOCH)
"""Columns of the state that say how rows are linked, what others counted, and which sweep saw them."""
READ_TIMEOUT_S = 60.0
STEP_BYTES = 1 << 24

Rows = dict[tuple[str, int], dict[str, NDArray[Any]]]
"""What was counted, by store and key."""
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
        engine, expected = replayed(settings, records, partition, undo)
        end = records[-1].offset() + 1 if records else 0  # type: ignore[operator]  # a read record has an offset
        entries = store.candidates(name, partition, end)
        if not entries or entries[0].offset != end:
            found.append(f"partition {partition} ends at {end}, snapshots at {[entry.offset for entry in entries]}")
            continue
        snapshot = read_snapshot(
            store.fetch(entries[0], folder), topic=name, partition=partition,
            layout=engine.layout, feature_schema=FEATURE_SCHEMA_ID,
        )  # fmt: skip
        found += differences(partition, expected, rows_of((block.store, block.arrays) for block in snapshot.blocks))
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


def replayed(
    settings: Settings, records: list[Message], partition: int, undo: Undo | None
) -> tuple[WindowEngine, Rows]:
    """What a worker would have counted that saw every record once; and its engine."""
    failures: list[Exception] = []
    screener = make_screener(settings, shared_trunks=False)
    clock = None if undo else ClockTolerance(settings.clock_ahead_ms, settings.clock_behind_ms)
    pipeline = Pipeline(screener, seed=settings.hash_seed, on_failure=failures.append, clock=clock)
    rest = iter(records)
    while batch := list(islice(rest, MAX_BATCH)):
        values = [one.value() for one in batch]
        if undo:
            values = [value and undo(value) for value in values]
        arrivals = [one.timestamp()[1] for one in batch]
        pipeline.process(values, [partition] * len(batch), decided_time_ms=None, arrivals_ms=arrivals)
    assert not failures, f"the replay failed: {failures[0]!r}"
    engine: Any = screener.engine
    return engine, rows_of((block.store, block.arrays) for block in _swept(engine))


def _swept(engine: WindowEngine) -> Iterator[Any]:
    sweep = engine.sweep()
    while not sweep.is_done:
        yield from sweep.step(STEP_BYTES)


def rows_of(blocks: Any) -> Rows:
    """What was counted in blocks, by store and key."""
    rows: Rows = {}
    for store, arrays in blocks:
        state = np.delete(arrays["state"], NOT_COUNTED, axis=1)
        present = {"state": state} | {name: arrays[name] for name in COUNTED if name in arrays}
        for row, key in enumerate(arrays["state"][:, KEY].tolist()):
            rows[store, key] = {name: array[row] for name, array in present.items()}
    return rows


def differences(partition: int, expected: Rows, found: Rows) -> list[str]:
    """One line for each key that only one side has, or that both have with different counts."""
    lines = [f"partition {partition}: {key} is missing" for key in expected.keys() - found.keys()]
    lines += [f"partition {partition}: {key} should not be there" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        unequal = [
            name for name, array in expected[key].items() if not np.array_equal(array, found[key].get(name, array[:0]))
        ]
        if unequal:
            lines.append(f"partition {partition}: {key} differs in {', '.join(unequal)}")
    return sorted(lines)
