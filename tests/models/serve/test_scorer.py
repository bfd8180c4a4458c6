"""The compiled scorer computes what scikit-learn computes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import ArtifactCorrupt
from models.serve.forest import forest_of
from models.serve.scorer import UNCALIBRATED, Calibration, TreeScorer, calibration_of
from tests.models.serve.forests import N_FEATURES, boosted, calibrated, rows_of

shapes = st.tuples(st.integers(0, 7), st.sampled_from([1, 2, 13, 60]), st.sampled_from([2, 3, 17, 31, 32]))


@settings(max_examples=80)
@given(shape=shapes, n_rows=st.integers(1, 600), rows_seed=st.integers(0, 2**32 - 1))
def test_raw_score_is_scikit_learns_to_the_last_bit(shape: tuple[int, int, int], n_rows: int, rows_seed: int) -> None:
    """Same leaves, added in the same order, for any number of trees, leaves and rows."""
    estimator = boosted(*shape)
    rows = rows_of(rows_seed, n_rows)

    raw = TreeScorer(forest_of(estimator), UNCALIBRATED).raw(rows)

    np.testing.assert_array_equal(raw, estimator.decision_function(rows))


@settings(max_examples=60)
@given(
    shape=shapes,
    method=st.sampled_from(["isotonic", "sigmoid"]),
    n_rows=st.integers(1, 600),
    rows_seed=st.integers(0, 2**32 - 1),
)
def test_score_agrees_with_predict_proba(shape: tuple[int, int, int], method: str, n_rows: int, rows_seed: int) -> None:
    """The calibrated probability is that of scikit-learn to 1e-12."""
    estimator = calibrated(*shape, method)
    rows = rows_of(rows_seed, n_rows)
    scorer = TreeScorer(forest_of(boosted(*shape)), calibration_of(estimator))

    np.testing.assert_allclose(scorer.score(rows), estimator.predict_proba(rows)[:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 3, 4, 5, 16, 17, 63, 64, 65, 128, 129])
def test_rows_on_and_beside_every_threshold_take_scikit_learns_side(n_rows: int) -> None:
    """Thresholds are float64 and rows float32: they could part at the float32 neighbours of each threshold."""
    estimator = boosted(3, 60, 31)
    nodes = np.concatenate([iteration[0].nodes for iteration in estimator._predictors])
    splits = nodes[nodes["is_leaf"] == 0]
    random = np.random.default_rng(n_rows)
    rows = rows_of(5, n_rows)
    for row in rows:
        for split in splits[random.integers(0, len(splits), N_FEATURES)]:
            near = np.float32(split["num_threshold"])
            row[split["feature_idx"]] = np.nextafter(near, np.float32(random.choice([-np.inf, np.inf])))
            if random.random() < 0.4:
                row[split["feature_idx"]] = near

    raw = TreeScorer(forest_of(estimator), UNCALIBRATED).raw(rows)

    np.testing.assert_array_equal(raw, estimator.decision_function(rows))


@pytest.mark.parametrize("n_rows", [1, 70])
def test_infinite_features_are_scored_as_scikit_learn_does(n_rows: int) -> None:
    """Infinity is an ordinary end of the scale."""
    estimator = boosted(2, 13, 31)
    rows = rows_of(8, n_rows)
    rows[0, 0], rows[-1, 2] = np.inf, -np.inf
    scorer = TreeScorer(forest_of(estimator), UNCALIBRATED)

    np.testing.assert_array_equal(scorer.raw(rows), _walked(estimator, rows))


def _walked(estimator: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Walk scikit-learn's own nodes in plain Python (its input check refuses infinity, its trees do not)."""
    raw = np.full(len(rows), float(estimator._baseline_prediction[0, 0]))
    for iteration in estimator._predictors:
        nodes = iteration[0].nodes
        for row, cells in enumerate(rows):
            node = 0
            while not nodes[node]["is_leaf"]:
                goes_left = float(cells[nodes[node]["feature_idx"]]) <= nodes[node]["num_threshold"]
                node = nodes[node]["left" if goes_left else "right"]
            raw[row] += nodes[node]["value"]
    return raw


@pytest.mark.parametrize("n_rows", [1, 70])
def test_nan_is_refused(n_rows: int) -> None:
    """Features are never NaN; a NaN is a bug upstream and must not become a score."""
    rows = rows_of(0, n_rows)
    rows[-1, 3] = np.nan

    with pytest.raises(ValueError, match="NaN"):
        TreeScorer(forest_of(boosted(0, 2, 3)), UNCALIBRATED).raw(rows)


@pytest.mark.parametrize(
    "rows", [np.zeros((2, N_FEATURES)), np.zeros((2, N_FEATURES + 1), np.float32), np.zeros(N_FEATURES, np.float32)]
)
def test_rows_of_a_wrong_shape_or_type_are_refused(rows: NDArray[Any]) -> None:
    """Compiled code checks no bounds, so the shape is checked before."""
    with pytest.raises(ValueError, match="float32 of shape"):
        TreeScorer(forest_of(boosted(0, 2, 3)), UNCALIBRATED).raw(rows)


def test_no_rows_give_no_scores() -> None:
    """A batch without setups is scored without an error."""
    assert TreeScorer(forest_of(boosted(0, 2, 3)), UNCALIBRATED).score(rows_of(0, 0)).shape == (0,)


def test_a_column_slice_is_scored_like_its_copy() -> None:
    """Memory order of the rows does not matter."""
    scorer = TreeScorer(forest_of(boosted(1, 13, 31)), UNCALIBRATED)
    rows = rows_of(1, 90)

    np.testing.assert_array_equal(scorer.raw(np.asfortranarray(rows)), scorer.raw(rows))


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration("isotonic", np.array([0.0, 0.0]), np.array([0.1, 0.2])),
        Calibration("isotonic", np.array([0.0, 1.0]), np.array([0.2, 0.1])),
        Calibration("isotonic", np.array([0.0, 1.0]), np.array([0.2, 1.1])),
        Calibration("isotonic", np.array([0.0, np.nan]), np.array([0.2, 0.3])),
        Calibration("isotonic", np.array([]), np.array([])),
        Calibration("sigmoid", np.array([1.0, 2.0]), np.array([0.2, 0.3])),
    ],
)
def test_a_calibration_that_is_no_map_into_probabilities_is_refused(calibration: Calibration) -> None:
    """It must rise, be finite and stay within [0, 1]."""
    with pytest.raises(ArtifactCorrupt, match="calibration"):
        calibration.check()
