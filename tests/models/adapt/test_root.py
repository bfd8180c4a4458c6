"""What is learnt is added to the base's trees: the sum of both decides, and who is adapted again does not grow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from detector.features.table import FEATURE_SCHEMA_ID
from models.adapt import rounds
from models.adapt.adapting import adapt_model
from models.adapt.packaging import package
from models.adapt.root import Root, root_of
from models.adapt.rounds import Student, learn
from models.errors import ArtifactIncompatible
from models.serve.artifact import Model, load
from models.serve.forest import forest_of
from models.serve.manifest import ESTIMATOR
from models.serve.scorer import UNCALIBRATED, TreeScorer
from tests.models.adapt.spans import Made, complaints, made, material_of, taught
from tests.models.adapt.test_adapting import FAST
from tests.models.small_model import save_small_model

MADE_BY = {"command": "robocall adapt"}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PARAMETERS", FAST)


@pytest.fixture
def span() -> Made:
    return made(2, sees=1.5)


@pytest.fixture
def boosted(span: Made) -> HistGradientBoostingClassifier:
    """Trees of a base, of more leaves than those that are learnt."""
    return HistGradientBoostingClassifier(max_iter=10).fit(
        span.calls.rows.take(np.arange(4_000)), span.is_robocall[:4_000]
    )


def test_margins_are_those_of_both_and_the_baseline_counts_once(
    span: Made, boosted: HistGradientBoostingClassifier
) -> None:
    """What was learnt counts half. Compiled and by scikit-learn, before and after calibration."""
    alone = learn(material_of(span, complaints(span, 0.3)), 7, lambda _: None)
    root = Root(boosted._predictors, "gbt-base")
    both = learn(replace(material_of(span, complaints(span, 0.3)), root=root), 7, lambda _: None)

    assert isinstance(alone, Student)
    assert isinstance(both, Student)
    base = TreeScorer(forest_of(boosted), UNCALIBRATED)
    rows = span.calls.rows.take(np.arange(500))
    baseline = alone.scorer.forest.baseline
    wanted = base.raw(rows) - base.forest.baseline + baseline + 0.5 * (alone.scorer.raw(rows) - baseline)
    assert both.scorer.raw(rows) == pytest.approx(wanted, abs=1e-9)
    assert both.estimator.predict_proba(rows)[:, 1] == pytest.approx(both.scorer.score(rows), abs=1e-12)
    assert both.scorer.forest.n_trees == alone.scorer.forest.n_trees + 10


def test_adapted_again_it_keeps_the_first_base_and_loses_what_it_had_learnt(
    span: Made, boosted: HistGradientBoostingClassifier, tmp_path: Path
) -> None:
    """Two nights: the second model has as many trees as the first, and names the same root."""
    first = Root(boosted._predictors, "gbt-base")

    def night(root: Root, folder: Path) -> Root:
        material = material_of(span, taught(span, complaints(span, 0.3)))
        outcome = adapt_model(replace(material, root=root), "gbt-base", 7, lambda *_: None)
        assert outcome.chosen is not None, outcome.verdict.reason
        model = package(outcome, tmp_path / "base", folder, schema_id="f", created_ms=5, made_by=MADE_BY)
        return root_of(folder, model)

    again = night(night(first, tmp_path / "one"), tmp_path / "two")

    assert again.version == first.version
    assert len(again.predictors) == len(first.predictors)
    made_of = load(tmp_path / "two", schema_id="f").manifest["provenance"]
    assert (made_of["root"], made_of["root_trees"]) == (first.version, len(first.predictors))


def test_a_base_without_trees_that_can_stay_says_what_to_do(
    boosted: HistGradientBoostingClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without an estimator serves all the same, and so does one that another scikit-learn made."""
    folder = save_small_model(tmp_path)
    model = load(folder, schema_id=FEATURE_SCHEMA_ID)
    files = {name: entry for name, entry in model.manifest["files"].items() if name != ESTIMATOR}
    without = Model(TreeScorer(forest_of(boosted), UNCALIBRATED), model.manifest | {"files": files})

    with pytest.raises(ArtifactIncompatible, match=r"has no estimator\.skops, .*: give another --base"):
        root_of(folder, without)
    monkeypatch.setattr("models.adapt.root.PREDICTOR_RECORD_DTYPE", np.dtype([("value", np.float32)]))
    with pytest.raises(ArtifactIncompatible, match=r"is of another scikit-learn than .*: give another --base"):
        root_of(folder, model)
