"""Scores that a test chooses. `tests/contracts/test_classifiers.py` holds them to the contract of a model."""

import numpy as np

from detector.features.table import INDEX, N_FEATURES
from detector.testing import FixedScore, ScoreFromFeature


def test_a_feature_is_the_score_as_it_was_written() -> None:
    """A float32 0.98 is 0.98 again; a feature without enough data scores 0."""
    rows = np.zeros((3, N_FEATURES), np.float32)
    rows[:, INDEX["number_asr_24h"]] = 0.98, 0.25, -1.0
    classifier = ScoreFromFeature("number_asr_24h")

    assert classifier.score(rows).tolist() == [0.98, 0.25, 0.0]
    assert classifier.contributions(rows[:1])[0, INDEX["number_asr_24h"]] == np.float32(0.98)
    assert (classifier.rows_scored, classifier.rows_explained) == (3, 1)


def test_a_fixed_score_is_that_of_every_call() -> None:
    assert FixedScore(0.7).score(np.ones((2, N_FEATURES), np.float32)).tolist() == [0.7, 0.7]
