"""Labelled calls on which small models are compared: files, and the options that name them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detector.features.schemas import F3
from detector.features.table import FEATURE_NAMES
from models.data.dataset import COUNTED_IN_KEY

N_CALLS = 4_000
TOLERANT = """
recall_at_1e_3 = 0.5
recall_at_1e_4 = 0.5
recall_per_kind = 0.5
expected_calibration_error = 0.05
blocked_per_lawful_class = 0.05
labelled_per_lawful_class = 0.05
most_blocked_per_lawful_class = 1
most_labelled_per_lawful_class = 1
"""
"""Two small models of the same traffic differ by less than this; one of other traffic by more."""


def save_labelled(
    folder: Path, rows: NDArray[np.float32], is_robocall: NDArray[np.bool_], *, calls_per_campaign: int
) -> tuple[Path, Path]:
    """Write features and labels as replay --partitions 12 and simulate do; returns both paths.

    Campaigns follow one another. The feature table is the one that has as many columns as `rows`.
    """
    calls = range(len(rows))
    columns = {
        "call_id": [f"call{index}" for index in calls],
        "setup_time_ms": pa.array(calls, pa.int64()),
        "calling_number": [f"+1{index}" for index in calls],
        **{name: rows[:, index] for index, name in enumerate(F3.names[: rows.shape[1]])},
    }
    pq.write_table(pa.table(columns, metadata={COUNTED_IN_KEY: "12"}), folder / "features.parquet")
    lines = [
        f"call{index},robocall,campaign{index // calls_per_campaign},flood"
        if hit
        else f"call{index},legitimate,,person"
        for index, hit in enumerate(is_robocall)
    ]
    (folder / "labels.csv").write_text("\n".join(["call_id,label,campaign,kind", *lines]) + "\n")
    return folder / "features.parquet", folder / "labels.csv"


def save_small_evaluation(folder: Path) -> list[str]:
    """Write calls that no small model was trained on; return options of `models promote`, features and labels first."""
    rows = np.random.default_rng(99).exponential(3.0, size=(N_CALLS, len(FEATURE_NAMES))).astype(np.float32)
    is_robocall = rows[:, 0] + rows[:, 1] > 8.0
    save_labelled(folder, rows, is_robocall, calls_per_campaign=N_CALLS)
    (folder / "tolerances.toml").write_text(TOLERANT)
    names = {"--features": "features.parquet", "--labels": "labels.csv", "--tolerances": "tolerances.toml"}
    return [part for option, name in names.items() for part in (option, str(folder / name))]
