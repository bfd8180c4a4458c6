"""Training data comes from the serving code, whatever the batches."""

from dataclasses import replace

import numpy as np
import pytest

from detector.features import FEATURE_NAMES
from models import simulation
from models.simulation import from_traffic
from models.traffic.spec import TrafficSpec

SPEC = TrafficSpec(hours=0.1, seed=3, calls_per_second=8.0)


def test_generated_calls_come_with_the_serving_features_and_their_truth() -> None:
    """A row for each call, in time order, robocalls with a campaign and lawful calls without."""
    seen: list[int] = []

    data = from_traffic([SPEC], seen.append)

    assert data.feature_names == tuple(FEATURE_NAMES)
    assert data.rows.shape == (len(data.setup_time_ms), len(FEATURE_NAMES))
    assert np.all(np.diff(data.setup_time_ms) >= 0)
    assert 0 < data.is_robocall.sum() < len(data) / 2
    np.testing.assert_array_equal(data.campaign >= 0, data.is_robocall)
    assert seen == sorted(seen)
    assert seen[-1] == 2 * len(data)  # every call has one set-up and one end


def test_features_do_not_depend_on_the_size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live batches are small and training batches large; the numbers must be the same."""
    data = from_traffic([SPEC], lambda _: None)
    monkeypatch.setattr(simulation, "BATCH_EVENTS", 7)

    np.testing.assert_array_equal(from_traffic([SPEC], lambda _: None).rows, data.rows)


def test_history_fills_windows_and_is_not_judged() -> None:
    """Rows of the judged part are those of the whole span to the bit: what was before is known to them.

    But for numbers of different things, which are estimated when they are read.
    """
    whole = from_traffic([SPEC], lambda _: None)
    split = replace(SPEC, history_hours=0.04)

    late = from_traffic([split], lambda _: None)

    chosen = whole.setup_time_ms >= split.judged_ms
    assert 0 < len(late) == chosen.sum() < len(whole)
    counted = [i for i, name in enumerate(FEATURE_NAMES) if "distinct" not in name and "calls_per" not in name]
    np.testing.assert_array_equal(late.rows[:, counted], whole.rows[chosen][:, counted])
    np.testing.assert_array_equal(late.is_robocall, whole.is_robocall[chosen])
