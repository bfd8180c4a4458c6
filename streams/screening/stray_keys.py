"""Events whose record has another key than their calling number: their windows may be split over partitions."""

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Ints
from detector.columns.facts import CALLING
from detector.columns.membership import hash_spans
from streams.wire.reading import Reading


def strays(key_hashes: Ints, reading: Reading) -> NDArray[np.intp]:
    """Find those events, told by hashes: one in 2^64 of them may be overlooked.

    Called once for each batch, after its answers have left; linear in the bytes of the numbers, never raises.

    Args:
        key_hashes: Of the keys of all records of the batch, refused ones too, shape (records,)
            (`detector.columns.membership.hash_spans`).
        reading: The events.

    Returns:
        Their indexes in `reading`, ascending, shape (strays,).
    """
    numbers = hash_spans(reading.facts.data, reading.facts.spans[:, CALLING])
    return np.flatnonzero(numbers != key_hashes[reading.positions])
