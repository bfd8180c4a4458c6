"""Texts that are copied one behind the other: where they stand afterwards, and what stands between them."""

import numpy as np
import pytest

from detector.columns.packing import pack

DATA = np.frombuffer(b"abcdefgh", np.uint8)


@pytest.mark.parametrize(("gap", "expected"), [(0, b"..cdabgh"), (2, b"..cd\0\0ab\0\0\0\0gh\0\0")])
def test_texts_stand_behind_each_other_in_their_order(gap: int, expected: bytes) -> None:
    """Wherever they stood; an absent one takes no room but its gap."""
    spans = np.array([(2, 4), (0, 2), (-1, -1), (6, 8)])
    packed = np.full(len(expected), ord("."), np.uint8)

    end = pack(DATA, spans, packed, 2, gap)

    assert packed.tobytes() == expected
    assert end == len(expected)
    assert [expected[start:stop] for start, stop in spans.tolist()] == [b"cd", b"ab", b"", b"gh"]
