"""Looking at snapshots from outside of a worker: what is in one, and whether a worker could use it. Blocking."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.columns.hashing import PUBLIC_SEED, name_of
from detector.features.table import FEATURE_SCHEMA_ID
from detector.windows import WindowEngine, WindowSettings
from detector.windows.row_copies import LATEST_MS_COLUMN
from models.errors import StoredFileUnusable
from streams.kafka.fleet_secret import seed_of
from streams.settings import Settings
from streams.state.policy_memory import decode
from streams.state.snapshot_errors import SnapshotRefused
from streams.state.snapshot_file import STATE, Snapshot, read_snapshot
from streams.state.snapshot_format import Header
from streams.state.snapshot_store import UNKNOWN, Entry, SnapshotStore, age, kind_of

FEW = 1_024
"""Room of an engine that only looks at rows: what does not fit pushes other rows out, after it was looked at."""


@dataclass(frozen=True, slots=True)
class Family:
    """Windows of one kind of key in a snapshot.

    Attributes:
        name: of the store.
        rows: keys.
        newest_ms: time of the newest event, epoch milliseconds; 0 where there is no row.
    """

    name: str
    rows: int
    newest_ms: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a snapshot.

    Attributes:
        families: windows, by store.
        trunk_groups: names of trunk groups.
        held: callers that hysteresis remembers.
        standing: standing decisions.
    """

    families: tuple[Family, ...]
    trunk_groups: int
    held: int
    standing: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of a snapshot; nothing where a worker would use it.

    Attributes:
        damage: what is wrong with it, for anybody.
        misfit: why workers of this build and seed leave it alone, though nothing is wrong with it.
    """

    damage: str | None = None
    misfit: str | None = None


class Inspector:
    """Looks at the snapshots of one store, as a worker of this build with these settings would.

    Args:
        store: where they are.
        settings: of the workers.

    Raises:
        SnapshotRefused: the copy of the fleet's secret is not signed, and has to be.
    """

    def __init__(self, store: SnapshotStore, settings: Settings) -> None:
        self._store = store
        secret = store.kept_secret()
        seeds = [PUBLIC_SEED] if secret is None else [seed_of(secret), PUBLIC_SEED]
        self._engines = {name_of(seed): _engine(settings, seed) for seed in seeds}

    def contents(self, entry: Entry) -> Contents:
        """What is in it.

        Raises:
            SnapshotRefused: it cannot be read; one sentence.
            StoredFileUnusable: it was deleted meanwhile.
        """
        snapshot = self._read(entry)
        memory, _ = decode(snapshot.memory)
        newest = {one.store: one.arrays[STATE][:, LATEST_MS_COLUMN] for one in snapshot.parts}
        families = tuple(
            Family(name, len(times), int(times.max()) if len(times) else 0) for name, times in newest.items()
        )
        return Contents(families, len(snapshot.names), len(memory.held), len(memory.standing))

    def look(self, entry: Entry) -> Finding:
        """Whether a worker would use it. Reads all of it, and looks at each row; never raises for what is in it."""
        try:
            snapshot = self._read(entry)
            decode(snapshot.memory)
            misfit = self._misfit(snapshot.header)
            if misfit is None:
                self._look_at_rows(snapshot)
        except (SnapshotRefused, StoredFileUnusable, ValueError) as error:
            return Finding(damage=str(error))
        return Finding(misfit=misfit)

    def _read(self, entry: Entry) -> Snapshot:
        header = self._store.header(entry)
        named = entry.topic, entry.partition, entry.offset, entry.generation
        if named != (header.topic, header.partition, header.offset, header.generation):
            raise SnapshotRefused(
                f"snapshot {entry.name} is of offset {header.offset} of {header.topic}: it was renamed"
            )
        with TemporaryDirectory() as folder:
            return read_snapshot(
                self._store.fetch(entry, Path(folder)),
                topic=header.topic,
                partition=header.partition,
                layout=header.layout,
                feature_schema=header.feature_schema,
                seed=header.seed,
                signing=self._store.signing,
            )

    def _misfit(self, header: Header) -> str | None:
        engine = self._engines.get(header.seed)
        if engine is None:
            return f"it was counted under another seed of hashes ({header.seed})"
        if (header.layout, header.feature_schema) != (engine.layout, FEATURE_SCHEMA_ID):
            return "another build wrote it, and reads it"
        return None

    def _look_at_rows(self, snapshot: Snapshot) -> None:
        header = snapshot.header
        engine, partition = self._engines[header.seed], header.partition
        model, _, _ = header.margins_of.rpartition(".")
        engine.keep_margins(model)
        try:
            for _ in engine.load(partition, snapshot.parts, snapshot.names, header.kept):
                pass
        finally:
            engine.forget_partition(partition)


def _engine(settings: Settings, seed: int) -> WindowEngine:
    bounds = WindowSettings(FEW, FEW, FEW, FEW, FEW, FEW, seed, settings.partitions, keep_signatures=True)
    return WindowEngine(bounds)


def preferred_to(chosen: Entry, header: Header, entries: Sequence[Entry]) -> list[Entry]:
    """Snapshots that the workers which read the chosen one would take instead: newer ones of its kind."""
    kinds = UNKNOWN, kind_of(header.layout, header.feature_schema, header.seed)
    here = (one for one in entries if (one.topic, one.partition) == (chosen.topic, chosen.partition))
    return [one for one in here if one.kind in kinds and age(one) > age(chosen)]
