"""What `robocall archive run` tells Prometheus: how far the archive is, and how long ago it wrote a file."""

import time
from collections.abc import Iterator

from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.archive.sink import Tally
from streams.metrics import Metric


class ArchiveMetrics(Collector):
    """Follows the tally of a sink: to be called with it on the event loop, and collected by the thread of the pages.

    Neither blocks.
    """

    def __init__(self) -> None:
        self._tally = Tally()
        self._files = 0
        self._written_s = time.time()

    def __call__(self, tally: Tally) -> None:
        """Take what was done so far."""
        if tally.files != self._files:
            self._files = tally.files
            self._written_s = time.time()
        self._tally = tally

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        tally = self._tally
        yield Metric.ARCHIVE_RECORDS.one(tally.records)
        yield Metric.ARCHIVE_REFUSED.one(tally.refused)
        yield Metric.ARCHIVE_UNREADABLE.one(tally.unreadable)
        yield Metric.ARCHIVE_FILES.one(tally.files)
        yield Metric.ARCHIVE_LAG.one(tally.lag)
        yield Metric.ARCHIVE_WAITING.one(tally.waiting)
        yield Metric.ARCHIVE_PARTITIONS.one(tally.partitions)
        yield Metric.ARCHIVE_FILE_TIMESTAMP.one(self._written_s)
