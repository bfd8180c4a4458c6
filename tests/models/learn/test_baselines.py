"""The rules that a model has to beat, against counts worked out by hand."""

import numpy as np

from models.data.dataset import assemble
from models.learn.baselines import linear_model, rule_scores
from models.traffic.truth import Truth

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def test_rules_count_a_number_in_gliding_windows() -> None:
    """Calls of one number after 0 s, 59.999 s, 60 s, an hour and a day: a call exactly one window old has left."""
    times = np.array([0, MINUTE_MS - 1, MINUTE_MS, HOUR_MS, 24 * HOUR_MS])
    data = assemble(["f"], np.zeros((5, 1), np.float32), times, ["n"] * 5, [Truth(False, "", "person")] * 5)

    found = rule_scores(data)

    assert found["calls_per_minute"].tolist() == [1, 2, 2, 1, 1]
    assert found["calls_per_60_minutes"].tolist() == [1, 2, 3, 3, 1]
    assert found["total_calls"].tolist() == [1, 2, 3, 4, 4]


def test_other_numbers_do_not_count() -> None:
    """Three calls within a second, of three numbers."""
    data = assemble(["f"], np.zeros((3, 1), np.float32), np.arange(3), list("abc"), [Truth(False, "", "person")] * 3)

    assert rule_scores(data)["calls_per_minute"].tolist() == [1, 1, 1]


def test_calls_in_sequence_come_from_the_features() -> None:
    """Half of ten calls are five; a number with too few calls (-1) has none; without the features there is no rule."""
    names = ("number_attempts_1h", "number_sequential_ratio_1h")
    rows = np.array([[10, 0.5], [2, -1]], np.float32)
    data = assemble(names, rows, np.arange(2), ["a", "b"], [Truth(False, "", "person")] * 2)
    without = assemble(("x", "y"), rows, np.arange(2), ["a", "b"], [Truth(False, "", "person")] * 2)

    assert rule_scores(data)["sequential_calls"].tolist() == [5.0, 0.0]
    assert "sequential_calls" not in rule_scores(without)


def test_the_linear_model_learns_from_the_given_calls_only() -> None:
    """The second half has the opposite truth: learnt from the first half, every call of it is ranked the wrong way."""
    value = np.tile(np.array([0.0, 1.0], np.float32), 50)
    truth = [Truth(bool(one) == (index < 50), "", "k") for index, one in enumerate(value)]
    data = assemble(["f"], value[:, None], np.arange(100), ["n"] * 100, truth)

    found = linear_model(data, np.arange(50), seed=0)(data.rows[50:])

    assert found[data.is_robocall[50:]].max() < found[~data.is_robocall[50:]].min()
