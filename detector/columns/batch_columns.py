"""The door to this room: from the facts of a batch to its columns, of all events and of the call setups among them.

Windows and policies read what is made here, and nobody makes columns of a batch a second time. It knows no record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detector.columns.arrays import Ints
from detector.columns.call_columns import CallBatch, build_columns
from detector.columns.clocks import ClockTolerance, set_right
from detector.columns.facts import Facts
from detector.columns.setups import Calls, calls_in


@dataclass(frozen=True, slots=True, eq=False)
class BatchColumns:
    """A batch as windows and policies see it.

    Attributes:
        events: Columns of all events, in order.
        calls: The call setups among them, in order.
        skewed: How many events had a clock that was put right (`detector.columns.clocks`).
    """

    events: CallBatch
    calls: Calls
    skewed: int = 0

    @classmethod
    def of(cls, events: CallBatch, skewed: int = 0) -> "BatchColumns":
        """Pick the call setups out of a batch whose clocks are right.

        Called once for each batch that is decided. A batch that is only counted needs its `CallBatch` alone.
        """
        return cls(events, calls_in(events), skewed)


def columns_of(
    facts: Facts,
    events: Sequence[Any],
    partitions: Ints,
    arrivals_ms: Ints,
    *,
    seed: int,
    clock: ClockTolerance | None = None,
) -> BatchColumns:
    """Make the columns of a batch. Called once for each batch, before anything counts it; linear, never blocks.

    What it raises is a bug of ours: any fact that a reader accepts has columns.

    Args:
        facts: Of n events, with their texts.
        events: The events, in order of arrival; looked at only where a text is not plain ASCII.
        partitions: Partition of each, shape (n,).
        arrivals_ms: When each arrived, shape (n,), epoch milliseconds; 0 or less where nobody knows.
        seed: Seed of the hashes; the window engine must have the same.
        clock: How wrong the clock of a switch may be; None corrects none.
    """
    columns, skewed = build_columns(facts, events, partitions, seed=seed), 0
    if clock is not None:
        columns, skewed = set_right(columns, arrivals_ms, clock)
    return BatchColumns.of(columns, skewed)
