"""Windows for tests: prepared ones that say what a test wrote down, and bounds for real ones of a few keys."""

from collections.abc import Mapping

import numpy as np

from detector.columns.arrays import Floats, Ints
from detector.columns.call_columns import CallBatch
from detector.columns.windows_port import NO_KEY, Neighbours
from detector.contract.ports import FeatureMatrix
from detector.features.schemas import F2, Schema
from detector.features.table import INDEX, N_FEATURES
from detector.testing.events import SEED
from detector.windows import WindowSettings


def small_windows(*, keys: int = 64, partitions: int = 1, seed: int = SEED) -> WindowSettings:
    """Bounds of windows for a few keys: `WindowEngine(small_windows())` counts as the one that serves.

    Args:
        keys: Most keys of each family; beyond them the longest idle one goes.
        partitions: Partitions of the topic.
        seed: Seed of the hashes; that of the batches.
    """
    return WindowSettings(
        max_hot_numbers=keys,
        max_cold_numbers=keys,
        max_trunks=keys,
        max_blocks=keys,
        max_origins=keys,
        max_called=keys,
        seed=seed,
        partitions=partitions,
    )


class PreparedWindows:
    """Says of each call what a test wrote down, so that one step can be looked at alone. Nothing is counted.

    Args:
        features: By call id: names and values of features; all others are 0.
    """

    def __init__(self, features: Mapping[str, Mapping[str, float]]) -> None:
        self.features = features

    def update(self, batch: CallBatch) -> FeatureMatrix:
        """Return the prepared rows, shape (n_setups, n_features); see `detector.columns.windows_port.Windows`.

        Raises:
            KeyError: A name is that of no feature.
        """
        setups = [event for event, is_setup in zip(batch.events, batch.is_setup, strict=True) if is_setup]
        rows = np.zeros((len(setups), N_FEATURES), np.float32)
        for row, event in enumerate(setups):
            for name, value in self.features.get(event.call_id, {}).items():
                rows[row, INDEX[name]] = value
        return rows

    def count(self, batch: CallBatch) -> None:
        """Do nothing: nothing is counted, and nothing read. See `detector.columns.windows_port.Windows`."""

    def use(self, schema: Schema) -> Schema:
        """Give the columns of f2: of days nothing is prepared. See `detector.columns.windows_port.Windows`."""
        del schema
        return F2

    def keep_margins(self, model: str) -> None:
        """Do nothing: no margin is kept. See `detector.columns.windows_port.Windows`."""

    def add_margins(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        """Know of no call around any. See `detector.columns.windows_port.Windows`."""
        del batch, margins
        nothing = np.zeros(len(rows), np.int64)
        return Neighbours(np.zeros(len(rows)), nothing + NO_KEY, nothing, nothing)
