"""From the windows of a call's keys to its feature row: an interpreter of the feature table's program. Compiled.

The table is assembled once. Its instructions stand in order of operation, so that each operation has a loop of its
own, and they say where in memory their counts are, so that none looks anything up. Places are unsigned: for a signed
one numba asks at each access whether it counts from the end.
"""

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Floats, Ints, Words
from detector.columns.compiled import compiled_borrowing, compiled_inline
from detector.features import operations, window_constants
from detector.features.operations import Count, Instruction, operands_of, reference_of

# Columns of an assembled program: the instruction itself, then where its numbers are.
_OPERATION, _COLUMN, _FAMILY, _OTHER, _WINDOW, _LONGER, _FIRST, _MINIMUM = (np.uint64(at) for at in range(8))
_ITEM, _PART, _WHOLE, _BESIDE, _BESIDE_WHOLE = (np.uint64(at) for at in range(8, 13))


def _place(count: Count | None) -> int:
    """Where a count is among all counts (N_FAMILIES, N_WINDOWS, N_MEASURES); 0 for none, which nobody then reads."""
    if count is None:
        return 0
    return (count.family * window_constants.N_WINDOWS + count.window) * window_constants.N_MEASURES + count.measure


def _assembled(instruction: Instruction, column: int) -> list[int]:
    """One instruction: what it is, and where its numbers are; what the operation does not read is 0."""
    operands, (other, longer) = operands_of(instruction), reference_of(instruction)
    item = operands.item
    places = [_place(count) for count in (operands.part, operands.whole, operands.beside, operands.beside_whole)]
    item_place = (
        0
        if item is None
        else (item.family * window_constants.N_ITEMS + item.item) * window_constants.N_WINDOWS + item.window
    )
    what = [
        instruction.operation,
        column,
        instruction.family,
        other,
        instruction.window,
        longer,
        instruction.first,
        instruction.minimum,
    ]
    return [*what, item_place, *places]


def assembled(program: Ints) -> Words:
    """Make the program ready for `fill_row`: once, when an engine is made.

    Args:
        program: `detector.features.table.program`, shape (n_features, 6).

    Returns:
        The steps in order of operation, shape (n_features, 13).
    """
    steps = [_assembled(Instruction(*step), column) for column, step in enumerate(program.tolist())]
    return np.array(sorted(steps, key=lambda step: step[0]), dtype=np.uint64)


@compiled_inline
def _everywhere(counted: float, family: int, scale: Floats) -> float:
    """What all partitions would count, from what this one counted.

    The call itself is here for certain and is multiplied by nothing, so that one call reads as one in any number of
    partitions; of the calls that the calling number received none is this call. The number's earlier calls are here
    too, and are multiplied with the rest: of an origin or a block of one busy number this says too much.
    """
    times = scale[family]
    own = 0.0 if family == window_constants.RECEIVED else times - 1.0
    return float(max(counted, counted * times - own))


@compiled_inline
def _ratio(part: float, whole: float, minimum: float) -> float:
    """Share of `part` in `whole`, `NOT_ENOUGH_DATA` below the minimum sample; cut to [0, 1], as panes interpolate."""
    share = min(1.0, max(0.0, part / (whole if whole > 0.0 else 1.0)))
    return share if (whole >= minimum) & (whole > 0.0) else window_constants.NOT_ENOUGH_DATA


@compiled_inline
def _quotient(part: float, whole: float, minimum: float, sample: float) -> float:
    if sample < minimum or whole <= 0.0:
        return window_constants.NOT_ENOUGH_DATA
    return part / whole


@compiled_inline
def _level(part: float, whole: float, usual: float, strength: float) -> float:
    """Share (of talk time the mean), drawn towards the usual one as if by `strength` calls of it.

    Few calls then say what is usual there instead of nothing, or too much.
    """
    return (part + strength * usual) / (whole + strength)


@compiled_inline
def _beside(own: float, other: float) -> float:
    """Compare two quantities: `own` in `own + other`, 0.5 where they are equal."""
    return own / (own + other) if own + other > 0.0 else operations.ALIKE


@compiled_inline
def _surge(part: float, longer: float, window: int, longer_window: int, minimum: float, age_s: float) -> float:
    """Calls a second now beside those of the longer window, of which no more counts than the key has been known."""
    if longer < minimum:
        return operations.ALIKE
    span_s = window_constants.WINDOW_MS[np.int64(window)] / window_constants.SECOND_MS
    known_s = min(window_constants.WINDOW_MS[np.int64(longer_window)] / window_constants.SECOND_MS, max(age_s, span_s))
    return _beside(part / span_s, longer / known_s)


