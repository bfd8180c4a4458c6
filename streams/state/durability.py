"""What keeps windows over restarts, crashes and moves of partitions: recovery when they come, then snapshots."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from streams.state.recovery import Recovery
from streams.state.snapshots import Snapshots, Taken
from streams.state.worker_state import WorkerState


@dataclass(frozen=True, slots=True)
class Figures:
    """What operators are shown.

    Attributes:
        ready: partitions whose calls are decided.
        unready: assigned partitions that are still being restored or warmed up.
        assignments: how often the group gave this worker partitions, since the start; above 1 it was a rebalance.
        warm_starts: partitions that began without a usable snapshot, since the start.
        restored_s: seconds that the latest restoration took.
        taken: about snapshots, None where there are none.
    """

    ready: int
    unready: int
    assignments: int
    warm_starts: int
    restored_s: float
    taken: Taken | None


class Durability:
    """One of them a worker: what the consumer, the metrics and the page of health are joined to.

    All of it runs on the event loop. In one life of an assignment the calls come in this order: `take_over` (ours now),
    `begin` (where the group stands), `processed` batch after batch while `run` takes snapshots, `hand_over`.

    Attributes:
        is_ready, begin: see `Recovery`.
        processed: called with a partition and its next offset right after a batch was counted, before anything else can
            run; see `WorkerState.processed`.

    Args:
        state: of the partitions.
        recovery: brings it to where the group stands.
        snapshots: copies it; None = windows do not outlive the worker.
    """

    def __init__(self, state: WorkerState, recovery: Recovery, snapshots: Snapshots | None) -> None:
        self._state = state
        self._recovery = recovery
        self._snapshots = snapshots
        self.is_ready, self.begin = recovery.is_ready, recovery.begin
        self.processed = state.processed

    @property
    def ready(self) -> Collection[int]:
        """Partitions whose state is complete."""
        return self._recovery.ready

    @property
    def unready(self) -> Mapping[int, str]:
        """What is being done about each other assigned partition."""
        return self._recovery.unready

    def figures(self) -> Figures:
        """Where things stand."""
        recovery = self._recovery
        return Figures(
            len(recovery.ready),
            len(recovery.unready),
            recovery.assignments,
            recovery.warm_starts,
            recovery.restored_s,
            self._snapshots.taken if self._snapshots else None,
        )

    async def take_over(self, partitions: Collection[int]) -> None:
        """Note what is ours now, and drop the state of all other partitions: somebody else counts there.

        Awaited after every rebalance, before anything is read; takes as long as there is state to drop.
        """
        self._recovery.expect(partitions)
        await self._state.keep_only(partitions)

    async def hand_over(self) -> None:
        """Publish the last state of all partitions, and count no more until told where they stand.

        Awaited before every rebalance and at the end, with everything committed. Never raises, and ends within
        `SnapshotLimits.hand_over_s`. A second call in a row finds nothing to publish.
        """
        if self._snapshots is not None:
            await self._snapshots.hand_over()
        await self._recovery.halt()

    async def run(self) -> None:
        """Take snapshots until cancelled."""
        if self._snapshots is None:
            await asyncio.Event().wait()
        else:
            await self._snapshots.run()
