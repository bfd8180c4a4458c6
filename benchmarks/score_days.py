"""What the scorecards of a day need in a large archive: memory, time, and room for what does not fit into memory.

    python -m benchmarks.score_days --calls 20000000 --folder /var/tmp

Eight days of generated calls, each a set-up, an end and a decision, are written as `benchmarks.look_ups` writes them,
a file a partition and day: signed by providers, some suspect, from 8,000,000 numbers. Then `robocall scorecards` counts
the last day, and its peak of resident memory is that of the process. Every call must be in the cards.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.harness.machine import describe, give
from benchmarks.look_ups import DAY_MS, PARTITIONS, SHOWN_EVERY_S, START_MS, Pools, row_group
from detector.trust.verdict import Verstat
from streams.archive.files import ROWS_PER_GROUP, ArchiveFile, ArchiveStore, day_of
from streams.archive.schema import OFFSET, SCHEMAS, schema_id
from streams.archive.sink import file_metadata, numbers_identity
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.running.told_every import told_every
from streams.scorecards.query import DAYS_BEFORE

CALLERS = 8_000_000
MOST_A_DAY = 1 << 32
"""Calls of a partition: offsets of a day begin after it."""
SUBSCRIBERS = 1_000_000
SIGNED, SUSPECT = 0.6, 0.05
SPILL_LOOKED_AT_S = 0.5


def main() -> None:
    """Run it and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000_000, help="calls of the day [%(default)s]")
    parser.add_argument("--before", type=int, help="calls of each of the seven days before [as many]")
    parser.add_argument("--folder", type=Path, help="where the archive is made; what it needs is deleted at the end")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated calls [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="score-days-", dir=options.folder))
    try:
        before = options.calls if options.before is None else options.before
        give(describe() | measured(options.calls, before, options.seed, folder), options.out)
    finally:
        shutil.rmtree(folder)


def measured(calls: int, before: int, seed: int, folder: Path) -> dict[str, Any]:
    """Make the archive and count its last day."""
    store = ArchiveStore(str(folder / "archive"))
    began = time.monotonic()
    done = [0]
    with told_every(SHOWN_EVERY_S, lambda s: print(f"{done[0]:,} calls, {s:.0f} s", file=sys.stderr, flush=True)):
        rng = np.random.default_rng(seed)
        pools = pools_of(rng, CALLERS)
        for day in range(DAYS_BEFORE):
            made(store, day, before, pools, rng, done)
        of_before = done[0]
        made(store, DAYS_BEFORE, calls, pools, rng, done)
    files = store.files(CALL_EVENTS) + store.files(CALL_DECISIONS)
    return {
        "calls": done[0] - of_before, "calls_before": of_before, "files": len(files),
        "file_bytes": sum(file.size_bytes for file in files), "made_s": round(time.monotonic() - began),
        **counted(store, done[0] - of_before, folder / "spilled"),
    }  # fmt: skip


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


def counted(store: ArchiveStore, calls: int, spilled: Path) -> dict[str, Any]:
    """Run the command on the last day, and look at the folder of what it spills."""
    spilled.mkdir()
    day = day_of(START_MS + DAYS_BEFORE * DAY_MS)
    most = [0]

    def look(_: float) -> None:
        most[0] = max(most[0], sum(_size(path) for path in spilled.rglob("*")))

    began = time.monotonic()
    with told_every(SPILL_LOOKED_AT_S, look):
        done = subprocess.run(
            [sys.executable, "-m", "streams.commands.main", "scorecards", "--from", day, "--to", _after(day), "--json"],
            stdout=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"ROBOCALL_ARCHIVE_URL": store.url, "TMPDIR": str(spilled)},
        )  # fmt: skip
    took_s, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cards = [json.loads(line) for line in done.stdout.splitlines()]
    found = sum(card["calls"] for card in cards if card["by"] == "trunk")
    if found != calls:
        raise SystemExit(f"wrong run: {found:,} of {calls:,} calls are in the cards, status {done.returncode}")
    return {
        "cards": len(cards), "took_s": round(took_s), "cpu_s": round(used.ru_utime + used.ru_stime),
        "peak_bytes": used.ru_maxrss * 1024, "spilled_bytes": most[0],
    }  # fmt: skip


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(1)).isoformat()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it went meanwhile
        return 0


if __name__ == "__main__":
    main()
