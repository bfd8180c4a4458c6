"""Days of calls with signatures and decisions, in an archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.look_ups.archive import DAY_MS, PARTITIONS, START_MS, Pools, row_group
from detector.trust.verdict import Verstat
from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, day_of
from streams.archive.schema import OFFSET, SCHEMAS, schema_id
from streams.archive.sink import file_metadata, numbers_identity
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS

MOST_A_DAY = 1 << 32
"""Calls of a partition: offsets of a day begin after it."""
SUBSCRIBERS = 1_000_000
SIGNED, SUSPECT = 0.6, 0.05


def pools_of(rng: np.random.Generator, callers: int) -> Pools:
    """What calls are made of."""
    return Pools(
        _numbers(rng, "+1303", SUBSCRIBERS), _numbers(rng, "+1202", callers),
        pa.array([f"wholesale-carrier-{n}" for n in range(60)]), pa.array([f"192.0.2.{n}" for n in range(250)]),
    )  # fmt: skip


def made(store: ArchiveStore, day: int, calls: int, pools: Pools, rng: np.random.Generator, done: list[int]) -> None:
    """Write a day of the archive, a row group at a time; days before it are written already."""
    each, begin_ms = max(1, calls // PARTITIONS), START_MS + day * DAY_MS
    first = day * MOST_A_DAY
    for partition in range(PARTITIONS):
        with _writer(store, CALL_EVENTS, 2 * first, 2 * each, partition, begin_ms) as events, \
                _writer(store, CALL_DECISIONS, first, each, partition, begin_ms) as decisions:  # fmt: skip
            for start in range(0, each, ROWS_PER_GROUP // 2):
                count = min(each - start, ROWS_PER_GROUP // 2)
                span = (begin_ms + DAY_MS * start // each, begin_ms + DAY_MS * (start + count) // each)
                group = _signed(row_group(rng, pools, count, span, partition, 2 * (first + start)), rng)
                events.write_table(group)
                decisions.write_table(_decided(group, first + start, rng))
                done[0] += count


@contextmanager
def _writer(store: ArchiveStore, topic: str, first: int, rows: int, partition: int, begin_ms: int) -> Iterator[Any]:
    schema = SCHEMAS[topic]
    file = ArchiveFile(topic, partition, first, first + rows - 1, day_of(begin_ms), schema_id(schema))
    with store.create(file, schema) as writer:
        yield writer
        writer.add_key_value_metadata(file_metadata(file, numbers_identity(None), 0))


def _numbers(rng: np.random.Generator, area: str, count: int) -> Any:
    lines = pa.array(rng.choice(8_000_000, count, replace=False) + 2_000_000).cast(pa.string())
    return pc.binary_join_element_wise(pa.scalar(area), lines, pa.scalar(""))


def _signed(group: Any, rng: np.random.Generator) -> Any:
    """Give set-ups the verdict on a signature, each number signed for by one provider, but for a few calls."""
    is_setup = pc.equal(group["type"], "call_setup").to_numpy(zero_copy_only=False)
    spcs = pa.array([f"{n:03}A" for n in range(200)])
    usual = pc.utf8_slice_codeunits(group["calling_number"].combine_chunks(), -3).cast(pa.int32()).to_numpy() % 200
    signer = np.where(rng.random(group.num_rows) < 0.02, rng.integers(0, 200, group.num_rows), usual)
    mask = ~(is_setup & (rng.random(group.num_rows) < SIGNED))
    given = {
        "own_verstat": pa.array([Verstat.PASSED.value]).take(pa.array(np.zeros(group.num_rows, np.int8), mask=mask)),
        "own_signer_spc": spcs.take(pa.array(signer, mask=mask)),
        "own_attestation": pa.array(["A", "B", "C"]).take(pa.array(rng.integers(0, 3, group.num_rows), mask=mask)),
    }
    for name, column in given.items():
        group = group.set_column(group.schema.get_field_index(name), name, column)
    return group


def _decided(group: Any, first: int, rng: np.random.Generator) -> Any:
    """A decision on each set-up."""
    setups = group.filter(pc.equal(group["type"], "call_setup"))
    count, schema = setups.num_rows, SCHEMAS[CALL_DECISIONS]
    ids = pa.array(rng.integers(1 << 62, 1 << 63, count, dtype=np.uint64)).cast(pa.string())
    reason = {"code": "score", "text": "The score of the model", "value": 0.1, "threshold": 0.9}
    columns = {name: setups[name] for name in schema.names if name in setups.schema.names}
    columns |= {
        OFFSET: pa.array(np.arange(first, first + count)), "decision_id": ids,
        "action": _repeated("allow", count), "mode": _repeated("shadow", count),
        "would_be": pa.array(["allow", "block"]).take(pa.array((rng.random(count) < SUSPECT).astype(np.int8))),
        "decided_by": _repeated("model", count), "decided_time_ms": setups["setup_time_ms"],
        "reasons": _repeated([reason], count, schema.field("reasons").type),
    }  # fmt: skip
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _repeated(value: object, count: int, of: Any = None) -> Any:
    return pa.array([value], of).take(pa.array(np.zeros(count, np.int32)))
