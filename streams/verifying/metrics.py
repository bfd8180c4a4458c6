"""What `robocall verify` tells Prometheus beside its verdicts: records by kind, how far it is behind."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.metrics import Metric

SIGNED, OTHER = "signed", "other"


class VerifyMetrics(Collector):
    """Written on the event loop, collected by the thread of the page.

    Attributes:
        lag: gives the records of each partition that were not answered yet; set by who reads them.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._records = Metric.VERIFY_RECORDS.counter(self._registry)
        self.lag: Callable[[], Mapping[int, int]] = dict

    def went_on(self, kind: str, records: int) -> None:
        """Count records that went on to `call-events`."""
        self._records.labels(kind).inc(records)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        yield from self._registry.collect()
        yield Metric.VERIFY_LAG.many({(str(partition),): lag for partition, lag in self.lag().items()})
