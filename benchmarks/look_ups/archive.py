"""A large archive of generated calls, as compaction leaves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.schema import OFFSET, PARTITION, SCHEMAS, TIMESTAMP, schema_id
from streams.archive.sink import file_metadata, numbers_identity
from streams.kafka.topics import CALL_EVENTS

PARTITIONS = 12
DAYS = 10
START_MS = 1_780_012_800_000  # 2026-05-29T00:00:00Z
DAY_MS = 86_400_000
POOL = 1_000_000
SHOWN_EVERY_S = 30.0
SCHEMA = SCHEMAS[CALL_EVENTS]


@dataclass(frozen=True, slots=True)
class Pools:
    """Texts that calls are made of."""

    called: Any
    calling: Any
    trunks: Any
    hosts: Any


def made(
    store: ArchiveStore, calls: int, look_ups: int, rng: np.random.Generator, key: NumberKey | None, done: list[int]
) -> Iterator[dict[str, Any]]:
    """Write the archive, a row group at a time; yields set-ups to look up, spread over its files."""
    pools = Pools(
        numbers(rng, "+1303", key), numbers(rng, "+1202", key),
        pa.array([f"trunk-{n}" for n in range(60)]), pa.array([f"192.0.2.{n}" for n in range(250)]),
    )  # fmt: skip
    each = max(1, calls // (PARTITIONS * DAYS))
    places = [(day, partition) for day in range(DAYS) for partition in range(PARTITIONS)]
    chosen = set(np.linspace(0, len(places) - 1, look_ups).astype(int).tolist())
    for index, (day, partition) in enumerate(places):
        begin_ms, first = START_MS + day * DAY_MS, day * each * 2
        file = ArchiveFile(CALL_EVENTS, partition, first, first + 2 * each - 1, day_of(begin_ms), schema_id(SCHEMA))
        with store.create(file, SCHEMA, min(2 * each, ROWS_PER_GROUP)) as writer:
            for start in range(0, each, ROWS_PER_GROUP // 2):
                count = min(each - start, ROWS_PER_GROUP // 2)
                span = (begin_ms + DAY_MS * start // each, begin_ms + DAY_MS * (start + count) // each)
                group = row_group(rng, pools, count, span, partition, first + 2 * start)
                writer.write_table(group, row_group_size=ROWS_PER_GROUP)
                done[0] += count
                if index in chosen and start == 0:
                    yield group.filter(pc.equal(group["type"], "call_setup")).slice(count // 3, 1).to_pylist()[0]
            writer.add_key_value_metadata(file_metadata(file, numbers_identity(key), 0))


def numbers(rng: np.random.Generator, area: str, key: NumberKey | None) -> Any:
    """A pool of North American numbers, as the archive keeps them."""
    plain = [f"{area}{line:07}" for line in rng.choice(8_000_000, POOL, replace=False) + 2_000_000]
    return pa.array(plain if key is None else map(key.number, plain))


def row_group(
    rng: np.random.Generator, pools: Pools, count: int, span_ms: tuple[int, int], partition: int, first: int
) -> Any:
    """Calls of a span of time as rows in order of arrival: `count` set-ups and as many ends."""
    times = np.sort(rng.integers(*span_ms, count))
    is_answered = rng.random(count) < 0.6
    rung_ms = rng.integers(2_000, 40_000, count)
    ends = times + rung_ms + np.where(is_answered, rng.exponential(90_000, count).astype(np.int64), 0)
    order = np.argsort(np.concatenate([times, ends]), kind="stable")
    is_end, call = order >= count, order % count
    drawn = {name: rng.integers(0, len(getattr(pools, name)), count) for name in ("called", "calling", "trunks")}
    ids = pc.binary_join_element_wise(
        pa.array(rng.integers(1 << 62, 1 << 63, count, dtype=np.uint64)).cast(pa.string()), pa.scalar("sbc"), "@"
    )
    arrived = np.maximum.accumulate(np.where(is_end, ends[call], times[call]))
    columns = {
        PARTITION: np.full(2 * count, partition, np.int32), OFFSET: np.arange(first, first + 2 * count),
        TIMESTAMP: arrived, "type": pa.array(["call_setup", "call_end"]).take(pa.array(is_end.astype(int))),
        "call_id": ids.take(pa.array(call)), "setup_time_ms": times[call],
        "calling_number": pools.calling.take(pa.array(drawn["calling"][call])),
        "called_number": pools.called.take(pa.array(drawn["called"][call])),
        "trunk_group_id": pools.trunks.take(pa.array(drawn["trunks"][call])),
        "source_ip": pools.hosts.take(pa.array(rng.integers(0, 250, count)[call])),
        "end_time_ms": pa.array(ends[call], mask=~is_end),
        "sip_status": pa.array(np.where(is_answered, 200, 487)[call], mask=~is_end),
        "answer_time_ms": pa.array((times + rung_ms)[call], mask=~(is_end & is_answered[call])),
    }  # fmt: skip
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(2 * count, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
