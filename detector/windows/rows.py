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
def _usual(counts: Floats, measure: int, reference: int) -> float:
    """Share (of talk time the mean) of `measure` in the family and window of `reference`, 0 where it has no calls."""
    family, window = reference // spec.N_WINDOWS, reference % spec.N_WINDOWS
    whole = max(1.0, float(counts[family, window, spec.WHOLES[measure]]))
    return float(counts[family, window, measure]) / whole


@compiled_borrowing
def _level(counts: Floats, family: int, measure: int, reference: int, window: int, strength: int) -> float:
    """Share (of talk time the mean) of `measure`, drawn towards the reference's as if by `strength` calls of it.

    Few calls then say what is usual there instead of nothing, or too much.
    """
    part, whole = counts[family, window, measure], counts[family, window, spec.WHOLES[measure]]
    return (float(part) + strength * _usual(counts, measure, reference)) / (float(whole) + strength)


@compiled_borrowing
def _beside(own: float, other: float) -> float:
    """Compare two quantities: `own` in `own + other`, 0.5 where they are equal."""
    return own / (own + other) if own + other > 0.0 else spec.ALIKE


@compiled_borrowing
def _surge(counts: Floats, family: int, measure: int, window: int, longer: int, minimum: int, age_s: float) -> float:
    """Calls a second now beside those of the longer window, of which no more counts than the key has been known."""
    if counts[family, longer, measure] < minimum:
        return spec.ALIKE
    span_s = spec.WINDOW_MS[window] / spec.SECOND_MS
    known_s = min(spec.WINDOW_MS[longer] / spec.SECOND_MS, max(age_s, span_s))
    return _beside(counts[family, window, measure] / span_s, counts[family, longer, measure] / known_s)


@compiled_borrowing
def _compared(
    operation: int, family: int, first: int, second: int, window: int, minimum: int, counts: Floats, ages_s: Floats
) -> float:
    """Value of a feature that compares; see `measures.OPERATIONS`. Without an origin or a block there is none."""
    other, longer = second // spec.N_WINDOWS, second % spec.N_WINDOWS
    if ages_s[family, 0] < 0.0 or ages_s[other, 0] < 0.0:
        value = spec.NOT_ENOUGH_DATA
    elif operation == spec.PART_OF:
        value = _ratio(counts[family, window, first], counts[other, longer, first], minimum)
    elif operation == spec.LEVEL:
        value = _level(counts, family, first, second, window, minimum)
    elif operation == spec.BESIDE:
        value = _beside(_level(counts, family, first, second, window, minimum), _usual(counts, first, second))
    elif operation == spec.SURGE:
        value = _surge(counts, family, first, window, longer, minimum, ages_s[family, 0])
    else:
        value = _beside(ages_s[family, 0], ages_s[other, 0])
    return value


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
        elif operation >= spec.PART_OF:
            value = _compared(operation, family, first, second, window, minimum, counts, ages_s)
        else:
            value = ages_s[family, operation - spec.AGE]
        row[column] = value
