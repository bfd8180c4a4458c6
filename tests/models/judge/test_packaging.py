"""An artifact is packaged with what the test span showed, and with rows that pin its score at every height."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.judge.packaging import ASSUMED_LAWFUL, GOLDEN_ROWS, golden_rows, label_basis, package, report
from models.learn.training import Parameters, TrainedModel, train
from models.serve.artifact import load_golden
from tests.models.labelled_calls import dataset


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train(dataset(), 1, Parameters(n_trees=5, min_samples_leaf=10, lawful_share=1.0, max_features=1.0))


def test_golden_rows_reach_from_the_lowest_to_the_highest_score_of_both_classes() -> None:
    data = dataset()
    scores = data.rows[:, 0].astype(np.float64)

    found = golden_rows(data, scores)

    assert len(found) == GOLDEN_ROWS
    of_robocalls, of_lawful = np.split(found[:, 0], 2)
    for part, chosen in ((of_robocalls, data.is_robocall), (of_lawful, ~data.is_robocall)):
        assert (part.min(), part.max()) == (data.rows[chosen, 0].min(), data.rows[chosen, 0].max())
        assert (np.diff(part) >= 0).all()


def test_few_calls_are_all_golden() -> None:
    data = dataset()
    few = data.take(np.concatenate([np.flatnonzero(data.is_robocall)[:3], np.flatnonzero(~data.is_robocall)[:4]]))

    assert len(golden_rows(few, few.rows[:, 0].astype(np.float64))) == 7


def test_the_manifest_says_how_to_make_the_model_again(trained: TrainedModel, tmp_path: Path) -> None:
    model = package(dataset(), trained, tmp_path, schema_id="f0", created_ms=5, made_by={"worlds": 6})

    assert model.manifest["provenance"] == {
        "data_sha256": dataset().digest(),
        "calls": len(dataset()),
        "seed": 1,
        "parameters": trained.parameters.as_json(),
        "worlds": 6,
    }
    assert model.manifest["created_ms"] == 5
    assert {"recall.png", "precision_recall.png", "calibration.png"} <= set(model.manifest["files"])


def test_golden_rows_and_the_reference_are_of_the_test_span(trained: TrainedModel, tmp_path: Path) -> None:
    """Calls that the model did not learn from."""
    model = package(dataset(), trained, tmp_path, schema_id="f0", created_ms=5)
    tested = {row.tobytes() for row in dataset().rows[trained.split.test]}

    assert {row.tobytes() for row in load_golden(tmp_path)} <= tested
    assert model.reference is not None
    assert int(model.reference.scores.sum()) == len(trained.split.test)


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


def test_the_report_says_on_whose_word_the_labels_rest_and_warns_of_what_is_assumed() -> None:
    """Nothing of generated traffic, whose labels nobody said."""
    data = dataset()
    assert label_basis(data) == {}

    sources = np.where(data.is_robocall, 0, 1)
    spoken = replace(data, source=sources, sources=("analyst", "assumed"), weight=np.where(data.is_robocall, 1.0, 0.1))
    found = label_basis(spoken)

    robocalls = int(data.is_robocall.sum())
    assert found["labels"] == [
        {"source": "analyst", "robocalls": robocalls, "lawful": 0, "weight": 1.0},
        {"source": "assumed", "robocalls": 0, "lawful": len(data) - robocalls, "weight": pytest.approx(0.1)},
    ]
    assert found["labels_warning"] == ASSUMED_LAWFUL
