"""Rows in blocks are the rows that came, whatever the pieces were."""

import numpy as np
import pytest

from models.adapt import rows as module
from models.adapt.rows import Rows


@pytest.mark.parametrize("sizes", [[0], [1], [4], [5, 0, 3], [9, 2, 13], [4, 4]])
def test_rows_come_back_in_any_order_and_are_scored_in_their_own(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of four: pieces end within them, at their ends and beyond."""
    monkeypatch.setattr(module, "BLOCK", 4)
    whole = np.random.default_rng(1).random((sum(sizes), 3), np.float32)
    kept, at = Rows(3), 0
    for size in sizes:
        kept.add(whole[at : at + size])
        at += size
    order = np.random.default_rng(2).permutation(len(whole))

    assert len(kept) == len(whole)
    assert np.array_equal(kept.take(order), whole[order])
    assert np.array_equal(kept.scored(lambda rows: rows.sum(axis=1).astype(np.float64)), whole.sum(axis=1))
