"""What `robocall archive run` tells Prometheus: how far the archive is, and how long ago it wrote a file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.archive.settings import ArchiveSettings
from streams.archive.sink import Tally
from streams.errors import SettingsInvalid
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


@contextmanager
def served(settings: ArchiveSettings, metrics: ArchiveMetrics) -> Iterator[None]:
    """Serve the metrics as long as the block runs, where a port is set; from a thread, which the end of it waits for.

    Raises:
        SettingsInvalid: the port is taken, or is not for this user.
    """
    if settings.web_port == 0:
        yield
        return
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(settings.web_port, settings.web_host, registry)
    except OSError as error:
        raise SettingsInvalid(f"ROBOCALL_ARCHIVE_WEB_PORT={settings.web_port}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
