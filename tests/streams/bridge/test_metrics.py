"""What the bridge tells Prometheus."""

from prometheus_client import CollectorRegistry

from streams.bridge.metrics import BridgeMetrics, Sources
from streams.metrics import Metric


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_calls_are_counted_by_dip_and_answer_and_the_rest_is_read_when_somebody_asks() -> None:
    registry, metrics = CollectorRegistry(), BridgeMetrics()
    registry.register(metrics)
    metrics.sources = Sources(lambda: 3, lambda: 4, lambda: True)
    metrics.answered("sip", "block", 0.004)
    metrics.answered("sip", "fail_open", 0.09)
    metrics.failed_open("sip", "late")
    metrics.junk("sip", "stranger")
    metrics.internal_error("KeyError")
    metrics.lost("full", 2)

    assert value(registry, Metric.BRIDGE_DIPS, dip="sip", answer="block") == 1
    assert value(registry, Metric.BRIDGE_FAIL_OPEN, dip="sip", reason="late") == 1
    assert value(registry, f"{Metric.BRIDGE_SECONDS}_bucket", dip="sip", le="0.005") == 1
    assert value(registry, f"{Metric.BRIDGE_SECONDS}_count", dip="sip") == 2
    assert value(registry, Metric.BRIDGE_JUNK, dip="sip", reason="stranger") == 1
    assert value(registry, Metric.BRIDGE_ERRORS, cause="KeyError") == 1
    assert value(registry, Metric.BRIDGE_LOST, reason="full") == 2
    assert (value(registry, Metric.BRIDGE_WAITING), value(registry, Metric.BRIDGE_UNPUBLISHED)) == (3, 4)
    assert value(registry, Metric.BRIDGE_HEALTHY) == 1
