"""Events whose record has another key than their calling number: their windows may be split over partitions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.compiled import compiled_borrowing
from detector.facts import CALLING
from streams.intake import Intake

NO_KEY = -1
"""Length of a key that is not there, which no text has."""


@compiled_borrowing
def _compare(
    data: NDArray[np.uint8],
    spans: NDArray[np.int64],
    keys: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    differs: NDArray[np.bool_],
) -> None:
    """Say of each calling number whether it differs from its key; the keys stand one behind the other."""
    at = 0
    for row in range(len(lengths)):
        start, length = spans[row, CALLING, 0], lengths[row]
        if length != spans[row, CALLING, 1] - start:
            differs[row] = True
        else:
            for offset in range(length):
                differs[row] |= data[start + offset] != keys[at + offset]
        at += max(length, 0)


def strays(keys: Sequence[bytes | None], intake: Intake) -> list[int]:
    """Indexes of those events; `keys` are those of all records of the batch, refused ones too."""
    of_events = [keys[position] for position in intake.positions]
    lengths = np.array([NO_KEY if key is None else len(key) for key in of_events], np.int64)
    joined = np.frombuffer(b"".join([key or b"" for key in of_events]), np.uint8)
    facts = intake.scanned
    differs = np.zeros(len(of_events), np.bool_)
    _compare(facts.data, facts.spans, joined, lengths, differs)
    found: list[int] = np.flatnonzero(differs).tolist()
    return found
