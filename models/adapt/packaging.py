"""The folder that an adaptation writes: an artifact like any other, or a copy of the base, and what was found."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.adapt.found import write_found
from models.adapt.outcome import Choice, Outcome
from models.adapt.rounds import Student
from models.judge.packaging import golden_rows
from models.serve.artifact import Contents, Model, load, save
from models.serve.explain import contributions
from models.serve.learning_curve import FIGURE, LearningCurve
from models.serve.manifest import MANIFEST, SIGNATURE, read_manifest
from models.serve.reference import Reference
from models.serve.weighing import GROUP_WEIGHT, with_group_weight

MEASURES = "measure-*.json"


def package(
    outcome: Outcome,
    base: Path,
    folder: Path,
    *,
    schema_id: str,
    created_ms: int,
    made_by: Mapping[str, Any],
    curve: LearningCurve | None = None,
) -> Model:
    """Write the model that was chosen; of the base a copy, with a group weight or as it is. Old measures are removed.

    Called once an adaptation. It blocks for the disk, and for some seconds of processor time.

    Args:
        outcome: What came of it.
        base: Folder of the base model.
        folder: Of the artifact; made when it is missing, and another one than `base`.
        schema_id: Of the feature table.
        created_ms: Now, epoch milliseconds.
        made_by: Plain values that say how to make the same again.
        curve: Of what was learnt; goes into the report and the manifest.

    Raises:
        ArtifactError: what was written cannot serve.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob(MEASURES), folder / SIGNATURE):
        old.unlink(missing_ok=True)
    if outcome.chosen is not None:
        report = {"adapted": outcome.facts, "labels": outcome.chosen.learnt}
        report |= {} if curve is None else {FIGURE: curve.as_json()}
        model = save(_contents(outcome.chosen, report, schema_id, created_ms, made_by), folder)
    elif outcome.choice is Choice.GROUPED:
        model = with_group_weight(base, folder, GROUP_WEIGHT, schema_id=schema_id)
    else:
        model = _copied(base, folder, schema_id)
    write_found({"version": model.version, **outcome.facts}, folder)
    return model


def _copied(base: Path, folder: Path, schema_id: str) -> Model:
    """Copy the files of an artifact, the manifest last: a folder without one is no artifact."""
    for name in read_manifest(base)["files"]:
        shutil.copyfile(base / name, folder / name)
    shutil.copyfile(base / MANIFEST, folder / MANIFEST)
    return load(folder, schema_id=schema_id)


def _contents(
    student: Student, report: dict[str, Any], schema_id: str, created_ms: int, made_by: Mapping[str, Any]
) -> Contents:
    later = student.calibrated_on
    scores = student.scorer.score(later.rows)
    golden = golden_rows(later, scores)
    return Contents(
        schema_id=schema_id,
        feature_names=later.feature_names,
        scorer=student.scorer,
        estimator=student.estimator,
        thresholds=student.thresholds,
        golden_rows=golden,
        report=report,
        provenance={
            "data_sha256": student.data_digest,
            "calls": sum(line["robocalls"] + line["lawful"] for line in student.learnt),
            "counted_in": list(later.counted_in),
            "seed": student.seed,
            "parameters": student.parameters.as_json(),
            **({} if student.root is None else student.root.provenance),
            **made_by,
        },
        plots={},
        created_ms=created_ms,
        reference=Reference.measure(later.rows, scores, contributions(student.scorer.forest, golden)),
    )
