"""Switches whose clock is wrong: their events are moved to their time of arrival, so that they harm nobody else.

Windows are driven by event time, and keys are shared by switches: a trunk group that sees one event from the future has
its windows moved on to it, and counts nothing of the present until that future has come.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints
from detector.columns.call_columns import CallBatch
from detector.columns.facts import ABSENT
from detector.features.window_constants import DAY_MS, MINUTE_MS

BACKFILL_MS = 2 * DAY_MS
"""Further behind than any clock is wrong by."""


@dataclass(frozen=True, slots=True)
class ClockTolerance:
    """How far an event's time may be from its arrival before its switch's clock is held to be wrong.

    Ahead it can only be wrong, but for the drift of a clock that is set now and then. Behind it may be right: a switch
    that kept events back through an outage is late, not wrong, and its events belong where they happened. A wrong time
    zone, the usual cause, is wrong by a multiple of 15 minutes, nearly always by hours.

    Much further behind than any time zone it is a replay of old traffic on purpose, which is driven by its own time.
    What is too old for a window does not enter it.

    Defaults of the first two stand in `streams.settings` alone.

    Attributes:
        ahead_ms: Most that an event may be dated after its arrival, milliseconds, at least 0.
        behind_ms: Most that an event may be dated before its arrival, milliseconds, at least 0.
        backfill_ms: Dated further than this before its arrival it is left alone, milliseconds, at least 0.
    """

    ahead_ms: int
    behind_ms: int
    backfill_ms: int = BACKFILL_MS


def shifts_ms(time_ms: Ints, arrivals_ms: Ints, tolerance: ClockTolerance) -> Ints:
    """What to add to each event time, shape (n,): 0 within the tolerance, else the way to the arrival.

    Whole minutes, to the nearest: the set-up and the end of a call travel for different times, and both have to shift
    alike, or the end would not find its call.

    Args:
        time_ms: Event times, shape (n,).
        arrivals_ms: When each arrived by a clock that is right, shape (n,); 0 or less where nobody knows: no shift.
        tolerance: What is not corrected.
    """
    ahead = time_ms - arrivals_ms
    is_behind = (-ahead > tolerance.behind_ms) & (-ahead <= tolerance.backfill_ms)
    is_wrong = ((ahead > tolerance.ahead_ms) | is_behind) & (arrivals_ms > 0)
    shifts: NDArray[np.int64] = np.where(is_wrong, (MINUTE_MS // 2 - ahead) // MINUTE_MS * MINUTE_MS, 0)
    return shifts


def set_right(batch: CallBatch, arrivals_ms: Ints, tolerance: ClockTolerance) -> tuple[CallBatch, int]:
    """Correct the times of events whose switch has a wrong clock; the events themselves stay as they came.

    Called once for each batch, before anything counts it; linear, never blocks.

    Args:
        batch: Of any times.
        arrivals_ms: When each of its events arrived, shape (n,), epoch milliseconds; 0 or less where nobody knows.
        tolerance: What is not corrected.

    Returns:
        The batch, the same one when nothing is wrong, and how many of its events were corrected.
    """
    shifts = shifts_ms(batch.time_ms, arrivals_ms, tolerance)
    skewed = int(np.count_nonzero(shifts))
    if not skewed:
        return batch, 0
    setup_time_ms = np.where(batch.setup_time_ms == ABSENT, ABSENT, batch.setup_time_ms + shifts)
    return replace(batch, time_ms=batch.time_ms + shifts, setup_time_ms=setup_time_ms), skewed
