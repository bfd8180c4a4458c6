"""The table of metrics is what is exposed: no family more, no family less."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detector.contract.decisions import Versions
from detector.policy.standing import StandingDecisions
from detector.trust.verdict import Cause
from models.serve.reference import Reference
from models.watch.drift import FEWEST_ROWS, STRIDE, DriftWatch
from models.watch.shadow import Shadow
from models.watch.watched import WatchedModel
from streams.archive.metrics import ArchiveMetrics
from streams.bridge.metrics import BridgeMetrics
from streams.campaigns.metrics import CampaignMetrics
from streams.cases.waiting import WaitingCases
from streams.metrics import Metric
from streams.numbers.metrics import DnoMetrics
from streams.redis.trunk_shares import TrunkView
from streams.settings import load_settings
from streams.state.durability import Figures
from streams.state.snapshots import Taken
from streams.trust.metrics import ListFigures, TrustMetrics
from streams.upstreams.follower import UpstreamsFollower
from streams.upstreams.settings import UpstreamsSettings
from streams.verifying.metrics import SIGNED, VerifyMetrics
from streams.worker.feedback import FeedbackCounts
from streams.worker.health import Enforcement
from streams.worker.metrics import Metrics, ScrapeTime, Sources
from streams.worker.model_metrics import ModelMetrics
from tests.streams.worker.test_model_metrics import THRESHOLDS, model
from tests.streams.worker.test_redis_metrics import redis_metrics

SOURCES = Sources(
    lag=lambda: {0: 1},
    held_back=lambda: {0: 1},
    tracked=lambda: {"number": 1},
    evictions=lambda: {"number": 1},
    trunk_view=lambda: TrunkView("local", 1.0, 2.5),
    versions=lambda: Versions("gbt-1", "p1-1", "f1-1"),
    durability=lambda: Figures(1, 0, 1, 0, 0.0, Taken()),
    leaderless=lambda: 1,
    unwritable=lambda: 1,
    clock_ahead_s=lambda: 0.5,
    log_changes=lambda: {"cut": 1},
    lost=lambda: 0,
    outage_s=lambda: 0.0,
    unpublished=lambda: 0,
    side_waiting=lambda: {"scored-calls": 1},
)


TRIED = Enforcement("tried", "nothing was measured")


def trust_metrics() -> TrustMetrics:
    metrics = TrustMetrics(lambda: 0.0)
    metrics.verified(Cause.PASSED)
    metrics.looked_up("memory")
    metrics.fetched("fetched", 0.1)
    metrics.internal_error("KeyError")
    metrics.lists = lambda: {"anchors": ListFigures()}
    return metrics


def verify_metrics() -> VerifyMetrics:
    metrics = VerifyMetrics()
    metrics.went_on(SIGNED, 1)
    metrics.lag = lambda: {0: 1}
    return metrics


def watched_with_drift_and_shadow() -> WatchedModel:
    reference = Reference.measure(np.zeros((100, 2), np.float32), np.zeros(100), np.ones((1, 2)))
    drift = DriftWatch(reference, ("one", "other"), 0)
    shadow = Shadow(model("gbt-1"), model("gbt-2"), lambda: THRESHOLDS, lambda _: None)
    watched = WatchedModel(model("gbt-1"), drift, shadow, lambda: 0)
    watched.score(np.zeros((FEWEST_ROWS * STRIDE, 2), np.float32))
    shadow.settle()
    return watched


@pytest.fixture
def registry() -> CollectorRegistry:
    """Everything that a worker, a sink and a bridge expose when nothing is turned off."""
    found = Metrics().registry
    watched = watched_with_drift_and_shadow()
    found.register(ScrapeTime(SOURCES))
    found.register(
        ModelMetrics(lambda: watched, lambda: THRESHOLDS, FeedbackCounts(lambda: 0), lambda: 0, lambda: TRIED)
    )
    found.register(ArchiveMetrics())
    found.register(WaitingCases(load_settings(kafka_bootstrap_servers="127.0.0.1:1"), {}))
    found.register(CampaignMetrics())
    found.register(BridgeMetrics())
    found.register(trust_metrics())
    found.register(verify_metrics())
    found.register(redis_metrics(StandingDecisions(max_entries=2)))
    found.register(DnoMetrics(None))
    found.register(UpstreamsFollower(UpstreamsSettings.load()))
    return found


def test_the_table_is_exactly_what_is_exposed(registry: CollectorRegistry) -> None:
    """By name, type and help text; the families of the Prometheus client itself are not ours."""
    ours = [family for family in registry.collect() if family.name.startswith("robocall_")]
    found = [(family.name, family.type, family.documentation) for family in ours]
    table = [(str(metric).removesuffix("_total"), metric.kind, metric.meaning) for metric in Metric]
    assert sorted(found) == sorted(table)


def test_every_sample_has_the_labels_of_the_table(registry: CollectorRegistry) -> None:
    labels = {name: set(metric.labels) for metric in Metric for name in metric.sample_names}
    samples = [one for family in registry.collect() for one in family.samples if one.name in labels]
    assert samples
    assert [one for one in samples if set(one.labels) - {"le"} != labels[one.name]] == []


def test_names_follow_the_rules_of_prometheus() -> None:
    """A counter ends in `_total` and nothing else does; a number of seconds or bytes says so in its name."""
    assert [metric for metric in Metric if metric.endswith("_total") != (metric.kind == "counter")] == []
    for unit in ("seconds", "bytes"):
        wrong = [metric for metric in Metric if metric.unit.startswith(unit) and not metric.endswith(f"_{unit}")]
        assert wrong == []


def test_a_histogram_cannot_be_filled_value_by_value() -> None:
    with pytest.raises(KeyError):
        Metric.BATCH_EVENTS.one(1.0)
