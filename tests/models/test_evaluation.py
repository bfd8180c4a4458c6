"""Figures of a report, against values worked out by hand."""

import json

import numpy as np
import pytest

from models.dataset import Truth, assemble
from models.evaluation import at_threshold, baselines, calls_until_hit, expected_calibration_error, report, wilson
from models.training import Parameters, train
from tests.models.calls import dataset


def test_wilson_interval_of_eight_in_ten() -> None:
    """Textbook value: 0.490 to 0.943."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_wilson_interval_of_none_in_ten_thousand_bounds_the_rate() -> None:
    """No false block among n calls bounds the rate at about 3.84 / n, and without calls nothing is known."""
    low, high = wilson(0, 10_000)

    assert low == 0.0
    assert high == pytest.approx(3.84e-4, rel=0.01)
    assert wilson(0, 0) == (0.0, 1.0)


def test_calibration_error_of_two_bins() -> None:
    """Four calls at 0.12, one a robocall: gap 0.13. One at 0.92, none: gap 0.92. Mean (4 * 0.13 + 0.92) / 5."""
    scores = np.array([0.12, 0.12, 0.12, 0.12, 0.92])
    truth = np.array([True, False, False, False, False])

    assert expected_calibration_error(scores, truth) == pytest.approx((4 * 0.13 + 0.92) / 5)


def test_threshold_counts_calls_at_it_as_hit() -> None:
    """Two of three robocalls and one of two lawful calls reach 0.5: recall 2/3, rate 1/2, precision 2/3."""
    found = at_threshold(np.array([0.5, 0.9, 0.1, 0.5, 0.2]), np.array([True, True, True, False, False]), 0.5)

    assert found["recall"]["share"] == pytest.approx(2 / 3)
    assert found["false_block_rate"]["share"] == 0.5
    assert found["precision"] == pytest.approx(2 / 3)


def test_calls_until_a_campaign_is_hit_are_counted_with_the_hit_call() -> None:
    """Campaign a is hit at its second call, b at its first, c never: median 1.5, never 1."""
    truths = [Truth(True, name, "flood") for name in ("a", "b", "a", "c")] + [Truth(False, "", "person")]
    data = assemble(["f"], np.zeros((5, 1), np.float32), np.arange(5), ["n"] * 5, truths)

    found = calls_until_hit(data, np.array([False, True, True, False, True]))

    assert (found["campaigns"], found["never"], found["median"]) == (3, 1, 1.5)


def test_a_report_is_plain_json_and_beats_the_rate_rules() -> None:
    """On data whose signal is in the features and not in the rate, the model finds what counting cannot."""
    data = dataset()
    trained = train(data, 1, Parameters(n_trees=30, min_samples_leaf=10, lawful_share=1.0, max_features=1.0))

    found = report(data, trained)

    json.dumps(found, allow_nan=False)
    recall = found["at_false_block_rates"][0]["recall"]["share"]
    assert recall > 0.5
    assert found["baselines"]["calls_per_minute"]["at_false_block_rates"][0]["recall"]["share"] < recall
    assert set(found["kinds"]["campaigns"]) == {"kind0", "kind1", "kind2"}
    assert set(found["kinds"]["lawful"]) == {"business", "person"}
    assert found["calls"] == len(trained.split.test)


def test_the_count_rule_finds_a_flood() -> None:
    """One number that calls a hundred times a minute is what the rule was made for."""
    n = 400
    flood = np.arange(n) % 4 == 0
    truths = [Truth(True, "a", "flood") if hit else Truth(False, "", "person") for hit in flood]
    numbers = ["f" if hit else f"n{i}" for i, hit in enumerate(flood)]
    rows = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    data = assemble(["f", "g"], rows, np.arange(n) * 100, numbers, truths)

    found = baselines(data, np.arange(200), np.arange(200, n), seed=0)

    assert found["calls_per_minute"]["at_false_block_rates"][0]["recall"]["share"] == 1.0
    assert found["calls_per_60_minutes"]["at_false_block_rates"][0]["recall"]["share"] == 1.0
