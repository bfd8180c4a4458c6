"""Questions in words: the events are read once more for the calls that they are about."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

import numpy as np

from detector.columns.batch_columns import columns_of
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.events import CallSetup
from models.serve.artifact import Model
from streams.commands.budgets.source import Source
from streams.running.progress import Say
from streams.wire.reading import read
from streams.wire.record_columns import records_of

if TYPE_CHECKING:
    from models.adapt.calls import Calls
    from models.adapt.comparing import Cluster
    from models.adapt.labels import Labels
    from streams.commands.adapt.asked import Asked


def listed(
    about: "Sequence[tuple[Cluster, str]]", calls: "Calls", labels: "Labels", model: Model, source: Source, say: Say
) -> "list[Asked]":
    """Say questions in words. It blocks for the disk and for processor time: all events are read.

    Args:
        about: Clusters, each with why it is asked about.
        calls: All of the span.
        labels: Of these.
        model: Whose scores they have.
        source: The events that they came from.
        say: Told how far it is.

    Raises:
        OSError: a file cannot be read.
        RobocallError: the archive cannot be read.
    """
    from streams.commands.adapt.asked import Asked  # noqa: PLC0415 - scipy takes seconds

    with ExitStack() as stack:
        setups = _setups(source.batches(stack), calls, [cluster for cluster, _ in about], say)
    return [
        Asked.of(one, why, calls, labels, model, [setups[key] for key in calls.call[one.labelled].tolist()])
        for one, why in about
    ]


def _setups(
    batches: Iterable[list[bytes]], calls: "Calls", clusters: "Sequence[Cluster]", say: Say
) -> dict[int, CallSetup]:
    """The calls that the questions are about, by key of the call id; of a repeated one the first."""
    found: dict[int, CallSetup] = {}
    if not clusters:
        return found
    wanted = calls.call[np.concatenate([one.labelled for one in clusters])]
    seen = 0
    for lines in batches:
        reading = read(records_of(lines))
        columns = columns_of(reading.facts, reading.events, reading.partitions, reading.arrivals_ms, seed=PUBLIC_SEED)
        is_wanted = columns.events.is_setup & np.isin(columns.events.call, wanted)
        for place in np.flatnonzero(is_wanted).tolist():
            found.setdefault(int(columns.events.call[place]), cast("CallSetup", reading.events[place]))
        seen += len(lines)
        say(f"{seen:,} events read for the calls that are asked about")
    return found
