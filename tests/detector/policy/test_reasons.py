"""Reasons of the model: the features that raised a score most, in words and numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.decisions import Action
from detector.features.table import INDEX, N_FEATURES
from detector.policy.reasons import MODEL_FEATURES, Level, late, leading, of_features, of_model, overload


@given(st.integers(0, 5).flatmap(lambda n: st.lists(st.lists(st.integers(-2, 3), min_size=9, max_size=9), max_size=n)))
def test_leading_features_are_the_first_of_a_stable_sort(rows: list[list[int]]) -> None:
    """Most first, of equal ones the first in the table, only positive ones."""
    credit = np.array(rows, np.float64).reshape(len(rows), 9)

    found = leading(credit)

    for row, columns in zip(credit, found.tolist(), strict=True):
        order = np.argsort(-row, kind="stable")[:MODEL_FEATURES]
        assert [column for column in columns if column >= 0] == [c for c in order.tolist() if row[c] > 0]


def test_a_score_is_explained_by_its_threshold_and_then_by_features() -> None:
    """-1 is not enough data: the words say so, and there is no value."""
    row = np.zeros(N_FEATURES, np.float32)
    row[INDEX["number_attempts_1m"]], row[INDEX["number_asr_24h"]] = 75, -1
    named = [INDEX["number_attempts_1m"], INDEX["number_asr_24h"], -1]

    (score,) = of_model(Action.BLOCK, Level(0.99812, 6.27, 0.99812), 0.997)
    attempts, asr = of_features(named, row)

    assert (score.code, score.value, score.threshold) == ("model", 0.99812, 0.997)
    assert score.text == "Score 0.998 is at or above 0.997, the threshold for blocking"
    assert (attempts.code, attempts.value) == ("number_attempts_1m", 75.0)
    assert (asr.code, asr.value) == ("number_asr_24h", None)
    assert asr.text.endswith("not enough data.")


def test_a_call_that_waited_too_long_says_how_long() -> None:
    """Value and threshold are milliseconds, for programs; the words hold both for people."""
    assert (late(410, 300).value, late(410, 300).threshold) == (410.0, 300.0)
    assert "410 ms" in overload(410, 300).text
    assert "300 ms" in overload(410, 300).text
