"""The window engine: six families of keys over one compiled loop, with bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detector.columns import code_plan
from detector.columns.arrays import Floats, Ints
from detector.columns.call_columns import TRUNK_SALT, CallBatch, any_call, key_of_number
from detector.columns.compiled import entry_point
from detector.columns.hashing import hash_text
from detector.columns.windows_port import Neighbours
from detector.contract.ports import FeatureMatrix
from detector.features import coverage, window_constants
from detector.features.schemas import F2, F3, F4, FIRST_OF_NUMBERS, Schema
from detector.features.table import program
from detector.windows import cold, group_memory, key_store, loop
from detector.windows.days import memory as day_memory
from detector.windows.days.memory import Bounds, DayMemory
from detector.windows.feature_rows import assembled
from detector.windows.group_memory import GroupMemory
from detector.windows.key_store import make_store
from detector.windows.loop import Columns, Families, Reading
from detector.windows.memories import NOTHING_KEPT, Kept, check_rows, of_use
from detector.windows.reading import make_scratch
from detector.windows.signatures import memory as signature_memory
from detector.windows.signatures.memory import SignatureMemory
from detector.windows.sweep import PART_BYTES, Stores, Sweep, SweptRows, layout_of, packed_parts
from detector.windows.trunk_book import TrunkBook

coverage.check()

SLICE_BYTES = 1 << 17
"""Rows are loaded and forgotten by so much at a time: well below 1 ms."""
NAMES_PER_SLICE = 128
"""Names of trunk groups looked up in one go when rows are loaded."""
NAMES_PER_SLOT = 2
KEYS_PER_HOT_KEY = 8
"""Blocks and called numbers: one in so many may be busy enough for full windows."""


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Bounds of the engine. Defaults stand in `streams.settings` alone; a notebook or a test says what it wants.

    A number seen once takes 64 bytes, a busy one 1,024, all in; `WindowEngine.bytes_per_key` has the other families.
    Memory is used as keys come.

    Attributes:
        max_hot_numbers: Numbers with full windows (a second call within 24 h).
        max_cold_numbers: Numbers with their last call only.
        max_trunks: Trunk groups, counted once in each partition unless shared.
        max_blocks: Number blocks; one in eight of them may be busy.
        max_origins: Origins.
        max_called: Called numbers; one in eight of them may be busy.
        seed: Seed of all hashes; the same as of `build_batch`.
        partitions: Partitions of the topic: calls of origins, blocks and called numbers other than the one that is
            judged are multiplied by it.
        shared_trunks: One slot a trunk for all partitions (replay), else one a partition.
        keep_days: Whether days are remembered though no model reads them, so that one may later: of as many numbers as
            may be cold with calls on several days, and of as many others.
        keep_signatures: Whether days and signatures are, likewise.
    """

    max_hot_numbers: int
    max_cold_numbers: int
    max_trunks: int
    max_blocks: int
    max_origins: int
    max_called: int
    seed: int
    partitions: int
    shared_trunks: bool = False
    keep_days: bool = False
    keep_signatures: bool = False


