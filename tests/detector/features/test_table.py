"""The feature table: its order, its words."""

import numpy as np
import pytest

from detector.features import operations, window_constants
from detector.features.table import (
    FEATURE_NAMES,
    FEATURE_SCHEMA_ID,
    FEATURES,
    INDEX,
    N_FEATURES,
    explain,
    program,
    wanted_counts,
)
from detector.features.window_constants import NOT_ENOUGH_DATA


def test_names_are_unique_and_indexed_in_order() -> None:
    assert len(set(FEATURE_NAMES)) == N_FEATURES
    assert [INDEX[name] for name in FEATURE_NAMES] == list(range(N_FEATURES))


def test_schema_id_is_a_short_digest() -> None:
    assert FEATURE_SCHEMA_ID.startswith("f2-")
    assert len(FEATURE_SCHEMA_ID) == 15


def test_every_measure_asked_for_is_kept_in_panes() -> None:
    """A feature on a measure that its family does not keep would be zero for busy keys and right for idle ones."""
    for family, windows in enumerate(wanted_counts()):
        shape = window_constants.SHAPES[window_constants.CALLED if family == window_constants.RECEIVED else family]
        for window, wanted in enumerate(windows):
            assert set(np.flatnonzero(wanted)) <= set(shape.pairs[window])
    for operation, family, first, _, window, _ in program().tolist():
        shape = window_constants.SHAPES[window_constants.CALLED if family == window_constants.RECEIVED else family]
        if operation in (operations.DISTINCT, operations.DISTINCT_RATIO, operations.CALLS_PER_ITEM):
            assert first in [sketch.item for sketch in shape.sketches]
            assert window in shape.distinct_windows


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("number_attempts_1h", 41.0, "Number of calls of the calling number in the last hour: 41."),
        ("number_asr_24h", NOT_ENOUGH_DATA, "not enough data."),
        ("number_asr_24h", 0.254, ": 25 %."),
        ("call_diverted", 1.0, "Sign that the call was forwarded: yes."),
        ("number_idle", 12.4, ": 12 s."),
    ],
)
def test_explanation_is_a_sentence(name: str, value: float, sentence: str) -> None:
    assert explain(name, value).endswith(sentence)


def test_bounds_allow_their_values() -> None:
    for feature in FEATURES:
        assert feature.low <= feature.high
        assert np.isfinite(feature.low)
