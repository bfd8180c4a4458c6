"""What the bridge tells Prometheus: calls by dip and answer, why some passed unasked, how long answers took, junk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.metrics import Metric

BUCKETS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.05, 0.08, 0.1, 0.25, 0.5, 1.0)
CANCELLED, FAIL_OPEN, INTERNAL_ERROR = "cancelled", "fail_open", "internal_error"


@dataclass(frozen=True, slots=True)
class Sources:
    """What is read when somebody asks.

    Attributes:
        waiting: calls that wait for a decision.
        unpublished: call events that are not yet safe at the brokers.
        is_healthy: whether decisions come.
    """

    waiting: Callable[[], int]
    unpublished: Callable[[], int]
    is_healthy: Callable[[], bool]


class BridgeMetrics(Collector):
    """Everything that a bridge counts. Written on the event loop, collected by the thread of the page.

    Attributes:
        sources: set once, by the asker that knows them.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._dips = Metric.BRIDGE_DIPS.counter(self._registry)
        self._fail_open = Metric.BRIDGE_FAIL_OPEN.counter(self._registry)
        self._junk = Metric.BRIDGE_JUNK.counter(self._registry)
        self._errors = Metric.BRIDGE_ERRORS.counter(self._registry)
        self._lost = Metric.BRIDGE_LOST.counter(self._registry)
        self._seconds = Metric.BRIDGE_SECONDS.histogram(self._registry, BUCKETS_S)
        self.sources = Sources(lambda: 0, lambda: 0, lambda: False)

    def answered(self, dip: str, answer: str, seconds: float) -> None:
        """Count a call that was answered, `seconds` after it came: an action, `fail_open` or `cancelled`."""
        self._dips.labels(dip, answer).inc()
        self._seconds.labels(dip).observe(seconds)

    def failed_open(self, dip: str, reason: str) -> None:
        """Count why a call was passed without a decision."""
        self._fail_open.labels(dip, reason).inc()

    def junk(self, dip: str, reason: str) -> None:
        """Count what came in and was no question of a peer."""
        self._junk.labels(dip, reason).inc()

    def internal_error(self, cause: str) -> None:
        """Count an internal error by the name of its class."""
        self._errors.labels(cause).inc()

    def lost(self, reason: str, records: int) -> None:
        """Count call events that Kafka did not take."""
        self._lost.labels(reason).inc(records)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        yield from self._registry.collect()
        yield Metric.BRIDGE_WAITING.one(self.sources.waiting())
        yield Metric.BRIDGE_UNPUBLISHED.one(self.sources.unpublished())
        yield Metric.BRIDGE_HEALTHY.one(self.sources.is_healthy())
