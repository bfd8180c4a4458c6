"""From the windows of a call's keys to its feature row: an interpreter of the feature table's program. Compiled."""

import numpy as np
from numpy.typing import NDArray

from detector import measures as spec
from detector.compiled import compiled
from detector.windows.slots import Ints

Floats = NDArray[np.float64]


@compiled
def _ratio(part: float, whole: float, minimum: int) -> float:
    """Share of `part` in `whole`, `NOT_ENOUGH_DATA` below the minimum sample; cut to [0, 1], as panes interpolate."""
    if whole < minimum or whole <= 0.0:
        return spec.NOT_ENOUGH_DATA
    return min(1.0, max(0.0, part / whole))


@compiled
def _quotient(part: float, whole: float, minimum: int, sample: float) -> float:
    if sample < minimum or whole <= 0.0:
        return spec.NOT_ENOUGH_DATA
    return part / whole


@compiled
def _value(step: Ints, counts: Floats, distinct: Floats, ages_s: Floats, flags: int, scale: Floats) -> float:  # noqa: PLR0911 - a table of operations
    operation, family, first, second, window, minimum = step
    if operation == spec.FLAG:
        return np.float64((flags >> first) & 1)
    if operation == spec.AGE or operation == spec.IDLE:  # noqa: PLR1714 - compiled: two compares, no tuple
        return float(ages_s[family, operation - spec.AGE])
    here = counts[family, window]
    attempts = here[spec.ATTEMPTS]
    if operation == spec.COUNT:
        return float(here[first] * scale[family])
    if operation == spec.RATIO:
        return _ratio(here[first], here[second], minimum)
    if operation == spec.DISTINCT:
        return float(distinct[family, first, window] * scale[family])
    if operation == spec.DISTINCT_RATIO:
        return _ratio(distinct[family, first, window], attempts, minimum)
    if operation == spec.CALLS_PER_ITEM:
        return _quotient(attempts, distinct[family, first, window], minimum, attempts)
    if operation == spec.MEAN_TALK:
        return _quotient(here[spec.TALK_S], here[spec.ANSWERED], minimum, here[spec.ANSWERED])
    if operation == spec.BURST:
        hourly = counts[family, spec.W1H, spec.ATTEMPTS]
        return float(attempts / max(1.0, hourly / spec.BURST_PARTS))
    # IN_OUT: calls received against calls received and made, both estimated for all partitions.
    received = counts[spec.RECEIVED, window, spec.ATTEMPTS] * scale[spec.RECEIVED]
    return _ratio(received, received + counts[spec.NUMBER, window, spec.ATTEMPTS], minimum)


@compiled
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
    for column in range(len(program)):
        row[column] = _value(program[column], counts, distinct, ages_s, flags, scale)