class WindowEngine:
    """Sliding windows of all keys: `detector.columns.windows_port.Windows`, and what keeping and sharing them needs.

    Every window is half-open in event time: at `now` it holds what happened in `(now - length, now]`, so an event that
    is exactly `length` old has left it. A late event is counted in the pane of its own time while any window still
    reaches back to it, and nowhere after that. It changes no row that was read before.

    One call at a time, from one thread. Nothing here waits, reads a clock or touches a file. Each call ends soon: an
    event costs some microseconds, and what takes longer (`load`, `forget_slowly`, a sweep) comes in slices.
    """

    def __init__(self, settings: WindowSettings) -> None:
        """Reserve the stores; memory is used as keys come.

        Args:
            settings: Bounds, seed and partitions; they stay as they are.
        """
        self.settings = settings
        hot_blocks, hot_called = (
            max(1, most // KEYS_PER_HOT_KEY) for most in (settings.max_blocks, settings.max_called)
        )
        self._stores = Stores(
            Families(
                cold_number=make_store(window_constants.NUMBER, settings.max_cold_numbers, is_cold=True),
                number=make_store(window_constants.NUMBER, settings.max_hot_numbers),
                trunk=make_store(window_constants.TRUNK, settings.max_trunks),
                origin=make_store(window_constants.ORIGIN, settings.max_origins),
                cold_block=make_store(window_constants.BLOCK, settings.max_blocks, is_cold=True),
                block=make_store(window_constants.BLOCK, hot_blocks),
                cold_called=make_store(window_constants.CALLED, settings.max_called, is_cold=True),
                called=make_store(window_constants.CALLED, hot_called),
            ),
            group_memory.make_groups(1, 1, 1),
            day_memory.make_days(day_memory.NO_ROOM),
            signature_memory.make_signatures(signature_memory.NO_ROOM),
        )
        origins, blocks = settings.max_origins, settings.max_blocks
        self.groups = GroupMemory(self._stores, settings.seed, (settings.max_hot_numbers, origins, blocks))
        bounds = Bounds(settings.max_cold_numbers, settings.max_cold_numbers, settings.max_trunks, origins, blocks)
        self.days = DayMemory(self._stores, bounds, is_shared=settings.shared_trunks)
        signed = signature_memory.Bounds(settings.max_trunks, origins, origins)
        self.signatures = SignatureMemory(self._stores, settings.seed, signed)
        scale = np.ones(window_constants.N_FAMILIES)
        scale[[window_constants.ORIGIN, window_constants.BLOCK, window_constants.CALLED, window_constants.RECEIVED]] = (
            settings.partitions
        )
        counts = np.zeros((window_constants.N_FAMILIES, window_constants.N_WINDOWS, window_constants.N_MEASURES))
        distinct = np.zeros((window_constants.N_FAMILIES, window_constants.N_ITEMS, window_constants.N_WINDOWS))
        self._reading = Reading(
            program=assembled(program()),
            scale=scale,
            counts=counts,
            all_counts=counts.reshape(-1),
            distinct=distinct,
            all_distinct=distinct.reshape(-1),
            ages_s=np.full((window_constants.N_FAMILIES, 2), window_constants.NOT_ENOUGH_DATA),
            scratch=make_scratch(),
            indexes=np.zeros(window_constants.N_WINDOWS, dtype=np.int64),
        )
        self.unassigned = code_plan.NO_LIST
        self._run: Callable[..., object] | None = None
        self._sweep: Sweep | None = None
        self._sweeps = 0
        self._trunks = TrunkBook(self._scoped, seed=settings.seed, most_names=NAMES_PER_SLOT * settings.max_trunks)
        self.use(F2)
        self.days.touch_tables()

    @classmethod
    def warm(cls) -> None:
        """Compile everything, or load it from the cache, so that the first call does not wait.

        It is called once, before calls come: it blocks for half a minute where nothing is cached, else for a second.
        """
        engine = cls(WindowSettings(8, 8, 8, 8, 8, 8, seed=1, partitions=1))
        engine.keep_margins("warm-up")
        engine.use(F4)
        batch = any_call()
        for _ in range(2):  # a number of one call, and a busy one
            engine.update(batch)
            engine.add_margins(batch, np.zeros(1, np.int64), np.zeros(1))
        ((trunk_group_id, share),) = engine.trunk_shares(0).items()
        engine.whole_shares([share])
        sweep = engine.sweep()
        engine.set_trunk_others(trunk_group_id, {0: share})
        parts = sweep.step(PART_BYTES)
        engine.forget_partition(0)
        for _ in engine.load(0, parts, sweep.names, engine.kept):
            engine.count(batch)

    def update(self, batch: CallBatch) -> FeatureMatrix:
        """Apply all events of `batch` in order.

        Args:
            batch: Columns that were made with the seed of these windows.

        Returns:
            One row for each set-up, in order, shape (n_setups, n_features) float32: what was known at that call,
            itself and every earlier event included. The matrix is new and the caller's own.
        """
        matrix = np.zeros((int(np.count_nonzero(batch.is_setup)), len(self._schema.names)), dtype=np.float32)
        self._apply(batch, matrix, is_read=True)
        return matrix

    def use(self, schema: Schema) -> Schema:
        """Give the features of a table, or of the wider one that the settings want; may abandon a sweep."""
        wanted = F4 if self.settings.keep_signatures else F3 if self.settings.keep_days else F2
        self._schema = max(schema, wanted, key=lambda one: len(one.names))
        has_changed = self.days.keep(is_wanted=len(self._schema.days) > 0)
        has_changed |= self.signatures.keep(is_wanted=self._schema.has_signatures)
        if has_changed and self._sweep is not None:
            self._sweep.abandon()
        return self._schema

    def count(self, batch: CallBatch) -> None:
        """Apply all events of `batch` in order and read nothing: for events that get no decision any more.

        What is counted afterwards is the same to the bit as after `update`. Only when distinct counts were last
        estimated differs: `update` does so as it reads, hence the next `update` after a `count` may do so sooner.
        """
        self._apply(batch, np.zeros((0, len(self._schema.names)), dtype=np.float32), is_read=False)

    def _apply(self, batch: CallBatch, matrix: FeatureMatrix, *, is_read: bool) -> None:
        self._trunks.note(batch, self._families.trunk)
        self._make_room(batch.n)
        # The entry point takes the arrays for what they are said to be: strided ones have to be copied before.
        columns = Columns(*(np.ascontiguousarray(getattr(batch, name)) for name in Columns._fields))
        keys = np.empty((batch.n, loop.N_KEYS), dtype=np.int64)
        shared, seed = self.settings.shared_trunks, self.settings.seed
        if self._run is None:
            arguments = (self._families, columns, self._reading, keys, shared, seed, is_read, matrix)
            self._run = entry_point(loop.run, arguments)
        self._run(self._families, columns, self._reading, keys, shared, seed, is_read, matrix)
        if self.days.is_kept:
            self.days.update(batch, keys, self._schema.days if is_read else F2.days, matrix)
        if self.signatures.is_kept:
            self.signatures.update(batch, matrix, is_read=is_read)
            if is_read:
                digits = batch.calling_digits[batch.is_setup]
                code_plan.fill(digits, self.unassigned, FIRST_OF_NUMBERS, matrix)

    @property
    def kept(self) -> Kept:
        """What is kept beside the windows."""
        return Kept(self.groups.identity, self.days.identity, self.signatures.identity)

    def keep_margins(self, model: str) -> None:
        """Keep the margins of the model of that version from now on, beginning with none; empty: keep none.

        Nothing happens where the model is the same. Else a sweep that is not done is abandoned.
        """
        if self.groups.begin(model) and self._sweep is not None:
            self._sweep.abandon()

    def add_margins(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        """Say what the margins before each of some calls were, then add theirs; see `detector.windows.group_memory`.

        Args:
            batch: That was given to `update`.
            rows: Which of its set-ups, ascending, shape (n,).
            margins: Of these, log-odds, shape (n,).
        """
        self._make_room(len(rows))
        return self.groups.add(batch, rows, margins)

    @property
    def _families(self) -> Families:
        return self._stores.families

    @property
    def layout(self) -> str:
        """Digest of all that fixes what the arrays of `SweptRows` mean: rows go to engines of the same layout only."""
        return layout_of(self._families, self.settings.seed, is_shared=self.settings.shared_trunks)

    def sweep(self, *, part_bytes: int = PART_BYTES) -> Sweep:
        """Start to copy all windows as they are at this instant; a sweep that is not done is abandoned.

        Args:
            part_bytes: About as much is handed out at a time.
        """
        if self._sweep is not None:
            self._sweep.abandon()
        self._sweeps += 1
        self._sweep = Sweep(self._stores, self._sweeps, self._trunks.names.copy(), part_bytes)
        return self._sweep

    def _make_room(self, writes: int) -> None:
        if self._sweep is not None:
            self._sweep.make_room(writes)

    def load(
        self,
        partition: int,
        parts: Iterable[SweptRows],
        names: dict[int, str],
        of: Kept = NOTHING_KEPT,
    ) -> Iterator[int]:
        """Insert the rows of `partition` in `parts`, in order: the last one counts as used last.

        Every array is restored to the bit. Where there are more rows than places, the longest idle keys go as usual.
        The partition should have been forgotten before. All its trunk groups count as changed.

        Args:
            partition: Rows of other partitions are left out.
            parts: Of an engine of the same `layout`.
            names: Trunk key to trunk group id, `Sweep.names`; it may have more than needed.
            of: What is kept where the parts are from; of a memory that is another here nothing is taken.

        Yields:
            Number of rows inserted so far, after a fraction of a millisecond each time.

        Raises:
            ValueError: The arrays of a part are not of this layout, or a row is none that a detector writes
                (`detector.windows.row_check`). Forget the partition then: earlier parts are there.
        """
        inserted = 0
        for name, rows in packed_parts(self._stores, of_use(parts, of, self.kept), SLICE_BYTES):
            check_rows(name, rows)
            self._make_room(len(rows.row))
            inserted += key_store.insert(self._stores[name], rows, partition)
            yield inserted
        for place, (key, name) in enumerate(names.items()):
            self._trunks.restore(key, name, partition, self._families.trunk)
            if place % NAMES_PER_SLICE == 0:
                yield inserted

    def forget_partition(self, partition: int) -> None:
        """Drop everything that `partition` counted: it moved to another worker. What all partitions share stays."""
        for _ in self.forget_slowly(partition):
            pass

    def forget_slowly(self, partition: int) -> Iterator[None]:
        """Do as `forget_partition`, a fraction of a millisecond at a time.

        Between two steps other partitions may be updated; events of this one must not come before the end.

        Yields:
            After each step.
        """
        self._trunks.forget(partition)
        for name, store in self._stores.named().items():
            most = max(1, SLICE_BYTES // key_store.row_bytes(store))
            for start in range(0, int(store.scalars[key_store.UNTOUCHED]), most):
                self._make_room(most)
                key_store.forget(self._stores[name], partition, start, start + most)
                yield

    def tracked(self) -> dict[str, int]:
        """Number of keys held, per family and tier; `cold_` are keys with one call. Cheap: a look at counters."""
        return {name: int(store.scalars[key_store.USED]) for name, store in self._stores.named().items()}

    def bytes_per_key(self) -> dict[str, float]:
        """Bytes that a key takes, per family and tier: its row, links included, and its share of the table."""
        return {name: key_store.bytes_per_key(store) for name, store in self._stores.named().items()}

    def evictions(self) -> dict[str, int]:
        """Number of keys given up for want of room, per family, since the start."""
        return {name: int(store.scalars[key_store.EVICTIONS]) for name, store in self._stores.named().items()}

    def trunk_shares(self, partition: int) -> dict[str, bytes]:
        """What `partition` counted for the trunk groups that have waited longest to be asked for.

        It takes a fraction of a millisecond, since a few dozen are given at once. A trunk group waits from its next
        event on.

        Args:
            partition: Whose counts.

        Returns:
            By trunk group its share, as `TrunkShare.to_bytes` packs it; empty when nothing has changed.
        """
        return self._trunks.shares(partition, self._families.trunk)

    def recount_trunks(self, partition: int) -> None:
        """Have `trunk_shares` give all trunk groups of `partition` again: who asks has nothing of it."""
        self._trunks.recount(partition)

    def whole_shares(self, shares: Sequence[bytes]) -> list[bool]:
        """Tell of each share from elsewhere, at least one, whose header was read, whether the rest is whole too."""
        return self._trunks.are_whole(shares)

    def set_trunk_others(
        self, trunk_group_id: str, shares: Mapping[int, bytes], elsewhere: Sequence[bytes] = ()
    ) -> int:
        """Tell the row of a trunk group in each partition what all shares but its own add up to; idempotent.

        Args:
            trunk_group_id: as in the events.
            shares: of the partitions that are to be told, as `trunk_shares` gave them; at least one.
            elsewhere: what is counted besides; all of them are whole, see `whole_shares`.

        Returns:
            How many of the partitions track the trunk group, so that there was something to add to.
        """
        key = hash_text(trunk_group_id, seed=self.settings.seed + TRUNK_SALT)
        self._make_room(len(shares))
        return self._trunks.share_out(key, shares, elsewhere, self._families.trunk)

    def _scoped(self, key: int, partition: int) -> int:
        return loop.trunk_key(key, partition, self.settings.shared_trunks, self.settings.seed)

    def number_counts(self, calling_number: str, now_ms: int, partition: int = 0) -> dict[str, tuple[float, ...]]:
        """Look a calling number up; nothing changes by it. Not warmed: the first use compiles for about a second.

        Args:
            calling_number: As in the events.
            now_ms: End of the windows, epoch milliseconds.
            partition: The one that its events came from.

        Returns:
            By measure its counts in the five windows `(now_ms - length, now_ms]`, shortest first; talk time in seconds.
            `NOT_ENOUGH_DATA` where `detector.features.window_constants.SHAPES` does not keep the measure for the
            window. Empty when the number is not tracked.
        """
        key = loop.number_key(key_of_number(calling_number, self.settings.seed), partition, self.settings.seed)
        families = self._families
        counts = cold.counts_of(families.number, families.cold_number, key, now_ms, self._reading.scratch)
        if counts is None:
            return {}
        return {name: tuple(counts[:, column].tolist()) for column, name in enumerate(window_constants.MEASURES)}
