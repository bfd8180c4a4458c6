"""Check on real labelled subscribers whether features point the way that they do in generated traffic.

The real set holds subscribers of one Chinese province, with 55 monthly features and a fraud label each. Only columns
that are near to one of our features are read. None of them says who the subscriber is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from models.data.dataset import Dataset

FILE = Path("sichuan") / "sichuan_dev.csv"
LABEL = "label"
RESAMPLES = 200
FEWEST_NUMBERS = 20
CAVEATS = (
    "They are subscribers of one Chinese province, labelled as fraud, not North American robocallers.",
    "Spoofed numbers and trunks are not among them.",
    "Their columns are sums of months, the features cover a day at most: only the direction can be compared.",
    "A third of them are fraud, far above a natural share, so that no precision can be told.",
    "Called party and time of a call are not known: the model itself cannot be run on them.",
)


@dataclass(frozen=True, slots=True)
class Family:
    """A column of the real set beside the feature that is nearest to it.

    `is_opposite` where one rises as the other falls.
    """

    what: str
    column: str
    feature: str
    is_opposite: bool = False


FAMILIES = (
    Family("different called numbers", "opposite_unique", "number_distinct_called_24h"),
    Family("calls", "opposite_count", "number_attempts_24h"),
    Family("calls per called number", "phone2opposite_mean", "number_distinct_called_ratio_24h", is_opposite=True),
    Family("share of outgoing calls", "voc_calltype1", "number_in_out_ratio_24h", is_opposite=True),
    Family("mean talk time", "call_dur_mean", "number_mean_talk_24h"),
)


def check_families(data: Dataset, reference_data: Path | None) -> dict[str, Any]:
    """Area under the ROC curve of each family on real subscribers and on the numbers of `data`.

    0.5 tells nothing; above, fraud has the larger values. Called once a report. It blocks for reading the set, and for
    some thousand rankings of it.

    Args:
        data: The judged calls.
        reference_data: Folder of the public reference data; None where there is none.

    Returns:
        Plain values. Without the set a dict with `skipped`, a sentence.

    Raises:
        OSError: The file of the set cannot be read.
        pyarrow.ArrowException: It lacks a column, or holds another kind of value.
    """
    path = None if reference_data is None else reference_data / FILE
    if path is None or not path.is_file():
        return {"skipped": "Not checked: the labelled subscribers of the reference data are not here."}
    columns = [family.column for family in FAMILIES]
    options = pa.csv.ConvertOptions(
        include_columns=[*columns, LABEL], column_types=dict.fromkeys(columns, pa.float64())
    )
    table = pa.csv.read_csv(path, convert_options=options)
    is_fraud = table.column(LABEL).to_numpy() == 1
    matrix = np.column_stack([table.column(name).to_numpy() for name in columns])
    known = np.isfinite(matrix).all(axis=1)
    return {
        "subscribers": int(known.sum()),
        "fraud": int(is_fraud[known].sum()),
        "families": [
            _family(family, matrix[known, index], is_fraud[known], data) for index, family in enumerate(FAMILIES)
        ],
        "together": _together(matrix[known], is_fraud[known]),
        "caveats": list(CAVEATS),
    }


def _family(family: Family, values: NDArray[np.float64], is_fraud: NDArray[np.bool_], data: Dataset) -> dict[str, Any]:
    real, generated = area(values, is_fraud), _of_numbers(family, data)
    same = None if generated is None else (real["area"] > 0.5) == (generated["area"] > 0.5)  # noqa: PLR2004
    return {"what": family.what, "feature": family.feature, "real": real, "here": generated, "same_direction": same}


def area(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> dict[str, float]:
    """Area under the ROC curve with its 95 % interval by drawing anew (seeded), `RESAMPLES` times.

    Args:
        values: What ranks, shape (n,); larger means more suspect.
        positive: Which are fraud or robocallers, shape (n,); both kinds have to be there.
    """
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = random.integers(0, len(values), len(values))
        if positive[chosen].any() and not positive[chosen].all():
            drawn.append(roc_auc_score(positive[chosen], values[chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"area": float(roc_auc_score(positive, values)), "low": float(low), "high": float(high)}


def _of_numbers(family: Family, data: Dataset) -> dict[str, float] | None:
    """The same of the numbers of the judged calls, each at its last call with enough data; None with too few."""
    if family.feature not in data.feature_names:
        return None
    values = data.rows[:, data.feature_names.index(family.feature)].astype(np.float64)
    enough = np.flatnonzero(values >= 0)[::-1]
    _, first = np.unique(data.number[enough], return_index=True)
    last = enough[first]
    positive = data.is_robocall[last]
    if min(int(positive.sum()), int((~positive).sum())) < FEWEST_NUMBERS:
        return None
    return area(-values[last] if family.is_opposite else values[last], positive)


def _together(matrix: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> dict[str, float]:
    """A linear model of all families on subscribers that it was not fitted on (five folds)."""
    linear = make_pipeline(QuantileTransformer(n_quantiles=100), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return area(cross_val_predict(linear, matrix, is_fraud, cv=folds, method="decision_function"), is_fraud)
