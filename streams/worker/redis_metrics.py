"""What a worker follows in Redis, as metrics: read from the parts that follow it, once a scrape."""

from collections.abc import Iterator
from typing import get_args

from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from detector.policy.standing import StandingDecisions
from streams.metrics import Metric
from streams.redis.lists import ListFollower, Source
from streams.redis.trunk_exchange import TrunkExchange


class RedisMetrics(Collector):
    """Families about lists, standing decisions and junk; goes into `Metrics.registry`.

    Args:
        lists: follows lists and standing decisions.
        exchange: reads trunk shares.
        standing: the standing decisions in memory.
    """

    def __init__(self, lists: ListFollower, exchange: TrunkExchange, standing: StandingDecisions) -> None:
        self._lists = lists
        self._exchange = exchange
        self._standing = standing

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        view, order = self._lists.view(), self._standing.order
        yield Metric.LISTS_SOURCE.many({(source,): float(view.source == source) for source in get_args(Source)})
        yield Metric.LISTS_AGE.many({} if view.age_s is None else {(): view.age_s})
        yield Metric.EMERGENCY_HELD.one(float(view.emergency_held))
        skipped = {**self._lists.skipped, "trunk": self._exchange.invalid}
        yield Metric.REDIS_SKIPPED.many({(kind,): count for kind, count in sorted(skipped.items())})
        yield Metric.STANDING.many({(who,): count for who, count in order.sizes().items()})
        yield Metric.STANDING_EVICTED.many({(who,): count for who, count in order.evicted.items()})
