"""Calling numbers in the form `+1...` that the policy calls impossible: nobody can have them, and why.

The policy asks for one number at a time, as text, and may leave kinds out (`heads_of`, `REPEATED`, `is_wrong_length`).
The columns ask for all calls of a batch at once, and must not miss any kind (`may_be_impossible`). A test holds the two
together. Text in any other form than `+1` and digits is never impossible (`may_be_judged`): who cannot be read is not
who cannot exist.

*Invalid* is another word: it is a class of `detector.columns.numbering.classify`, which the features count. It takes
text of any form, and fewer kinds. `+12222222222` is impossible and not invalid, `12345` is invalid and not impossible.
"""

from collections.abc import Collection
from enum import StrEnum
from itertools import product

from detector.columns.compiled import compiled_borrowing
from detector.columns.numbering import CODE_ENDINGS, COUNTRY_CODE, NANP_LENGTH, NATIONAL, NPA_WIDTH, SERVICE

SHORT_CODE_LIMIT = 9
"""A `+1` number of fewer characters is a short code with a stray prefix, not an impossible number."""
HEAD_LENGTH = 6
"""Characters of a head: `+1`, the area code, and the first digit of the exchange."""

_DIGITS = "0123456789"
_RESERVED = "01"
"""First digits that no area code and no exchange has."""
_REPEATED_DIGIT = 1_111_111_111
_TOLL_FREE = "8"


class Impossible(StrEnum):
    """Why a number in the form `+1...` cannot be anybody's."""

    AREA_CODE = "area_code"
    EXCHANGE = "exchange"
    REPEATED_DIGIT = "repeated_digit"
    LENGTH = "length"


REPEATED = frozenset(COUNTRY_CODE + digit * 10 for digit in _DIGITS if digit != _TOLL_FREE)
"""Numbers of one digit ten times, but for +1 888 888 8888, which is an assigned toll-free number."""


def heads_of(kinds: Collection[Impossible]) -> frozenset[str]:
    """First `HEAD_LENGTH` characters of the numbers of ten digits that are impossible for their area code or exchange.

    Area codes 0xx, 1xx and N11 are never assigned, nor are exchanges 0xx and 1xx.

    Args:
        kinds: Those that count; `AREA_CODE` and `EXCHANGE` are looked at.
    """
    areas = ["".join(digits) for digits in product(_DIGITS, repeat=3)]
    bad = {area for area in areas if area[0] in _RESERVED or int(area) % CODE_ENDINGS == SERVICE}
    heads = {area + digit for area in bad for digit in _DIGITS} if Impossible.AREA_CODE in kinds else set()
    if Impossible.EXCHANGE in kinds:
        heads |= {area + digit for area in areas if area not in bad for digit in _RESERVED}
    return frozenset(COUNTRY_CODE + head for head in heads)


def may_be_judged(calling_number: str) -> bool:
    """Tell whether a number is `+1` and digits, and nothing else."""
    return calling_number.startswith(COUNTRY_CODE) and calling_number.isascii() and calling_number[1:].isdigit()


def is_wrong_length(calling_number: str) -> bool:
    """Tell whether a number that may be judged has neither ten digits nor the length of a short code."""
    length = len(calling_number)
    return length != NANP_LENGTH and length >= SHORT_CODE_LIMIT


@compiled_borrowing
def may_be_impossible(digits: int, block: int) -> bool:
    """Tell whether a calling number may be impossible of any kind, or has no form that can be judged by its digits.

    Args:
        digits: 11 digits of a NANP number, 0 for any other text.
        block: Its NPA-NXX, `detector.columns.numbering.npa_nxx` of `digits`.
    """
    is_service = block // NPA_WIDTH % CODE_ENDINGS == SERVICE
    return digits == 0 or is_service or (digits - NATIONAL) % _REPEATED_DIGIT == 0
