"""What the codes of a calling number say of it: premium, personal, or a code that nobody has.

Central office codes and blocks of thousands are assigned every week, so what is unassigned is data with a date that
somebody gives (`robocall dno import --assigned` reads the same files). A model may learn from it whatever its age; only
a list blocks, and only a new one.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detector.columns.arrays import Flags, Ints
from detector.columns.compiled import compiled_borrowing
from detector.columns.numbering import NATIONAL, NPA_WIDTH, is_personal
from detector.features.number_features import PERSONAL, PREMIUM, UNASSIGNED
from detector.features.window_constants import NOT_ENOUGH_DATA

OFFICE, BLOCK = 6, 7
"""Digits of a central office code and of a block of a thousand numbers."""
BLOCKS = 10**BLOCK
BLOCKS_PER_OFFICE = 10
NUMBERS_PER_BLOCK = 1_000
PREMIUM_AREA, PREMIUM_OFFICE = 900, 976
NO_LIST: Flags = np.zeros(0, np.bool_)
"""Nobody said what is unassigned."""


def unassigned_blocks(entries: Mapping[int, Ints]) -> Flags:
    """Codes and blocks that nobody has as a flag for each block, shape (10**7,): 10 MB.

    Args:
        entries: By number of digits, 6 and 7.
    """
    free: Flags = np.zeros(BLOCKS, np.bool_)
    free.reshape(-1, BLOCKS_PER_OFFICE)[entries.get(OFFICE, np.zeros(0, np.int64))] = True
    free[entries.get(BLOCK, np.zeros(0, np.int64))] = True
    return free


def codes_id(free: Flags) -> str:
    """16 hex digits that tell one list of what is unassigned from another, whatever file it came in; empty for none.

    It takes some milliseconds.

    Args:
        free: As `unassigned_blocks` makes it, or `NO_LIST`.
    """
    return hashlib.blake2b(np.packbits(free).tobytes(), digest_size=8).hexdigest() if len(free) else ""


@compiled_borrowing
def fill(digits: Ints, free: Flags, first: int, matrix: NDArray[np.float32]) -> None:
    """Fill the columns of these features.

    Args:
        digits: Of the calling number of each set-up, 11 digits, 0 where it is not NANP; shape (n,).
        free: As `unassigned_blocks` makes it, or `NO_LIST`.
        first: Column of the first of them.
        matrix: Rows of the set-ups, float32.
    """
    for row in range(len(digits)):
        matrix[row, first + PREMIUM] = matrix[row, first + PERSONAL] = 0.0
        matrix[row, first + UNASSIGNED] = NOT_ENOUGH_DATA
        if digits[row] == 0:
            continue
        block = (digits[row] - NATIONAL) // NUMBERS_PER_BLOCK
        area, office = block // (NPA_WIDTH * BLOCKS_PER_OFFICE), block // BLOCKS_PER_OFFICE % NPA_WIDTH
        matrix[row, first + PREMIUM] = 1.0 if area == PREMIUM_AREA or office == PREMIUM_OFFICE else 0.0
        matrix[row, first + PERSONAL] = 1.0 if is_personal(digits[row]) else 0.0
        if len(free) > 0:
            matrix[row, first + UNASSIGNED] = 1.0 if free[block] else 0.0
