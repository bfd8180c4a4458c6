"""Whatever scores calls keeps one contract (`detector.contract.ports.Classifier`): models, and stand-ins in tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.contract.ports import Classifier, FeatureMatrix
from detector.features.table import FEATURE_SCHEMA_ID, INDEX, N_FEATURES
from detector.testing import FixedScore, ScoreFromFeature
from models.serve.artifact import SHIPPED, load
from tests.models.small_model import save_small_model
from tests.streams.screening.pipeline_case import Certain, Choosy

MAKERS: dict[str, Callable[[Path], Classifier]] = {
    "shipped model": lambda _: load(SHIPPED, schema_id=FEATURE_SCHEMA_ID),
    "model of an artifact": lambda folder: load(save_small_model(folder), schema_id=FEATURE_SCHEMA_ID),
    "FixedScore": lambda _: FixedScore(0.25),
    "ScoreFromFeature": lambda _: ScoreFromFeature(),
    "Certain": lambda _: Certain(0.5),
    "Choosy": lambda _: Choosy(0.5),
}


@pytest.fixture(scope="module", params=MAKERS)
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return MAKERS[request.param](tmp_path_factory.mktemp("model"))


@pytest.fixture
def rows() -> FeatureMatrix:
    """Rows as the windows give them: counts and shares, some without enough data."""
    random = np.random.default_rng(3)
    rows = random.exponential(3.0, (40, N_FEATURES)).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = -1.0
    rows[:, INDEX["number_asr_24h"]] = random.random(40)
    return rows


def test_it_says_what_it_is(classifier: Classifier) -> None:
    assert 1 <= len(classifier.version) <= 64
    assert classifier.schema_id == FEATURE_SCHEMA_ID


@pytest.mark.parametrize("count", [1, 2, 40])
def test_scores_are_one_probability_a_call(classifier: Classifier, rows: FeatureMatrix, count: int) -> None:
    scores = classifier.score(rows[:count])

    assert scores.shape == (count,)
    assert scores.dtype == np.float64
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_margins_come_with_the_scores_that_are_made_of_them(classifier: Classifier, rows: FeatureMatrix) -> None:
    """To the bit: a call that is asked about alone has the same."""
    found = classifier.scored(rows)

    np.testing.assert_array_equal(found.scores, classifier.score(rows))
    np.testing.assert_array_equal(found.margins, classifier.raw(rows))
    np.testing.assert_array_equal(classifier.calibrated(found.margins), found.scores)
    order = np.argsort(found.margins)
    assert (np.diff(found.scores[order]) >= 0).all()
    assert classifier.group_weight >= 0


def test_contributions_are_one_figure_a_feature(classifier: Classifier, rows: FeatureMatrix) -> None:
    contributions = classifier.contributions(rows)

    assert contributions.shape == rows.shape
    assert contributions.dtype == np.float64
    assert np.isfinite(contributions).all()


def test_a_call_is_judged_by_its_own_row(classifier: Classifier, rows: FeatureMatrix) -> None:
    """In any company, in any order, and the second time as the first."""
    together, explained = classifier.score(rows), classifier.contributions(rows)
    alone = [classifier.score(rows[row : row + 1]).item() for row in range(len(rows))]

    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(classifier.score(rows[::-1]), together[::-1])
    np.testing.assert_array_equal(classifier.contributions(rows[::-1]), explained[::-1])


def test_rows_are_left_as_they_are(classifier: Classifier, rows: FeatureMatrix) -> None:
    before = rows.copy()
    rows.setflags(write=False)

    classifier.score(rows)
    classifier.contributions(rows)

    np.testing.assert_array_equal(rows, before)
