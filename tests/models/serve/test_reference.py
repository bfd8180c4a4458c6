"""A reference counts every call once in each feature, whatever its values, and survives being kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from models.errors import ArtifactCorrupt
from models.serve.reference import N_BINS, SCORE_BINS, Reference, count_scores, share_from

VALUES = st.one_of(st.floats(-1e6, 1e6, width=32), st.sampled_from([-1.0, 0.0, 1.0]))


@given(arrays_of.arrays(np.float32, arrays_of.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=VALUES))
def test_every_call_is_in_one_bin_of_each_feature(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """And what was kept is read back as it was, ties, markers and constants included."""
    reference = Reference.measure(rows, np.zeros(len(rows)), rows.astype(np.float64))

    again = Reference.of_arrays(reference.arrays(), rows.shape[1])

    assert (again.counts.sum(axis=1) == len(rows)).all()
    assert (again.edges == reference.edges).all()


def test_deciles_hold_a_tenth_each() -> None:
    """A thousand different values, a hundred in each bin; a constant is all in the first."""
    rows = np.column_stack([np.arange(1_000), np.zeros(1_000)]).astype(np.float32)

    counts = Reference.measure(rows, np.zeros(1_000), np.ones((1, 2))).counts

    assert counts[0].tolist() == [100] * N_BINS
    assert counts[1].tolist() == [1_000] + [0] * (N_BINS - 1)


def test_scores_are_counted_to_the_thousandth() -> None:
    """1.0 belongs to the last bin; a share counts the bin of its threshold."""
    counts = count_scores(np.array([0.0, 0.0009, 0.001, 0.985, 1.0]))

    assert np.flatnonzero(counts).tolist() == [0, 1, 985, SCORE_BINS - 1]
    assert share_from(counts, 0.985) == 0.4
    assert share_from(np.zeros(SCORE_BINS, np.int64), 0.5) == 0.0


def test_what_is_no_reference_is_refused() -> None:
    """Another width, an array that is missing, counts below zero, edges that fall, weights below zero."""
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    good = Reference.measure(rows, np.zeros(20), np.ones((1, 2))).arrays()
    negative, falling = good["counts"].copy(), good["edges"].copy()
    negative[0, :2] += np.array([-5, 5])
    falling[0, 0] = 99.0

    for wrong in (
        {},
        good | {"counts": negative},
        good | {"edges": falling},
        good | {"scores": good["scores"][:9]},
        good | {"weights": -good["weights"]},
    ):
        with pytest.raises(ArtifactCorrupt):
            Reference.of_arrays(wrong, 2)
    with pytest.raises(ArtifactCorrupt):
        Reference.of_arrays(good, 3)
