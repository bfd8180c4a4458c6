"""What a worker follows of do-not-originate lists, as metrics: read from the follower, once a scrape."""

import math
from collections.abc import Iterator

from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.metrics import Metric
from streams.numbers.dno_follower import DnoFollower, DnoView

NOTHING = DnoView(entries=0, size_bytes=0, confirmed_age_s=None)


class DnoMetrics(Collector):
    """Families about do-not-originate lists; goes into the registry of a worker.

    Args:
        follower: follows the lists; None where nobody does, and there are no figures.
    """

    def __init__(self, follower: DnoFollower | None) -> None:
        self._follower = follower

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        view = NOTHING if self._follower is None else self._follower.view()
        yield Metric.DNO_ENTRIES.many({(one.name,): one.entries for one in view.lists})
        yield Metric.DNO_AGE.many({(one.name,): one.age_days for one in view.lists if one.date})
        yield Metric.DNO_REFUSED.many({(one.name,): float(one.problem is not None) for one in view.lists})
        age_s = math.inf if view.confirmed_age_s is None else view.confirmed_age_s
        yield Metric.DNO_CONFIRMED.many({} if self._follower is None else {(): age_s})
        yield Metric.DNO_BYTES.one(view.size_bytes)
