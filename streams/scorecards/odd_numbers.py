"""Calling numbers that nobody has, as SQL: what the features call invalid, and what the policy calls impossible.

A test holds both against the code that judges calls (`detector.columns.numbering`, `detector.columns.impossible`).
"""

from collections.abc import Iterable
from itertools import product

from detector.columns.impossible import REPEATED
from detector.columns.numbering import (
    CODE_ENDINGS,
    E164_LONGEST,
    E164_SHORTEST,
    NATIONAL,
    NPA_WIDTH,
    SERVICE,
    SUBSCRIBER_RANGE,
    is_service_code,
)

_CODES = range(200, NPA_WIDTH)


def is_odd(column: str) -> str:
    """SQL that tells whether the number in a column is invalid or impossible; one without a digit is neither.

    Args:
        column: Its name, as SQL has it.
    """
    areas = {str(area) for area in _CODES if area % CODE_ENDINGS == SERVICE}
    return f"""(CASE WHEN regexp_full_match({column}, '\\+1[2-9][0-9]{{2}}[2-9][0-9]{{6}}')
  THEN substr({column}, 3, 3) IN ({_quoted(areas)}) OR substr({column}, 3, 6) IN ({_quoted(_service_blocks())})
    OR {column} IN ({_quoted(REPEATED)})
  ELSE regexp_matches({column}, '[0-9]')
    AND NOT regexp_full_match({column}, '\\+[2-9][0-9]{{{E164_SHORTEST - 2},{E164_LONGEST - 2}}}') END)"""


def _service_blocks() -> set[str]:
    """NPA-NXX with an office code N11 that nobody has."""
    offices = [office for office in _CODES if office % CODE_ENDINGS == SERVICE]
    blocks = (area * NPA_WIDTH + office for area, office in product(_CODES, offices))
    return {str(block) for block in blocks if is_service_code(NATIONAL + block * SUBSCRIBER_RANGE)}


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in sorted(texts))
