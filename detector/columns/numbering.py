"""Telephone numbers as bytes: what is a North American number, what is foreign, what is neither. Compiled.

A number of the North American Numbering Plan is written `+1NXXNXXXXXX` with N in 2..9 and X in 0..9; the first three
digits after `+1` are the area code (NPA), the next three the central office code (NXX).
"""

import numpy as np

from detector.columns.arrays import Bytes
from detector.columns.compiled import compiled_borrowing
from detector.columns.integers import as_int

COUNTRY_CODE = "+1"
NANP_LENGTH = 12
"""Characters of a North American number in E.164: `+1` and ten digits."""
E164_LONGEST = 16  # "+" and 15 digits (ITU-T E.164)
E164_SHORTEST = 8
NOT_NANP = -1
SUBSCRIBER_RANGE = 10_000
"""Numbers in one NPA-NXX block; `digits // SUBSCRIBER_RANGE` names the block."""
NATIONAL = 10_000_000_000
"""The country code 1 before ten digits: less this, 11 digits are the ten national ones."""
NPA_WIDTH = 1_000
"""`block // NPA_WIDTH` is the area code of a block."""
SERVICE, CODE_ENDINGS = 11, 100
"""A code that is `SERVICE` modulo `CODE_ENDINGS` is one of N11 (911, 411, ...)."""

_PLUS = 43
_ZERO = 48
_NINE = 57
_ONE = 49
_TWO = 50
_TOLL_FREE = (800, 833, 844, 855, 866, 877, 888)
_PERSONAL = (500, *range(520, 530), 533, 544, 566, 577, 588, 700)
_NON_GEOGRAPHIC = (*_TOLL_FREE, *_PERSONAL, 900)
_EMERGENCY = 911

VALID = 0
FOREIGN = 1
INVALID = 2
ANONYMOUS = 3


@compiled_borrowing
def nanp_digits(data: Bytes, start: int, stop: int) -> int:
    """Read `data[start:stop]` as `+1NXXNXXXXXX` to its 11 digits as an integer; 0 where it has another form."""
    if stop - start != NANP_LENGTH:
        return 0
    i, end = np.uint64(start), np.uint64(stop)  # a signed index costs a test for wrap-around
    if data[i] != _PLUS or data[i + np.uint64(1)] != _ONE:
        return 0
    if data[i + np.uint64(2)] < _TWO or data[i + np.uint64(5)] < _TWO:
        return 0
    digits = 0
    i += np.uint64(1)
    while i < end:
        character = as_int(data[i])
        if character < _ZERO or character > _NINE:
            return 0
        digits = digits * 10 + (character - _ZERO)
        i += np.uint64(1)
    return digits


@compiled_borrowing
def npa_nxx(digits: int) -> int:
    """Return the six digits NPA-NXX of a NANP number as an integer, `NOT_NANP` for 0."""
    if digits == 0:
        return NOT_NANP
    return (digits - NATIONAL) // SUBSCRIBER_RANGE


@compiled_borrowing
def is_service_code(digits: int) -> bool:
    """Tell whether area code or office code of a NANP number is N11 (911, 411, ...) and never assigned to a line.

    Non-geographic area codes use the office codes N11, except 911: 800-411 is assigned.
    """
    block = npa_nxx(digits)
    area, office = block // NPA_WIDTH, block % NPA_WIDTH
    if area % CODE_ENDINGS == SERVICE:
        return True
    return office % CODE_ENDINGS == SERVICE and (office == _EMERGENCY or area not in _NON_GEOGRAPHIC)


@compiled_borrowing
def is_toll_free(digits: int) -> bool:
    """Tell whether a NANP number is toll-free (800, 833, 844, 855, 866, 877, 888)."""
    return npa_nxx(digits) // NPA_WIDTH in _TOLL_FREE


@compiled_borrowing
def is_personal(digits: int) -> bool:
    """Tell whether a NANP number is of a non-geographic code for personal communications (500 and the like) or 700."""
    return npa_nxx(digits) // NPA_WIDTH in _PERSONAL


@compiled_borrowing
def classify(data: Bytes, start: int, stop: int) -> int:
    """Say what the calling number `data[start:stop]` is: `VALID` (NANP), `FOREIGN`, `INVALID`, or `ANONYMOUS`.

    Foreign is well-formed E.164 of another country (`+`, 7 to 15 digits, no leading 0 or 1); anonymous has no digit.
    Invalid is any other text, and a NANP number with a code N11. It is what the features `invalid_*` count, and it is
    not what the policy calls impossible (`detector.columns.impossible`).
    """
    digits = nanp_digits(data, start, stop)
    if digits != 0:
        return INVALID if is_service_code(digits) else VALID
    numerals = 0
    for position in range(start, stop):
        if _ZERO <= data[position] <= _NINE:
            numerals += 1
    if numerals == 0:
        return ANONYMOUS
    length = stop - start
    is_e164 = E164_SHORTEST <= length <= E164_LONGEST and data[start] == _PLUS and numerals == length - 1
    return FOREIGN if is_e164 and data[start + 1] > _ONE else INVALID
