"""The compiled interpreter reads exactly what the table of operations says: no other number moves a feature."""

import numpy as np
import pytest

from detector.features.kinds import Feature
from detector.features.operations import operands_of
from detector.features.table import FEATURES, program
from detector.features.window_constants import N_FAMILIES, N_ITEMS, N_MEASURES, N_WINDOWS
from detector.windows.feature_rows import assembled, fill_row

PROGRAM = assembled(program())


def row_of(counts: np.ndarray, distinct: np.ndarray) -> np.ndarray:
    row = np.zeros(len(FEATURES), np.float32)
    ages_s = np.arange(2.0, 2.0 + 2 * N_FAMILIES).reshape(N_FAMILIES, 2)
    fill_row(PROGRAM, counts.reshape(-1), distinct.reshape(-1), ages_s, 0b101, np.ones(N_FAMILIES), row)
    return row


RANDOM = np.random.default_rng(5)
COUNTS = RANDOM.integers(40, 90, (N_FAMILIES, N_WINDOWS, N_MEASURES)).astype(np.float64)
DISTINCT = RANDOM.integers(1, 40, (N_FAMILIES, N_ITEMS, N_WINDOWS)).astype(np.float64)
ROW = row_of(COUNTS, DISTINCT)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_nothing_but_its_operands_moves_a_feature(feature: Feature) -> None:
    """All other counts at 0, it is what it was; without its own ones, where it has any, it is something else."""
    column, operands = FEATURES.index(feature), operands_of(feature.instruction)
    mine = np.zeros(COUNTS.shape, np.bool_)
    for count in operands.counts:
        mine[count] = True
    my_items = np.zeros(DISTINCT.shape, np.bool_)
    if operands.item is not None:
        my_items[operands.item] = True

    assert row_of(np.where(mine, COUNTS, 0), np.where(my_items, DISTINCT, 0))[column] == ROW[column]
    if mine.any():
        without = row_of(np.where(mine, 0, COUNTS), np.where(my_items, 0, DISTINCT))
        assert without[column] != ROW[column]
