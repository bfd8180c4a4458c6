"""A real model artifact for tests of the worker: trained in a second on seeded rows, meaningless about calls."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator

from detector.features.schemas import F2, Schema
from models.serve.artifact import Contents, save
from models.serve.assigned_codes import of_calls
from models.serve.explain import contributions
from models.serve.forest import forest_of
from models.serve.learning_curve import FIGURE, LearningCurve
from models.serve.reference import Reference
from models.serve.scorer import TreeScorer, calibration_of


def save_small_model(
    folder: Path,
    seed: int = 1,
    columns: tuple[int, int] = (0, 1),
    *,
    group_weight: float = 0.0,
    schema: Schema = F2,
    codes: tuple[str, ...] = (),
    curve: LearningCurve | None = None,
) -> Path:
    """Train and write; another seed gives another version, other columns another idea of what a robocall is."""
    random = np.random.default_rng(seed)
    rows: NDArray[np.float32] = random.exponential(3.0, size=(800, len(schema.names))).astype(np.float32)
    labels = rows[:, columns[0]] + rows[:, columns[1]] > 8.0
    boosted = HistGradientBoostingClassifier(max_iter=10, random_state=seed).fit(rows[:500], labels[:500])
    estimator = CalibratedClassifierCV(FrozenEstimator(boosted), method="sigmoid").fit(rows[500:], labels[500:])
    forest = forest_of(boosted)
    contents = Contents(
        schema_id=schema.schema_id,
        feature_names=schema.names,
        scorer=TreeScorer(forest, calibration_of(estimator)),
        estimator=estimator,
        thresholds={"block_at": 0.98, "label_at": 0.85},
        golden_rows=rows[:100],
        report={"calls": len(rows)} | ({} if curve is None else {FIGURE: curve.as_json()}),
        provenance={"seed": seed, **of_calls(schema.names, codes)},
        plots={},
        created_ms=1_700_000_000_000,
        reference=Reference.measure(rows, estimator.predict_proba(rows)[:, 1], contributions(forest, rows)),
        group_weight=group_weight,
    )
    save(contents, folder)
    return folder


if __name__ == "__main__":
    import sys

    save_small_model(Path(sys.argv[1]))
