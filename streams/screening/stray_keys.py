"""Events whose record has another key than their calling number: their windows may be split over partitions."""

import numpy as np
from numpy.typing import NDArray

from detector.columns.facts import CALLING
from detector.columns.membership import hash_spans
from streams.wire.reading import Intake


def strays(key_hashes: NDArray[np.int64], intake: Intake) -> list[int]:
    """Indexes of those events, told by hashes: one in 2^64 of them may be overlooked.

    Args:
        key_hashes: Of the keys of all records of the batch, refused ones too (`membership.hash_spans`).
        intake: The events.
    """
    facts = intake.scanned
    numbers = hash_spans(facts.data, facts.spans[:, CALLING])
    found: list[int] = (numbers != key_hashes.take(np.array(intake.positions, np.intp))).nonzero()[0].tolist()
    return found
