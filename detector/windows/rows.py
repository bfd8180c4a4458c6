"""From the windows of a call's keys to its feature row: an interpreter of the feature table's program. Compiled."""

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.compiled import compiled_borrowing
from detector.windows.slots import Ints

Floats = NDArray[np.float64]


@compiled_borrowing
def _ratio(part: float, whole: float, minimum: int) -> float:
    """Share of `part` in `whole`, `NOT_ENOUGH_DATA` below the minimum sample; cut to [0, 1], as panes interpolate."""
    if whole < minimum or whole <= 0.0:
        return spec.NOT_ENOUGH_DATA
    return min(1.0, max(0.0, part / whole))


@compiled_borrowing
def _quotient(part: float, whole: float, minimum: int, sample: float) -> float:
    if sample < minimum or whole <= 0.0:
        return spec.NOT_ENOUGH_DATA
    return part / whole


@compiled_borrowing
def fill_row(
    program: Ints, counts: Floats, distinct: Floats, ages_s: Floats, flags: int, scale: Floats, row: NDArray[np.float32]
) -> None:
    """Fill `row`, shape (n_features,).

    Args:
        program: (n_features, 6), one step a feature.
        counts: (N_FAMILIES, 5, N_MEASURES).
        distinct: (N_FAMILIES, N_ITEMS, 5).
        ages_s: (N_FAMILIES, 2), since first seen and since the previous call.
        flags: Call flags.
        scale: (N_FAMILIES,), what a count of the partition is multiplied with.
        row: Filled.
    """
    hourly = spec.W1H
    for column in range(len(program)):
        operation, family, first = program[column, 0], program[column, 1], program[column, 2]
        second, window, minimum = program[column, 3], program[column, 4], program[column, 5]
        attempts = counts[family, window, spec.ATTEMPTS]
        if operation == spec.RATIO:
            value = _ratio(counts[family, window, first], counts[family, window, second], minimum)
        elif operation == spec.FLAG:
            value = float((flags >> first) & 1)
        elif operation == spec.COUNT:
            value = counts[family, window, first] * scale[family]
        elif operation == spec.DISTINCT:
            value = distinct[family, first, window] * scale[family]
        elif operation == spec.DISTINCT_RATIO:
            value = _ratio(distinct[family, first, window], attempts, minimum)
        elif operation == spec.CALLS_PER_ITEM:
            value = _quotient(attempts, distinct[family, first, window], minimum, attempts)
        elif operation == spec.MEAN_TALK:
            answered = counts[family, window, spec.ANSWERED]
            value = _quotient(counts[family, window, spec.TALK_S], answered, minimum, answered)
        elif operation == spec.BURST:
            value = attempts / max(1.0, counts[family, hourly, spec.ATTEMPTS] / spec.BURST_PARTS)
        elif operation == spec.IN_OUT:
            # Calls received against calls received and made, both for all partitions.
            received = attempts * scale[family]
            value = _ratio(received, received + counts[spec.NUMBER, window, spec.ATTEMPTS], minimum)
        else:
            value = ages_s[family, operation - spec.AGE]
        row[column] = value