@compiled_inline
def _compared(program: Words, at: np.uint64, counts: Floats, ages_s: Floats, scale: Floats) -> float:
    """Value of a feature that compares; see `operations.OPERATIONS`. Without an origin or a block there is none."""
    operation, minimum = program[at, _OPERATION], float(program[at, _MINIMUM])
    own_age_s, other_age_s = ages_s[program[at, _FAMILY], 0], ages_s[program[at, _OTHER], 0]
    part, beside = counts[program[at, _PART]], counts[program[at, _BESIDE]]
    if own_age_s < 0.0 or other_age_s < 0.0:
        return window_constants.NOT_ENOUGH_DATA
    if operation == operations.PART_OF:
        part = _everywhere(part, program[at, _FAMILY], scale)
        whole = _everywhere(beside, program[at, _OTHER], scale)
        return _ratio(part, whole, 0.0) if beside >= minimum else window_constants.NOT_ENOUGH_DATA
    if operation == operations.SURGE:
        return _surge(part, beside, program[at, _WINDOW], program[at, _LONGER], minimum, own_age_s)
    if operation == operations.AGE_BESIDE:
        return _beside(own_age_s, other_age_s)
    usual = beside / max(1.0, counts[program[at, _BESIDE_WHOLE]])
    level = _level(part, counts[program[at, _WHOLE]], usual, minimum)
    return level if operation == operations.LEVEL else _beside(level, usual)


@compiled_inline
def _single(
    program: Words, at: np.uint64, counts: Floats, distinct: Floats, ages_s: Floats, flags: int, scale: Floats
) -> float:
    """Value of a feature of one key alone that is neither a count nor a share."""
    operation, family, minimum = program[at, _OPERATION], program[at, _FAMILY], float(program[at, _MINIMUM])
    part, whole, item = counts[program[at, _PART]], counts[program[at, _WHOLE]], program[at, _ITEM]
    if operation == operations.FLAG:
        value = float((flags >> np.int64(program[at, _FIRST])) & 1)
    elif operation == operations.DISTINCT:
        value = _everywhere(distinct[item], family, scale)
    elif operation == operations.DISTINCT_RATIO:
        value = _ratio(distinct[item], whole, minimum)
    elif operation == operations.CALLS_PER_ITEM:
        value = _quotient(whole, distinct[item], minimum, whole)
    elif operation == operations.MEAN_TALK:
        value = _quotient(part, whole, minimum, whole)
    elif operation == operations.BURST:
        hourly = _everywhere(counts[program[at, _BESIDE]], family, scale)
        value = _everywhere(whole, family, scale) / max(1.0, hourly / operations.BURST_PARTS)
    elif operation == operations.IN_OUT:
        # Calls received against calls received and made, both for all partitions.
        received = _everywhere(whole, family, scale)
        value = _ratio(received, received + counts[program[at, _BESIDE]], minimum)
    else:
        value = ages_s[family, operation - np.uint64(operations.AGE)]
    return float(value)


@compiled_borrowing
def fill_row(
    program: Words,
    counts: Floats,
    distinct: Floats,
    ages_s: Floats,
    flags: int,
    scale: Floats,
    row: NDArray[np.float32],
) -> None:
    """Fill `row`, shape (n_features,).

    Args:
        program: (n_features, 13), `assembled`.
        counts: (N_FAMILIES * 5 * N_MEASURES,), all counts flat.
        distinct: (N_FAMILIES * N_ITEMS * 5,), flat.
        ages_s: (N_FAMILIES, 2), since first seen and since the previous call.
        flags: Call flags.
        scale: (N_FAMILIES,), partitions that a count stands for: 1 where this one sees all calls of the key.
        row: Filled.
    """
    at, steps = np.uint64(0), np.uint64(len(program))
    one = np.uint64(1)
    while at < steps and program[at, _OPERATION] == operations.COUNT:
        row[program[at, _COLUMN]] = _everywhere(counts[program[at, _PART]], program[at, _FAMILY], scale)
        at += one
    while at < steps and program[at, _OPERATION] == operations.RATIO:
        part, whole = counts[program[at, _PART]], counts[program[at, _WHOLE]]
        row[program[at, _COLUMN]] = _ratio(part, whole, float(program[at, _MINIMUM]))
        at += one
    while at < steps and program[at, _OPERATION] < operations.PART_OF:
        row[program[at, _COLUMN]] = _single(program, at, counts, distinct, ages_s, flags, scale)
        at += one
    while at < steps:
        row[program[at, _COLUMN]] = _compared(program, at, counts, ages_s, scale)
        at += one
