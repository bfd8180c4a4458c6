"""Generated traffic is hard: no figure by itself tells a kind of campaign, and the rate rules of the field fail."""

from dataclasses import replace

import numpy as np
import pytest

from models.data.dataset import Dataset, trailing_counts
from models.data.thresholds import threshold_at
from models.data.windows_over_traffic import from_traffic
from models.traffic.first.spec import TrafficSpec
from models.traffic.kinds import CAMPAIGN_KINDS

LAWFUL_HIT = 1e-3
MOST_OF_A_KIND = 0.4


@pytest.fixture(scope="module")
def calls() -> Dataset:
    """Calls of the central world at three carriers, several campaigns of each kind, with the features that serve."""
    spec = TrafficSpec(hours=0.5, calls_per_second=8.0, campaigns_per_hour=6.0, warm=True)
    return from_traffic([replace(spec, seed=seed) for seed in (11, 12, 13)], lambda _: None)


@pytest.mark.parametrize("kind", CAMPAIGN_KINDS)
def test_no_single_feature_tells_a_kind(calls: Dataset, kind: str) -> None:
    """At 1e-3 of lawful calls hit, the best feature catches at most 0.4 of a kind, whichever way it is read."""
    chosen = calls.is_robocall & (calls.kind == calls.kinds.index(kind))
    best: dict[str, float] = {}
    for column, name in enumerate(calls.feature_names):
        for sign in (1.0, -1.0):
            values = sign * calls.rows[:, column].astype(np.float64)
            limit = threshold_at(values, calls.is_robocall, LAWFUL_HIT)
            best[name] = max(best.get(name, 0.0), float(np.mean(values[chosen] >= limit)))

    strongest = max(best, key=lambda name: best[name])
    assert best[strongest] <= MOST_OF_A_KIND, strongest


@pytest.mark.parametrize("window_ms", [60_000, 3_600_000])
def test_the_rate_rules_of_the_field_fail(calls: Dataset, window_ms: int) -> None:
    """Calls of a number in a minute (OpenSIPS) or an hour (ClearIP) catch next to nothing: lawful bursts are bigger."""
    counts = trailing_counts(calls.setup_time_ms, calls.number, window_ms).astype(np.float64)
    limit = threshold_at(counts, calls.is_robocall, LAWFUL_HIT)

    assert np.mean(counts[calls.is_robocall] >= limit) < 0.05
