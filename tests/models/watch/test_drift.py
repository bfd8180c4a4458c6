"""Drift is told by the bins of the reference: nothing where traffic is as it was, an alarm where it is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.policy.settings import Thresholds
from models.serve.reference import N_BINS, Reference
from models.watch.drift import FEWEST_ROWS, FEWEST_SCORES, PANE_MS, PSI_ALARM, STRIDE, DriftWatch, psi

NAMES = ("count", "flag", "constant", "trunk_age")
THRESHOLDS = Thresholds(label_at=0.8, label_clear=0.5, block_at=0.9, block_clear=0.6)
ENOUGH = max(FEWEST_ROWS * STRIDE, FEWEST_SCORES)


def rows_of(seed: int, n_rows: int, scale: float = 1.0) -> NDArray[np.float32]:
    """A count, a flag that is mostly -1, a constant, the age of a trunk in hours of scale."""
    random = np.random.default_rng(seed)
    flag = np.where(random.random(n_rows) < 0.1, 1.0, -1.0)
    age = np.full(n_rows, scale)
    return np.column_stack([random.exponential(scale, n_rows), flag, np.zeros(n_rows), age]).astype(np.float32)


def scores_of(seed: int, n_rows: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).beta(0.5, 3.0, n_rows)


CONTRIBUTIONS = np.array([[1.0, 0.5, 0.0, 9.0], [-1.0, -0.5, 0.0, 9.0]])
REFERENCE = Reference.measure(rows_of(0, 20_000), scores_of(0, 20_000), CONTRIBUTIONS)


def watch() -> DriftWatch:
    return DriftWatch(REFERENCE, NAMES, now_ms=0)


def test_the_index_of_two_histograms_is_worked_out_by_hand() -> None:
    """Half and half against three to one: (0.75-0.5)*ln(1.5) + (0.25-0.5)*ln(0.5) = 0.27465."""
    assert psi(np.array([50, 50]), np.array([75, 25])) == pytest.approx(0.274653, abs=1e-6)
    assert psi(np.array([[1, 1], [3, 1]]), np.array([[2, 2], [0, 0]])).tolist() == [0.0, 0.0]


def test_traffic_as_it_was_moves_nothing() -> None:
    """Other calls of the same kind: no index near the alarm, both shares inside of their bands."""
    seen = watch()
    seen.observe(rows_of(1, ENOUGH), scores_of(1, ENOUGH), 0)

    drift = seen.drift(THRESHOLDS)

    assert set(drift.features) == set(NAMES)
    assert max(drift.features.values()) < 0.05
    assert drift.scores is not None
    assert drift.scores < 0.05
    assert drift.alarms == []


def test_a_feature_of_another_size_raises_the_alarm_by_name() -> None:
    """Counts three times as large; the flag and the constant are as they were."""
    seen = watch()
    seen.observe(rows_of(1, ENOUGH, scale=3.0), scores_of(1, ENOUGH), 0)

    drift = seen.drift(THRESHOLDS)

    assert drift.features["count"] > PSI_ALARM
    assert drift.features["flag"] < 0.05
    assert drift.features["constant"] == 0.0
    assert drift.moved == pytest.approx((2 * drift.features["count"] + drift.features["flag"]) / 3)
    assert drift.alarms == ["features"]


def test_a_trunk_that_grows_older_raises_no_alarm() -> None:
    """Its index is told, and left out of the mean: every call of a trunk has the same age."""
    seen = watch()
    rows = rows_of(1, ENOUGH)
    rows[:, 3] = 99.0
    seen.observe(rows, scores_of(1, ENOUGH), 0)

    drift = seen.drift(THRESHOLDS)

    assert drift.features["trunk_age"] > PSI_ALARM
    assert drift.alarms == []


def test_a_share_outside_of_its_band_raises_the_alarm() -> None:
    """No call is scored high any more: the shares fall below a third of what the reference has."""
    seen = watch()
    seen.observe(rows_of(1, ENOUGH), np.minimum(scores_of(1, ENOUGH), 0.79), 0)

    drift = seen.drift(THRESHOLDS)

    assert drift.shares["block_at"].found == 0.0
    assert drift.alarms == ["label_at", "block_at"]
    expected = float(np.mean(scores_of(0, 20_000) >= 0.9))
    assert drift.shares["block_at"].high == pytest.approx(3 * expected)


def test_nothing_is_said_of_few_calls() -> None:
    """Chance would be taken for drift."""
    seen = watch()
    seen.observe(rows_of(1, 500, scale=9.0), scores_of(1, 500), 0)

    drift = seen.drift(THRESHOLDS)

    assert (drift.calls, drift.features, drift.moved, drift.scores, drift.shares) == (500, {}, None, None, {})


def test_calls_leave_after_two_spans() -> None:
    """Those of the span before the present one count, older ones do not."""
    # |-- span 1 --|-- span 2 --|-- span 3 --|
    #    500 calls    700          1: the 500 have left
    seen = watch()
    seen.observe(rows_of(1, 500), scores_of(1, 500), 0)
    seen.observe(rows_of(2, 700), scores_of(2, 700), PANE_MS)
    assert seen.drift(THRESHOLDS).calls == 1_200

    seen.observe(rows_of(3, 1), scores_of(3, 1), 2 * PANE_MS)

    assert seen.drift(THRESHOLDS).calls == 701


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_every_fourth_call_is_counted_whatever_the_batches(sizes: list[int]) -> None:
    """Rows 0, 4, 8, ... of the stream, so that neither full nor small batches are favoured."""
    total = sum(sizes)
    rows = rows_of(7, total)
    seen = watch()
    start = 0
    for size in sizes:
        seen.observe(rows[start : start + size], np.zeros(size), 0)
        start += size

    places = np.searchsorted(REFERENCE.edges[0], rows[::STRIDE, 0], side="left")
    assert seen._now.features[0].tolist() == np.bincount(places, minlength=N_BINS).tolist()
