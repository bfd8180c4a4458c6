"""Upgraded, and gone back: each build goes on from where it stopped, and counts what came meanwhile."""

import asyncio
from pathlib import Path

from detector.windows import WindowEngine
from streams.state.snapshot_store import SnapshotStore
from tests.detector.windows.rows_of_engine import differences
from tests.histories.calls import Record, short_log
from tests.histories.memory_log import MemoryLog
from tests.histories.parts import Parts, make_parts, shipped
from tests.histories.test_resume import Group, decide, resume

EVENTS, STOPPED = 60, 20


class OtherBuild(WindowEngine):
    """Windows whose arrays mean something else."""

    layout = "another"


async def decide_and_keep(worker: Parts, group: Group, records: list[Record]) -> None:
    """Decide them in four goes, with everything committed and a snapshot after each."""
    for start in range(0, len(records), len(records) // 4):
        decide(worker, records[start : start + len(records) // 4])
        group.offsets[0] = worker.state.positions[0]
        await worker.snapshots.hand_over()


def test_a_roll_back_is_warm(tmp_path: Path) -> None:
    asyncio.run(there_and_back(tmp_path))


async def there_and_back(folder: Path) -> None:
    records = short_log(EVENTS, partitions=1, seed=5)
    log, group = MemoryLog(1, records), Group([0])
    store, spool = SnapshotStore(str(folder / "snapshots")), folder / "spool"
    spool.mkdir()
    before, after, again, whole = (make_parts(log, store, spool, group, shipped()) for _ in range(4))
    after.state.engine.__class__ = OtherBuild
    await resume(before, [0], [0])
    await decide_and_keep(before, group, records[:STOPPED])

    await resume(after, [0], group.offsets)
    await decide_and_keep(after, group, records[STOPPED:])
    await resume(again, [0], group.offsets)

    assert group.offsets == [EVENTS]
    assert again.recovery.warm_starts == 0
    decide(whole, records)
    assert differences(whole.rows(0), again.rows(0)) == []
    assert list(again.memory(0).held.items()) == list(whole.memory(0).held.items())
