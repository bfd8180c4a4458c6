"""From a trained model to its artifact: report, plots, golden rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.verdicts import ASSUMED
from models.judge import plots
from models.judge.evaluation import measure, ranking
from models.learn.baselines import linear_model, rule_scores
from models.learn.training import TrainedModel
from models.serve.artifact import Contents, Model, save
from models.serve.assigned_codes import of_calls
from models.serve.explain import contributions
from models.serve.learning_curve import FIGURE, LearningCurve
from models.serve.reference import Reference

GOLDEN_ROWS = 400
ASSUMED_LAWFUL = (
    "Calls that nobody said anything about were taken for lawful. Robocalls among them were learnt as lawful calls: "
    "the model catches less of what nobody reports, its thresholds come out higher than they need to be, and those "
    "that it does catch are counted here as lawful calls hit. A score is no probability in this traffic: calls count "
    "by the weight of their label."
)
"""What a model that learnt from such calls is to be read with."""


def package(
    data: Dataset,
    trained: TrainedModel,
    folder: Path,
    *,
    schema_id: str,
    created_ms: int,
    made_by: Mapping[str, Any] | None = None,
    curve: LearningCurve | None = None,
) -> Model:
    """Judge a trained model on its test span and write the artifact.

    Called once a training, by `robocall train`. It blocks: the report takes seconds to minutes of processor time, the
    plots load matplotlib, and the artifact is written to the disk and loaded again.

    Args:
        data: All calls of the training, those of every span.
        trained: What `train` made of them.
        folder: Of the artifact; made when it is missing.
        schema_id: Of the feature table of `data`.
        created_ms: Now, epoch milliseconds.
        made_by: Plain values that say how to make the same model again; they go into manifest and model card.
        curve: Goes into the report and the manifest.

    Raises:
        ArtifactError: what was written cannot serve.
        OSError: the folder cannot be written.
    """
    test = data.take(trained.split.test)
    scores = trained.scorer.score(test.rows)
    raw = trained.scorer.raw(test.rows)
    golden = golden_rows(test, scores)
    contents = Contents(
        schema_id=schema_id,
        feature_names=trained.feature_names,
        scorer=trained.scorer,
        estimator=trained.estimator,
        thresholds=trained.thresholds,
        golden_rows=golden,
        report=report(data, trained) | ({} if curve is None else {FIGURE: curve.as_json()}),
        provenance={
            "data_sha256": trained.data_digest,
            "calls": len(data),
            **({"counted_in": list(data.counted_in)} if data.counted_in else {}),
            **of_calls(trained.feature_names, data.assigned_codes),
            "seed": trained.seed,
            "parameters": trained.parameters.as_json(),
            **(made_by or {}),
        },
        plots={
            "recall.png": plots.recall_by_false_block_rate(raw, test.is_robocall),
            "precision_recall.png": plots.precision_by_recall(raw, test.is_robocall),
            "calibration.png": plots.calibration(scores, test.is_robocall),
        },
        created_ms=created_ms,
        reference=Reference.measure(test.rows, scores, contributions(trained.scorer.forest, golden)),
    )
    return save(contents, folder)


def report(data: Dataset, model: TrainedModel) -> dict[str, Any]:
    """The whole report of a trained model on its test span, as plain values.

    It takes processor time, seconds to minutes for a million calls, and no input or output; `data` are all calls of the
    training.
    """
    test = data.take(model.split.test)
    raw = model.scorer.raw(test.rows)
    scores = model.scorer.calibration.apply(raw)
    return {
        "split": model.split.as_json(),
        "span_ms": [int(test.setup_time_ms[0]), int(test.setup_time_ms[-1])],
        **label_basis(data),
        **measure(test, raw, scores, model.thresholds, lambda rows: contributions(model.scorer.forest, rows)),
        "baselines": baselines(data, model.split.train, model.split.test, model.seed),
    }


def label_basis(data: Dataset) -> dict[str, Any]:
    """What the labels of all calls rest on, for the report: `labels`, and `labels_warning` where some are assumed.

    Nothing where nobody says who labelled them, as of generated traffic.
    """
    lines = data.labels_by_source()
    if not data.has_weights and all(line["source"] == "" for line in lines):
        return {}
    warning = ASSUMED_LAWFUL if any(line["source"] == ASSUMED for line in lines) else None
    return {"labels": lines, **({"labels_warning": warning} if warning else {})}


def baselines(data: Dataset, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> dict[str, Any]:
    """The rules of the field and a linear model on the same test calls.

    Each is given its best threshold for each rate on the test calls, as the model is.

    Args:
        data: All calls.
        train: Indices of the calls that the linear model learns from, shape (any,).
        test: Of the calls to judge by, of both classes.
        seed: Of what the linear model learns from, where those are too many.
    """
    found = {name: scores[test] for name, scores in rule_scores(data).items()}
    found["logistic_regression"] = linear_model(data, train, seed)(data.rows[test])
    return {name: ranking(scores, data.is_robocall[test]) for name, scores in found.items()}


def golden_rows(test: Dataset, scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows spread evenly over the ranks of both classes, so that every region of the score is checked at loading.

    Args:
        test: n_calls calls of both classes.
        scores: Of each of them, shape (n_calls,).

    Returns:
        At most `GOLDEN_ROWS` rows, shape (n, n_features).
    """
    chosen: list[NDArray[np.int64]] = []
    for wanted in (test.is_robocall, ~test.is_robocall):
        ranked = np.flatnonzero(wanted)[np.argsort(scores[wanted], kind="stable")]
        chosen.append(ranked[np.linspace(0, len(ranked) - 1, min(GOLDEN_ROWS // 2, len(ranked))).astype(int)])
    return test.rows[np.concatenate(chosen)]
