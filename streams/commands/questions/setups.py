"""The calls that questions are about: the events are read once more for them."""

from contextlib import ExitStack
from typing import cast

import numpy as np
from numpy.typing import NDArray

from detector.columns.batch_columns import columns_of
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.events import CallSetup
from streams.commands.events.source import Source
from streams.running.progress import Say
from streams.wire.reading import read
from streams.wire.record_columns import records_of


def setups_of(source: Source, wanted: NDArray[np.int64], say: Say) -> dict[int, CallSetup]:
    """Find calls among events. It blocks for the disk and for processor time: all events are read.

    Args:
        source: The events that they came from.
        wanted: Keys of the call ids, shape (n,).
        say: Told how far it is.

    Returns:
        By key of the call id; of a repeated one the first.

    Raises:
        OSError: a file cannot be read.
        RobocallError: the archive cannot be read.
    """
    found: dict[int, CallSetup] = {}
    if not len(wanted):
        return found
    seen = 0
    with ExitStack() as stack:
        for lines in source.batches(stack):
            reading = read(records_of(lines))
            columns = columns_of(
                reading.facts, reading.events, reading.partitions, reading.arrivals_ms, seed=PUBLIC_SEED
            )
            is_wanted = columns.events.is_setup & np.isin(columns.events.call, wanted)
            for place in np.flatnonzero(is_wanted).tolist():
                found.setdefault(int(columns.events.call[place]), cast("CallSetup", reading.events[place]))
            seen += len(lines)
            say(f"{seen:,} events read for the calls that are asked about")
    return found
