"""Contributions explain the raw score exactly."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from models.serve.explain import contributions
from models.serve.forest import forest_of
from models.serve.scorer import UNCALIBRATED, TreeScorer
from tests.models.serve.forests import boosted, rows_of


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(0, 7), st.sampled_from([1, 13, 60]), st.sampled_from([2, 17, 31])),
    n_rows=st.integers(0, 200),
    rows_seed=st.integers(0, 2**32 - 1),
)
def test_contributions_and_expected_score_add_up_to_the_raw_score(
    shape: tuple[int, int, int], n_rows: int, rows_seed: int
) -> None:
    """Nothing of the score is left unexplained."""
    forest = forest_of(boosted(*shape))
    rows = rows_of(rows_seed, n_rows)

    total = forest.expected() + contributions(forest, rows).sum(axis=1)

    np.testing.assert_allclose(total, TreeScorer(forest, UNCALIBRATED).raw(rows), rtol=0, atol=1e-9)


def test_inner_values_are_count_weighted_means_of_leaves() -> None:
    """On the training rows of a first tree the mean contribution is zero: the root is the mean of the leaves."""
    rows = rows_of(11, 700)
    labels = rows[:, 0] > 0.3
    estimator = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=5, early_stopping=False).fit(rows, labels)

    mean = contributions(forest_of(estimator), rows).sum(axis=1).mean()

    assert abs(mean) < 1e-12


def test_only_the_feature_that_decides_is_credited() -> None:
    """A label that depends on one column alone is explained by this column alone."""
    rows = rows_of(12, 700)
    estimator = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=2).fit(rows, rows[:, 0] > 0)

    credit = contributions(forest_of(estimator), rows)

    assert np.all(np.abs(credit[:, 0]) > 0)
    assert not credit[:, 1:].any()
