"""What nobody has of the numbers of some area codes, from a file of what is assigned. Pure.

Calls from such numbers are spoofed, as long as the file is new: codes are assigned every week. What is assigned are
central office codes (NPA-NXX) and blocks of a thousand numbers of them (NPA-NXX-X), as NANPA and its pooling
administrator publish them. The rest of an area code of which enough is assigned is unassigned.
"""

from collections.abc import Mapping

import numpy as np

from detector.columns.arrays import Flags, Ints
from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import EXCHANGE, THOUSANDS

FEWEST_CODES = 100
"""Of an area code with fewer assigned ones the file may know only some: nothing is said of it."""
GOOD_FOR_DAYS = 30
"""How long such a list blocks where nothing else is said."""

_CODES, _BLOCKS, _FIRST_OFFICE = 1_000, 10, 200


class AssignmentsRefused(RobocallError):
    """A file that names something else than codes and blocks of them, or too little."""


def unassigned_of(assigned: Mapping[int, Ints]) -> dict[int, Ints]:
    """Return the codes and blocks that nobody has, in area codes of which at least `FEWEST_CODES` codes are assigned.

    Args:
        assigned: Codes and blocks by number of digits, as `DnoList.entries`. A code by itself is assigned whole; blocks
            beside it say only who has them.

    Returns:
        The same of what is not assigned.

    Raises:
        AssignmentsRefused: There are entries of 3 or 10 digits, or no area code has enough.
    """
    if not assigned.keys() <= {EXCHANGE, THOUSANDS}:
        raise AssignmentsRefused("what is assigned are codes of 6 digits and blocks of 7: there are others")
    blocks: Flags = np.zeros((_CODES, _CODES, _BLOCKS), np.bool_)
    blocks.reshape(-1)[assigned.get(THOUSANDS, np.zeros(0, np.int64))] = True
    blocks.reshape(-1, _BLOCKS)[assigned.get(EXCHANGE, np.zeros(0, np.int64))] = True
    known = blocks.any(axis=2).sum(axis=1) >= FEWEST_CODES
    if not known.any():
        raise AssignmentsRefused(f"no area code has {FEWEST_CODES} assigned codes: nothing can be said of the others")
    free = ~blocks
    free[~known] = False
    free[:, :_FIRST_OFFICE] = False  # nobody can have them, which the policy knows by itself
    codes = free.all(axis=2)
    free[codes] = False
    return {EXCHANGE: codes.reshape(-1).nonzero()[0], THOUSANDS: free.reshape(-1).nonzero()[0]}
