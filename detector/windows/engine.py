"""The window engine: five families of keys over one compiled loop, with bounded memory."""

from dataclasses import dataclass

import numpy as np

from detector import measures as spec
from detector.columns import CallBatch, build_batch
from detector.features import N_FEATURES, program, wanted_distinct
from detector.hashing import hash_text
from detector.numbering import nanp_digits
from detector.ports import FeatureMatrix
from detector.windows import kernel, slots
from detector.windows.kernel import Columns, Families, Reading
from detector.windows.reading import read


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Bounds of the engine. A busy number takes about 4 KB, a trunk or origin 24 KB, any other number 170 bytes.

    Attributes:
        max_hot_numbers: Numbers with full windows (a third call within 24 h).
        max_cold_numbers: Numbers with their last two calls only.
        max_trunks: Trunk groups, times partitions unless shared.
        max_blocks: Number blocks.
        max_origins: Origins.
        max_called: Called numbers.
        seed: Seed of all hashes; the same as of `build_batch`.
        partitions: Partitions of the topic: counts of origins, blocks and called numbers are multiplied by it.
        shared_trunks: One slot a trunk for all partitions (replay), else one a partition.
    """

    max_hot_numbers: int = 65_536
    max_cold_numbers: int = 1_048_576
    max_trunks: int = 4_096
    max_blocks: int = 32_768
    max_origins: int = 4_096
    max_called: int = 131_072
    seed: int = 1
    partitions: int = 1
    shared_trunks: bool = False


class WindowEngine:
    """Sliding windows of all keys. Not thread-safe; one call at a time."""

    def __init__(self, settings: WindowSettings) -> None:
        """Reserve the stores; memory is used as keys come."""
        self.settings = settings
        number, trunk = spec.SHAPES[spec.NUMBER], spec.SHAPES[spec.TRUNK]
        make = slots.make_store
        self._families = Families(
            cold=make(number, settings.max_cold_numbers, ring=spec.COLD_RING, has_panes=False, is_shared=False),
            number=make(number, settings.max_hot_numbers, ring=spec.RING, has_panes=True, is_shared=False),
            trunk=make(trunk, settings.max_trunks, ring=spec.RING, has_panes=True, is_shared=True),
            origin=make(
                spec.SHAPES[spec.ORIGIN], settings.max_origins, ring=spec.RING, has_panes=True, is_shared=False
            ),
            block=make(spec.SHAPES[spec.BLOCK], settings.max_blocks, ring=spec.RING, has_panes=True, is_shared=False),
            called=make(spec.SHAPES[spec.CALLED], settings.max_called, ring=spec.RING, has_panes=True, is_shared=False),
        )
        scale = np.ones(spec.N_FAMILIES)
        scale[[spec.ORIGIN, spec.BLOCK, spec.CALLED, spec.RECEIVED]] = settings.partitions
        self._reading = Reading(
            program=program(),
            wanted=wanted_distinct(),
            scale=scale,
            counts=np.zeros((spec.N_FAMILIES, spec.N_WINDOWS, spec.N_MEASURES)),
            distinct=np.zeros((spec.N_FAMILIES, spec.N_ITEMS, spec.N_WINDOWS)),
            ages_s=np.full((spec.N_FAMILIES, 2), spec.NOT_ENOUGH_DATA),
        )

    @classmethod
    def warm(cls) -> None:
        """Compile everything, or load it from the cache, so that the first call does not wait."""
        settings = WindowSettings(8, 8, 8, 8, 8, 8)
        engine = cls(settings)
        engine.update(build_batch([], [], seed=settings.seed))
        engine.forget_partition(0)

    def update(self, batch: CallBatch) -> FeatureMatrix:
        """Apply all events of `batch` in order.

        Returns:
            One row for each set-up, in order, shape (setups, N_FEATURES) float32: what was known at that call, itself and
            every earlier event included.
        """
        matrix = np.zeros((int(np.count_nonzero(batch.is_setup)), N_FEATURES), dtype=np.float32)
        columns = Columns(*(getattr(batch, name) for name in Columns._fields))
        kernel.run(self._families, columns, self._reading, self.settings.shared_trunks, self.settings.seed, matrix)
        return matrix

    def forget_partition(self, partition: int) -> None:
        """Drop everything that `partition` counted: it moved to another worker."""
        for store in self._families:
            slots.forget(store, partition)

    def tracked(self) -> dict[str, int]:
        """Number of keys held, per family; `cold` are numbers seen once or twice."""
        return {name: int(store.scalars[slots.USED]) for name, store in self._families._asdict().items()}

    def evictions(self) -> dict[str, int]:
        """Number of keys given up for want of room, per family, since the start."""
        return {name: int(store.scalars[slots.EVICTIONS]) for name, store in self._families._asdict().items()}

    def number_counts(self, calling_number: str, now_ms: int) -> dict[str, tuple[float, ...]]:
        """All measures of a calling number in the five windows at `now_ms`, shortest first; empty when not tracked."""
        key = self._number_key(calling_number)
        counts = np.zeros((spec.N_WINDOWS, spec.N_MEASURES))
        distinct = np.zeros((spec.N_ITEMS, spec.N_WINDOWS))
        for store in (self._families.number, self._families.cold):
            slot = slots.find(store, key)
            if slot >= 0:
                read(store, slot, now_ms, np.zeros(spec.N_WINDOWS, dtype=np.bool_), counts, distinct)
                return {name: tuple(counts[:, column].tolist()) for column, name in enumerate(spec.MEASURES)}
        return {}

    def _number_key(self, calling_number: str) -> int:
        data = np.frombuffer(calling_number.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        digits = nanp_digits(data, 0, len(data))
        return int(digits) if digits else hash_text(calling_number, seed=self.settings.seed)
