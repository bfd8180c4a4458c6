"""What is said of batches that cannot be read: they are stepped over wherever they are met, and nobody overlooks it."""

from typing import Any

import structlog

from streams.kafka.fetched import Unreadable
from streams.kafka.topics import DEAD_LETTERS
from streams.running.clock import wall_clock_ms
from streams.wire.records import batch_dead_letter
from streams.worker.metrics import Metrics
from streams.worker.reports import Informs

log = structlog.get_logger(__name__)


class UnreadableBatches:
    """Tells of them. Used on the event loop alone; no method blocks or raises.

    Args:
        metrics: counts.
        side: takes dead letters.
    """

    def __init__(self, metrics: Metrics, side: Informs) -> None:
        self._metrics = metrics
        self._side = side

    def note(self, tp: Any, what: Unreadable) -> None:
        """Count a batch and log it: it was told of when it was read first."""
        self._metrics.unreadable(tp.topic, what.code)
        log.error(
            "records were left out, their batch cannot be read",
            topic=tp.topic,
            partition=tp.partition,
            first=what.first,
            last=what.last,
            cause=what.message,
        )

    def tell(self, tp: Any, what: Unreadable) -> None:
        """Offer a dead letter too."""
        self.note(tp, what)
        self._metrics.dead_letter(what.code)
        offsets = what.first, what.last
        letter = batch_dead_letter(tp.topic, tp.partition, offsets, what.code, what.message, wall_clock_ms())
        self._side.offer(DEAD_LETTERS, [(b"", letter)])
