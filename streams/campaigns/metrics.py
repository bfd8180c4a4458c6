"""What `robocall campaigns run` tells Prometheus."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.metrics import Metric


@dataclass(slots=True)
class Standing:
    """What the service did since it started, and where it is.

    Attributes:
        calls: Suspect calls that were counted.
        missed: Suspect calls whose set-up did not come.
        campaigns: Campaigns that are remembered.
        forgotten: Cells and campaigns that went since there was no room.
        lag: Records that are not read yet.
    """

    calls: int = 0
    missed: int = 0
    campaigns: int = 0
    forgotten: int = 0
    lag: int = 0


class CampaignMetrics(Collector):
    """Follows the service: `standing` is replaced on the event loop and collected by the thread of the page."""

    def __init__(self) -> None:
        self.standing = Standing()

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        found = self.standing
        yield Metric.CAMPAIGN_CALLS.one(found.calls)
        yield Metric.CAMPAIGN_MISSED.one(found.missed)
        yield Metric.CAMPAIGNS.one(found.campaigns)
        yield Metric.CAMPAIGN_FORGOTTEN.one(found.forgotten)
        yield Metric.CAMPAIGN_LAG.one(found.lag)
