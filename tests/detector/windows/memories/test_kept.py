"""What of one engine means something to another."""

import pytest

from detector.windows.memories import NOTHING_KEPT, Kept


@pytest.mark.parametrize(
    ("own", "theirs", "lacks"),
    [
        (NOTHING_KEPT, NOTHING_KEPT, False),
        (Kept("m", "d", "s"), NOTHING_KEPT, False),
        (Kept("m", "d", "s"), Kept("m", "d", "s"), False),
        (NOTHING_KEPT, Kept(signatures_of="s"), True),
        (Kept("m", "d", "s"), Kept("n", "d", "s"), True),
    ],
)
def test_rows_that_mean_nothing_here_are_told(own: Kept, theirs: Kept, lacks: bool) -> None:
    assert own.lacks(theirs) is lacks
