"""How long a look-up takes in a large archive: a call by its numbers and time, by one number, by its id; cold and warm.

    python -m benchmarks.look_ups --calls 100000000 --folder /var/tmp/look-ups

Generated calls, each a set-up and an end, are written as compaction leaves them: one file a partition and day, rows in
order of arrival, Bloom filters on numbers and ids. Numbers are drawn from two pools, of subscribers and of callers.
Then calls of the archive are looked up by the code of the commands, connecting included. Cold: a new process, and the
archive's pages thrown out of the memory of the machine before each look-up. Warm: one process, the same calls again.
Processor time is beside the time on the clock, which says also how busy the machine is otherwise.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.harness.machine import describe, give
from detector.contract.numbers import written_forms
from streams.archive.calls import Sought, find
from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.query import connected, duckdb
from streams.archive.schema import OFFSET, PARTITION, SCHEMAS, TIMESTAMP, schema_id
from streams.archive.sink import file_metadata, numbers_identity
from streams.kafka.topics import CALL_EVENTS
from streams.running.told_every import told_every

PARTITIONS = 12
DAYS = 10
START_MS = 1_780_012_800_000  # 2026-05-29T00:00:00Z
DAY_MS = 86_400_000
POOL = 1_000_000
SECRET = "a secret of the benchmark"  # noqa: S105 - of generated numbers
TOLERANCE_MS = 300_000
SHOWN_EVERY_S = 30.0
SCHEMA = SCHEMAS[CALL_EVENTS]
WAYS = ("numbers_and_time", "called_number", "call_id")


@dataclass(frozen=True, slots=True)
class Pools:
    """Texts that calls are made of."""

    called: Any
    calling: Any
    trunks: Any
    hosts: Any


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000_000, help="calls in the archive [%(default)s]")
    parser.add_argument("--look-ups", type=int, default=12, help="calls that are looked up each way [%(default)s]")
    parser.add_argument("--digested", action="store_true", help="keep numbers as keyed digests")
    parser.add_argument("--folder", type=Path, help="where the archive is made; what it needs is deleted at the end")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated calls [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--cold", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold:
        url, sought = json.loads(options.cold)
        print(json.dumps(timed(ArchiveStore(url), Sought(**sought))))
        return
    folder = Path(tempfile.mkdtemp(prefix="look-ups-", dir=options.folder))
    try:
        give(measured(options, folder), options.out)
    finally:
        shutil.rmtree(folder)


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the archive and look calls up in it."""
    store = ArchiveStore(str(folder))
    rng = np.random.default_rng(options.seed)
    key = NumberKey(SECRET) if options.digested else None
    began = time.monotonic()
    done = [0]
    with told_every(SHOWN_EVERY_S, lambda s: print(f"{done[0]:,} calls, {s:.0f} s", file=sys.stderr, flush=True)):
        wanted = list(made(store, options.calls, options.look_ups, rng, key, done))
    made_s = time.monotonic() - began
    files = store.files(CALL_EVENTS)
    looked_up = {way: looked(store, [sought_by(call, way) for call in wanted]) for way in WAYS}
    return describe() | {
        "calls": done[0], "rows": 2 * done[0], "numbers": "digested" if key else "plain", "files": len(files),
        "file_bytes": sum(file.size_bytes for file in files), "made_s": round(made_s),
        "look_ups": looked_up,
    }  # fmt: skip


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


def sought_by(call: dict[str, Any], way: str) -> Sought:
    """What is known of a call; numbers in all forms in which a switch may have written them, as `answer` asks."""
    if way == "call_id":
        return Sought(call_ids=(call["call_id"],))
    called, calling = written_forms(call["called_number"]), written_forms(call["calling_number"])
    if way == "called_number":
        return Sought(called_number=called)
    time_ms = call["setup_time_ms"] + 60_000
    return Sought(called, calling, begin_ms=time_ms - TOLERANCE_MS, end_ms=time_ms + TOLERANCE_MS)


def looked(store: ArchiveStore, wanted: list[Sought]) -> dict[str, Any]:
    """Seconds of each look-up, cold and warm."""
    cold: list[tuple[float, float]] = []
    for sought in wanted:
        forget(store)
        asked = json.dumps([store.url, asdict(sought)])
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.look_ups", "--cold", asked], capture_output=True, text=True, check=True
        )
        clock, cpu = json.loads(done.stdout)
        cold.append((clock, cpu))
    warm = [timed(store, sought) for _ in range(2) for sought in wanted][len(wanted) :]
    return {
        name: {
            "median_s": round(float(np.median([clock for clock, _ in times])), 3),
            "max_s": round(max(clock for clock, _ in times), 3),
            "median_cpu_s": round(float(np.median([cpu for _, cpu in times])), 3),
        }
        for name, times in (("cold", cold), ("warm", warm))
    }


def timed(store: ArchiveStore, sought: Sought) -> tuple[float, float]:
    """Seconds on the clock and of processors that a look-up takes, connecting included; it has to find something."""
    duckdb()  # importing it is part of the start of a process
    began, cpu = time.perf_counter(), time.process_time()
    with connected(store) as connection:
        found = find(connection, sought)
    took = time.perf_counter() - began, time.process_time() - cpu
    if not found:
        raise SystemExit(f"wrong run: {sought} was not found")
    return took


def forget(store: ArchiveStore) -> None:
    """Throw the pages of all files out of the memory of the machine."""
    for file in store.files(CALL_EVENTS):
        handle = os.open(store.address(file), os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


if __name__ == "__main__":
    main()
