"""Metrics as Prometheus reads them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from detector.contract.decisions import Versions
from streams.metrics import Metric
from streams.redis.trunk_shares import TrunkView
from streams.state.durability import Figures
from streams.state.snapshots import Taken
from streams.worker.metrics import LATENCY_BUCKETS_S, BatchHistogram, Metrics, ScrapeTime, Sources

NOW_MS = 1_700_000_000_000


@pytest.fixture
def metrics() -> Metrics:
    found = Metrics()
    sources = Sources(
        lag=lambda: {0: 5, 11: 0},
        held_back=lambda: {0: 3, 11: 0},
        tracked=lambda: {"number": 7},
        evictions=lambda: {"number": 2},
        trunk_view=lambda: TrunkView("local", 1.0, 2.5),
        versions=lambda: Versions("gbt-1", "p1-2", "f1-3"),
        durability=lambda: Figures(3, 1, 5, 2, 0.25, Taken(published=9, size_bytes=12, last_ms=1_500)),
        leaderless=lambda: 2,
        unwritable=lambda: 1,
        clock_ahead_s=lambda: 0.5,
        log_changes=lambda: {"made_again": 4, "cut": 0},
        lost=lambda: 7,
        outage_s=lambda: 1.5,
        unpublished=lambda: 4,
        side_waiting=lambda: {"scored-calls": 70, "dead-letters": 0},
    )
    found.registry.register(ScrapeTime(sources))
    return found


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_decisions_are_counted_by_action_step_and_mode(metrics: Metrics) -> None:
    """Three kinds, six decisions; one of them failed open. A block that was only tried is no block."""
    kinds = {("allow", "allow", "enforce"): 2, ("allow", "fail_open", "enforce"): 1, ("block", "model", "shadow"): 3}

    metrics.decided(kinds)

    found = samples(metrics)
    label = (("action", "allow"), ("decided_by", "allow"), ("mode", "enforce"), ("would_be", ""))
    assert found["robocall_decisions_total", label] == 2
    tried = (("action", "allow"), ("decided_by", "model"), ("mode", "shadow"), ("would_be", "block"))
    assert found["robocall_decisions_total", tried] == 3
    assert found["robocall_fail_open_total", ()] == 1


def test_latency_is_measured_from_setup_and_from_arrival(metrics: Metrics) -> None:
    """Set up 40 ms ago, arrived 2 ms ago; and one whose switch runs a second ahead of us."""
    metrics.took([NOW_MS - 40, NOW_MS + 1_000], [NOW_MS - 2, NOW_MS - 2], NOW_MS)

    found = samples(metrics)
    assert found["robocall_decision_since_setup_seconds_sum", ()] == pytest.approx(0.040)
    assert found["robocall_decision_since_setup_seconds_bucket", (("le", "0.0001"),)] == 1
    assert found["robocall_decision_since_setup_seconds_bucket", (("le", "0.05"),)] == 2
    assert found["robocall_decision_since_arrival_seconds_bucket", (("le", "0.001"),)] == 0
    assert found["robocall_decision_since_arrival_seconds_bucket", (("le", "0.002"),)] == 2


def test_batches_and_refused_records_are_counted(metrics: Metrics) -> None:
    """Events by type, sizes, keys that are not the calling number, dead letters by code, errors by cause."""
    metrics.batch(setups=3, ends=2, key_mismatches=1)
    metrics.dead_letter("invalid_json")
    metrics.internal_error("KeyError")

    found = samples(metrics)
    assert found["robocall_events_total", (("type", "call_setup"),)] == 3
    assert found["robocall_events_total", (("type", "call_end"),)] == 2
    assert found["robocall_batch_events_bucket", (("le", "4.0"),)] == 0
    assert found["robocall_batch_events_bucket", (("le", "8.0"),)] == 1
    assert found["robocall_key_mismatches_total", ()] == 1
    assert found["robocall_dead_letters_total", (("code", "invalid_json"),)] == 1
    assert found["robocall_internal_errors_total", (("cause", "KeyError"),)] == 1


def test_state_is_read_at_scrape_time(metrics: Metrics) -> None:
    """Lag, keys, evictions, the view of trunks, and what decides."""
    found = samples(metrics)
    assert found["robocall_lag_records", (("partition", "0"),)] == 5
    assert found["robocall_held_back_records", (("partition", "0"),)] == 3
    assert found["robocall_tracked_keys", (("family", "number"),)] == 7
    assert found["robocall_evictions_total", (("family", "number"),)] == 2
    assert found["robocall_trunk_view", (("view", "local"),)] == 1
    assert found["robocall_trunk_view", (("view", "shared"),)] == 0
    assert found["robocall_trunk_known_ratio", ()] == 1.0
    assert found["robocall_trunk_age_seconds", ()] == 2.5
    labels = (("feature_schema", "f1-3"), ("model_version", "gbt-1"), ("policy_version", "p1-2"))
    assert found["robocall_versions_info", labels] == 1


VALUES = st.one_of(st.sampled_from(LATENCY_BUCKETS_S), st.floats(0, 2, allow_nan=False))


@given(st.lists(st.lists(VALUES, max_size=20), max_size=5))
def test_a_batch_histogram_equals_the_one_value_at_a_time(batches: list[list[float]]) -> None:
    """Values on a bound included."""
    ours = BatchHistogram(Metric.SINCE_SETUP, LATENCY_BUCKETS_S)
    theirs = Histogram(Metric.SINCE_SETUP, "d", buckets=LATENCY_BUCKETS_S, registry=CollectorRegistry())
    for batch in batches:
        ours.observe(np.array(batch, dtype=np.float64))
        for value in batch:
            theirs.observe(value)

    (mine,), (reference,) = ours.collect(), theirs.collect()
    expected = {(s.name, s.labels.get("le")): s.value for s in reference.samples if not s.name.endswith("_created")}
    found = {(s.name, s.labels.get("le")): s.value for s in mine.samples}
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(value) for key, value in expected.items())


def test_where_state_and_publishing_stand_is_shown(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["robocall_partitions", (("state", "ready"),)] == 3
    assert found["robocall_partitions", (("state", "unready"),)] == 1
    assert found["robocall_assignments_total", ()] == 5
    assert found["robocall_warm_starts_total", ()] == 2
    assert found["robocall_snapshots_total", ()] == 9
    assert found["robocall_snapshot_timestamp_seconds", ()] == 1.5
    assert found["robocall_outage_seconds", ()] == 1.5
    assert found["robocall_unpublished_records", ()] == 4
