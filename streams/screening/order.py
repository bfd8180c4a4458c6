"""Whether call events come in order of time, as windows need them; it knows neither files nor windows."""

import numpy as np

from detector.columns.arrays import Ints
from detector.features.window_constants import HOUR_MS

TOLERATED_MS = HOUR_MS
"""An event that is older than one before it by more is in none of the windows up to an hour."""


class Order:
    """Counts events that are too old where they stand. Calls of several switches may well be minutes apart.

    Attributes:
        late: Events so far that are older than one before them by more than `TOLERATED_MS`.
    """

    def __init__(self) -> None:
        self.late = 0
        self._newest_ms = 0

    def add(self, time_ms: Ints) -> None:
        """Look at the next events; a few array operations a batch.

        Args:
            time_ms: When they happened, epoch milliseconds, shape (n,), in the order in which they came.
        """
        newest = np.maximum.accumulate(np.concatenate(([self._newest_ms], time_ms)))
        self.late += int((newest[1:] - time_ms > TOLERATED_MS).sum())
        self._newest_ms = int(newest[-1])

    @property
    def warning(self) -> str:
        """What is to be said where events are too old, one line."""
        return f"{self.late:,} events are more than 1 h older than one before them: give events in order of time"
