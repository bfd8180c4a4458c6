"""Workers that are wrong in one way each: the histories are worth something only if they find them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.state.snapshot_format import Header
from streams.state.worker_state import Copy
from tests.histories.worker import Worker


def acknowledges_before_decisions_are_safe(worker: Worker) -> None:
    screen = worker.screening.screen

    async def hasty(poll: Any, acknowledge: Callable[[], object], set_aside: object = None) -> None:
        del set_aside
        acknowledge()
        await screen(poll, lambda: None)

    worker.screening.screen = hasty  # type: ignore[method-assign]


def commits_whatever_was_handed_out(worker: Worker) -> None:
    worker.consumer._new_offset = worker.consumer.watermarks.expected  # type: ignore[method-assign, assignment]


def publishes_a_snapshot_before_its_offset_is_committed(worker: Worker) -> None:
    snapshots = worker.parts.snapshots

    async def at_once(path: Path, header: Header, forgotten: int) -> None:
        del forgotten
        await snapshots._publish(path, header)

    snapshots._publish_committed = at_once  # type: ignore[method-assign]


def publishes_as_a_zombie_what_others_have_committed(worker: Worker) -> None:
    snapshots = worker.parts.snapshots

    async def whoever_commits(path: Path, header: Header, forgotten: int) -> None:
        del forgotten
        while worker.broker.committed.get(header.partition, 0) < header.offset:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        await snapshots._publish(path, header)

    snapshots._publish_committed = whoever_commits  # type: ignore[method-assign]


def hands_over_what_is_not_committed(worker: Worker) -> None:
    worker.parts.snapshots._committed = worker.parts.state.positions.get


def keeps_state_that_is_ahead_of_the_group(worker: Worker) -> None:
    recovery, state = worker.parts.recovery, worker.parts.state
    bring_to = recovery._bring_to

    async def keep(reader: Any, partition: int, target: int) -> bool:
        return (state.positions.get(partition) or 0) > target or await bring_to(reader, partition, target)

    recovery._bring_to = keep  # type: ignore[method-assign]


def does_not_catch_up(worker: Worker) -> None:
    state = worker.parts.state
    state.catch_up = lambda partition, rows: state.processed(partition, rows.end)  # type: ignore[method-assign]


def copies_state_under_an_offset_of_before(worker: Worker) -> None:
    state = worker.parts.state
    copy = state.copy

    def of_before(partitions: Any) -> Copy:
        found = copy(partitions)
        found.positions.update({p: max(0, offset - 1) for p, offset in found.positions.items()})
        return found

    state.copy = of_before  # type: ignore[method-assign]


def asks_with_less_than_it_committed(worker: Worker) -> None:
    """The transport did until these histories were played."""

    async def still_ours() -> bool:
        consumer = worker.consumer
        if consumer._awake_s < 1e9:
            known = consumer._began | consumer.committed
            if known and not await worker.client.commit(known):
                return False
            consumer._awake_s = 1e9
        return True

    worker.consumer._awake_s = 1e9
    worker.consumer._is_still_ours = still_ours  # type: ignore[method-assign]


MUTANTS = (
    acknowledges_before_decisions_are_safe,
    commits_whatever_was_handed_out,
    publishes_a_snapshot_before_its_offset_is_committed,
    publishes_as_a_zombie_what_others_have_committed,
    hands_over_what_is_not_committed,
    keeps_state_that_is_ahead_of_the_group,
    does_not_catch_up,
    copies_state_under_an_offset_of_before,
    asks_with_less_than_it_committed,
)
