"""What verifying tells Prometheus: verdicts by cause, where certificates came from, how old the lists in force are."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from detector.trust.verdict import Cause
from streams.metrics import Metric
from streams.trust.cache import ChainCache

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class ListFigures:
    """How a list in force stands.

    Attributes:
        seen_s: when it was last seen to be the latest, epoch seconds; None without a list.
        ends_s: when it ends, epoch seconds; None where it does not say.
        entries: certificates that it names.
        failures: looks that brought none to use.
    """

    seen_s: float | None = None
    ends_s: float | None = None
    entries: int = 0
    failures: int = 0


class TrustMetrics(Collector):
    """Everything that verifying counts. Written on the event loop, collected by the thread of the page.

    Attributes:
        lists: gives the figures of each list in force; set by who keeps them.
        forgotten: gives how many tokens were forgotten early; set by who remembers them.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._registry = CollectorRegistry()
        self._verdicts = Metric.TRUST_VERDICTS.counter(self._registry)
        self._lookups = Metric.TRUST_LOOKUPS.counter(self._registry)
        self._fetches = Metric.TRUST_FETCHES.counter(self._registry)
        self._errors = Metric.TRUST_ERRORS.counter(self._registry)
        self._seconds = Metric.TRUST_FETCH_SECONDS.histogram(self._registry, BUCKETS_S)
        self._cached = (0, 0, 0)
        self.lists: Callable[[], Mapping[str, ListFigures]] = dict
        self.forgotten: Callable[[], int] = int

    def verified(self, cause: Cause) -> None:
        """Count a call by what came of it."""
        self._verdicts.labels(cause).inc()

    def looked_up(self, source: str) -> None:
        """Count that somebody asked for a certificate, by where it was."""
        self._lookups.labels(source).inc()

    def fetched(self, result: str, seconds: float) -> None:
        """Count a fetch, `fetched` or the cause why not, and how long it took."""
        self._fetches.labels(result).inc()
        self._seconds.observe(seconds)

    def internal_error(self, cause: str) -> None:
        """Count an internal error by the name of its class."""
        self._errors.labels(cause).inc()

    def cached(self, cache: ChainCache) -> None:
        """Take how much is in memory."""
        self._cached = (cache.chains, cache.refusals, cache.size_bytes)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        yield from self._registry.collect()
        chains, refusals, size_bytes = self._cached
        yield Metric.TRUST_CACHED.many({("chains",): chains, ("failures",): refusals})
        yield Metric.TRUST_CACHED_BYTES.one(size_bytes)
        yield Metric.TRUST_TOKENS_FORGOTTEN.one(self.forgotten())
        lists, now_s = self.lists(), self._now_s()
        yield Metric.TRUST_LIST_AGE.many(
            {(name,): math.nan if one.seen_s is None else now_s - one.seen_s for name, one in lists.items()}
        )
        yield Metric.TRUST_LIST_END.many(
            {(name,): math.nan if one.ends_s is None else one.ends_s for name, one in lists.items()}
        )
        yield Metric.TRUST_LIST_ENTRIES.many({(name,): one.entries for name, one in lists.items()})
        yield Metric.TRUST_LIST_FAILURES.many({(name,): one.failures for name, one in lists.items()})
