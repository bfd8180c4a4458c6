"""Margins in snapshots: they go on where the same model runs, and begin anew where another one does."""

import asyncio
from pathlib import Path
from typing import Any

from models.serve.artifact import Model
from streams.state.snapshot_store import SnapshotStore
from tests.detector.windows.rows_of_engine import Rows, differences
from tests.histories.calls import short_log
from tests.histories.memory_log import MemoryLog
from tests.histories.parts import Parts, make_parts, shipped
from tests.histories.test_resume import Group, decide, resume

EVENTS = 80


def another(*, weight: float) -> Model:
    """The same trees as another model."""
    model = shipped()
    return Model(model._scorer, {**model.manifest, "version": f"another-{weight}", "group_weight": weight})


def of_margins(rows: Rows) -> Rows:
    return {place: row for place, row in rows.items() if place[0].endswith("_margins")}


async def stopped(folder: Path) -> tuple[MemoryLog, SnapshotStore, Group, Parts]:
    """A worker that has decided everything, and left a snapshot."""
    log, group = MemoryLog(1, short_log(EVENTS, partitions=1, seed=5)), Group([0])
    store, spool = SnapshotStore(str(folder / "snapshots")), folder / "spool"
    spool.mkdir()
    worker = make_parts(log, store, spool, group, shipped())
    await resume(worker, [0], [0])
    decide(worker, log.records[0])
    group.offsets[0] = worker.state.positions[0]
    await worker.snapshots.hand_over()
    assert len(of_margins(worker.rows(0))) > 20
    return log, store, group, worker


async def resumed(folder: Path, classifier: Any) -> tuple[Rows, Rows]:
    """Rows of the worker that stopped, and of one that goes on with a model."""
    log, store, group, before = await stopped(folder)
    after = make_parts(log, store, folder / "spool", group, classifier)
    await resume(after, [0], group.offsets)
    assert after.recovery.warm_starts == 0
    return before.rows(0), after.rows(0)


def test_the_same_model_goes_on_with_its_margins(tmp_path: Path) -> None:
    before, after = asyncio.run(resumed(tmp_path, shipped()))

    assert differences(before, after) == []


def test_another_model_begins_with_none_and_with_all_other_windows(tmp_path: Path) -> None:
    """Whether it wants margins or not."""
    for weight in (0.5, 0.0):
        folder = tmp_path / str(weight)
        folder.mkdir()
        before, after = asyncio.run(resumed(folder, another(weight=weight)))

        assert of_margins(after) == {}
        rest = {place: row for place, row in before.items() if place not in of_margins(before)}
        assert differences(rest, after) == []


def test_the_promoted_model_is_waited_for(tmp_path: Path) -> None:
    """A worker begins with the configured model, and with the promoted one a moment later."""

    async def story() -> tuple[Rows, Rows]:
        log, store, group, before = await stopped(tmp_path)
        after = make_parts(log, store, tmp_path / "spool", group, another(weight=0.0))

        async def begun() -> None:
            after.pipeline.screener.classifier = shipped()

        after.recovery._model_begun = begun
        await resume(after, [0], group.offsets)
        return before.rows(0), after.rows(0)

    before, after = asyncio.run(story())

    assert differences(before, after) == []


def test_a_model_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def story() -> Rows:
        log, store, group, _ = await stopped(tmp_path)
        after = make_parts(log, store, tmp_path / "spool", group, another(weight=0.5))
        after.recovery._model_begun = asyncio.Event().wait
        after.recovery._limits = after.recovery._limits.__class__(3_600.0, 100, model_s=0.01)
        await resume(after, [0], group.offsets)
        return after.rows(0)

    after = asyncio.run(story())

    assert of_margins(after) == {}
    assert after
