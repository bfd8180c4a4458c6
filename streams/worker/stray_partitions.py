"""Samples of the stream, held against the partitioner: a switch that has another one is named, once a minute."""

from collections import deque
from collections.abc import Callable

import numpy as np
import structlog

from streams.kafka.fetched import FetchedBatch
from streams.kafka.placement import REMEDY, Placed, astray, other_count
from streams.wire.reading import Reading
from streams.worker.metrics import Metrics

SAMPLE = 4
"""Events of a batch."""
PAUSE_MS = 20
"""Between two samples, so that many small batches cost no more than few large ones."""
TELL_PAUSE_MS = 60_000
LATEST = 64

log = structlog.get_logger(__name__)


class StrayPartitions:
    """Looks at some events of batches. Used on the event loop alone; no method blocks or raises.

    Args:
        partitions: how many the topic has, as the brokers told us last.
        metrics: counts.
    """

    def __init__(self, partitions: Callable[[], int], metrics: Metrics) -> None:
        self._partitions = partitions
        self._metrics = metrics
        self._looked_ms = self._told_ms = 0
        self._turn = 0
        self._strays: deque[Placed] = deque(maxlen=LATEST)

    def look(self, fetched: FetchedBatch, reading: Reading, at_ms: int) -> None:
        """Look at a few events of a batch whose answers have left; returns at once where it has just looked.

        Args:
            fetched: the batch.
            reading: its events.
            at_ms: epoch milliseconds.
        """
        if not len(reading.positions) or 0 <= at_ms - self._looked_ms < PAUSE_MS:
            return
        self._looked_ms = at_ms
        self._turn += 1
        count, partitions = len(reading.positions), self._partitions()
        if reading.partitions.max() >= partitions:  # there are more than we have heard of
            return
        indexes = np.unique((np.arange(SAMPLE) * count // SAMPLE + self._turn) % count).tolist()
        keys = {index: fetched.key(reading.positions.item(index)) for index in indexes}
        placed = [(index, (key, reading.partitions.item(index))) for index, key in keys.items() if key is not None]
        found = astray([one for _, one in placed], partitions)
        self._metrics.placed(checked=len(placed), astray=len(found))
        if found:
            self._strays += (placed[which][1] for which in found)
            self._tell(fetched, reading, placed[found[0]][0], at_ms)

    def _tell(self, fetched: FetchedBatch, reading: Reading, index: int, at_ms: int) -> None:
        if 0 <= at_ms - self._told_ms < TELL_PAUSE_MS:
            return
        self._told_ms = at_ms
        partitions = self._partitions()
        count = other_count(self._strays, partitions)
        if count is not None:
            log.info("records stand where another number of partitions puts them, as when partitions were added",
                     partitions=partitions, fitting=count)  # fmt: skip
            return
        event, (_, partition, offset) = reading.events[index], fetched.place(reading.positions.item(index))
        log.warning(
            "records are not in the partition of their key, calls of a number may be counted in two places",
            remedy=REMEDY,
            partition=partition,
            offset=offset,
            switch_id=event.switch_id,
            trunk_group_id=event.trunk_group_id,
        )
