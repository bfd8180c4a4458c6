"""The lasting parts of one worker, joined as `streams.worker.parts.durable` does, with a log in memory under them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

from detector.contract.decisions import Mode
from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy, StandingBlocks, Thresholds
from detector.policy.standing import PolicyMemory, StandingDecisions
from detector.testing import BY_ORDER, small_windows
from detector.testing.events import SEED
from detector.windows import WindowEngine
from models.serve.artifact import SHIPPED
from models.serve.artifact import load as load_model
from streams.kafka.topics import CALL_EVENTS
from streams.screening.pipeline import Pipeline
from streams.state.durability import Durability
from streams.state.recovery import Recovery, RecoveryLimits
from streams.state.snapshot_store import SnapshotStore
from streams.state.snapshots import SnapshotLimits, Snapshots
from streams.state.worker_state import WorkerState
from tests.detector.windows.rows_of_engine import Rows, rows_of
from tests.histories.calls import home_of
from tests.histories.memory_log import MemoryLog, MemoryReader

LOW = Thresholds(label_at=0.08, label_clear=0.03, block_at=0.17, block_clear=0.1)
KEYS = 1_024
"""Room for all: what is pushed out depends on who else is there."""
LIMITS = RecoveryLimits(warm_up_s=3_600.0, warm_up_events=100, slice_events=3)


class Stands(Protocol):
    """What a worker knows of its group."""

    def committed(self, partition: int) -> int | None:
        """Offset that the group has taken."""

    def generation(self) -> int:
        """Of the group, as the worker knows it."""


@lru_cache
def shipped() -> Any:
    """The model that is shipped, with a group weight: its scores hang on every window, and on those of its margins."""
    model = load_model(SHIPPED, schema_id=FEATURE_SCHEMA_ID)
    model.manifest |= {"version": f"{model.version}-grouped", "group_weight": 0.5}
    return model


def touchy() -> Policy:
    """A policy that holds many numbers, blocks some, and soon makes standing decisions of it."""
    policy = Policy(
        mode=Mode.ENFORCE,
        budgets=BY_ORDER,
        minimum_samples=(),
        hold_s=900,
        standing_blocks=StandingBlocks(3, 3_600, 900),
    )
    return replace(policy, categories=tuple(replace(one, thresholds=LOW) for one in policy.categories))


@dataclass(frozen=True, slots=True)
class Parts:
    """Joined."""

    pipeline: Pipeline
    state: WorkerState
    recovery: Recovery
    snapshots: Snapshots
    durability: Durability
    home: Callable[[str], int]

    def rows(self, partition: int) -> Rows:
        """What the windows hold of a partition."""
        return rows_of(self.state.engine, partition)

    def memory(self, partition: int) -> PolicyMemory:
        """What the policy remembers of the numbers of a partition."""
        return self.pipeline.screener.standing.memory(lambda number: self.home(number) == partition)


def make_pipeline(partitions: int, classifier: Any, on_failure: Callable[[Exception], None]) -> Pipeline:
    """Windows, model and policy, with nothing counted."""
    screener = Screener(
        engine=WindowEngine(small_windows(keys=KEYS, partitions=partitions)),
        classifier=classifier,
        policy=touchy(),
        lists=Lists(),
        standing=StandingDecisions(),
    )
    return Pipeline(screener, seed=SEED, on_failure=on_failure)


def join(
    log: MemoryLog, pipeline: Any, store: SnapshotStore, spool: Path, stands: Stands, limits: RecoveryLimits = LIMITS
) -> Parts:
    """Join what lasts; nothing runs yet."""
    home = partial(home_of, partitions=log.partitions)
    state = WorkerState(pipeline, home)
    recovery = Recovery(
        state, store, CALL_EVENTS, spool, lambda: MemoryReader(log), limits, model_begun=_nothing, on_restored=_nothing
    )
    snapshots = Snapshots(
        state, store, identity=lambda: recovery.identity, instance="test", spool=spool,
        ready=lambda: tuple(recovery.ready), committed=stands.committed, generation=stands.generation,
        partition_of=home, partitions=lambda: log.partitions,
        limits=SnapshotLimits(interval_s=3_600.0, step_bytes=2_000),
    )  # fmt: skip
    return Parts(pipeline, state, recovery, snapshots, Durability(state, recovery, snapshots), home)


def make_parts(log: MemoryLog, store: SnapshotStore, spool: Path, stands: Stands, classifier: Any) -> Parts:
    """All of it, with nothing counted; an internal error fails the test."""
    return join(log, make_pipeline(log.partitions, classifier, fail), store, spool, stands)


def fail(error: Exception) -> None:
    """Nothing may go wrong inside."""
    raise AssertionError("an internal error") from error


async def _nothing() -> None:
    """Nobody releases anything here."""
