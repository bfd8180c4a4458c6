"""The seed of a worker's hashes: of the fleet's secret, of the copy beside its snapshots, else the public one."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.contract.errors import RobocallError
from streams.kafka.fleet_secret import PATIENCE_S, SecretUnknown, read, seed_of
from streams.running.daemon_thread import DaemonThread
from streams.settings import NO_SNAPSHOTS, Settings
from streams.state.snapshot_store import SnapshotStore

T = TypeVar("T")

log = structlog.get_logger(__name__)


async def fleet_seed(settings: Settings) -> int:
    """Find the seed; called once at the start of a worker, before anything is counted. Never raises.

    It waits for the brokers and for the store of snapshots, some seconds each. A worker without the seed of the others
    decides all the same: its trunk totals are its own, its snapshots fit itself alone. The log says so.
    """
    has_store = settings.snapshot_url != NO_SNAPSHOTS
    store = SnapshotStore(settings.snapshot_url, signing=settings.signing) if has_store else None
    try:
        secret = await read(settings)
    except SecretUnknown as error:
        kept = None if store is None else await _asked(store.kept_secret)
        if kept is None:
            log.warning("the seed of hashes is the public one: numbers can be chosen that cost much", cause=str(error))
            return PUBLIC_SEED
        log.warning("the secret of the fleet is taken from its copy beside the snapshots", cause=str(error))
        return seed_of(kept)
    if store is not None:
        await _asked(lambda: store.keep_secret(secret))
    log.info("the fleet has a seed of its own", seed=name_of(seed_of(secret)))
    return seed_of(secret)


async def _asked(call: Callable[[], T]) -> T | None:
    """What the store says; None where it does not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await DaemonThread("fleet secret").run(call)
    except (RobocallError, TimeoutError, OSError) as error:
        log.warning("no copy of the fleet's secret beside the snapshots", cause=str(error) or "no answer")
        return None
