"""What keeps a worker's windows over restarts and moves."""

import structlog

from streams.files import private_folder
from streams.kafka.log_reader import LogReader
from streams.kafka.publishing.publisher import partition_of
from streams.kafka.topics import CALL_EVENTS
from streams.screening.pipeline import Pipeline
from streams.settings import NO_SNAPSHOTS, Settings
from streams.state.durability import Durability
from streams.state.recovery import Recovery, RecoveryLimits
from streams.state.snapshot_store import SnapshotStore
from streams.state.snapshots import SnapshotLimits, Snapshots
from streams.state.worker_state import WorkerState
from streams.worker.parts.followers import Followers
from streams.worker.parts.ground import Ground
from streams.worker.unreadable import UnreadableBatches

log = structlog.get_logger(__name__)


def make_durability(
    ground: Ground, followers: Followers, pipeline: Pipeline, unreadable: UnreadableBatches
) -> Durability:
    """Make it; without a place for snapshots it warms up alone."""
    settings, app = ground.settings, ground.app

    def home(calling_number: str) -> int:
        return partition_of(calling_number.encode("utf-8", "surrogatepass"), ground.partitions())

    state = WorkerState(pipeline, home)
    store, spool = _store(settings), private_folder()
    recovery = Recovery(
        state,
        store,
        CALL_EVENTS,
        spool,
        lambda: LogReader(settings, CALL_EVENTS, unreadable.note),
        RecoveryLimits(warm_up_s=settings.warm_up_s, warm_up_events=settings.warm_up_events),
        model_begun=followers.switch.begun,
        on_restored=followers.lists.look_at_restored,
    )
    snapshots = None
    if store is not None:
        snapshots = Snapshots(
            state,
            store,
            identity=lambda: recovery.identity,
            instance=ground.instance,
            spool=spool,
            ready=lambda: tuple(recovery.ready),
            committed=lambda partition: app.consumer.committed_in(CALL_EVENTS, partition),
            generation=lambda: app.consumer_generation_id,
            partition_of=home,
            partitions=ground.partitions,
            limits=SnapshotLimits(interval_s=settings.snapshot_interval_s),
        )
    return Durability(state, recovery, snapshots)


def _store(settings: Settings) -> SnapshotStore | None:
    if settings.snapshot_url == NO_SNAPSHOTS:
        return None
    store = SnapshotStore(settings.snapshot_url, signing=settings.signing)
    if complaint := store.complaint():
        log.warning(complaint)
    return store
