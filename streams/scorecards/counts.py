"""What is counted of the calls of a day, for each trunk group and signer, and summed for what both belong to."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

CONFIDENCE_Z = 1.959964
"""Of intervals: 95 %, both sides."""


class Interval(NamedTuple):
    """A share and the interval that holds it at 95 % (Wilson, JASA 22, 1927); None where nothing was counted."""

    share: float
    low: float
    high: float


def wilson(hits: int, of: int) -> Interval | None:
    """The share of hits and its interval.

    Calls of one campaign are not independent of each other, so it is too narrow where one campaign fills the day.

    Args:
        hits: From 0 to `of`.
        of: How many were counted.
    """
    if of == 0:
        return None
    share, square = hits / of, CONFIDENCE_Z**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = CONFIDENCE_Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    low = 0.0 if hits == 0 else max(0.0, middle - half)  # exactly, whatever rounding makes of it
    return Interval(share, low, 1.0 if hits == of else min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of a day, each counted once however often it was reported.

    Attributes:
        calls: All of them.
        judged: Of which a decision is known that rests on the call, and not on who hands it over or signs.
        suspect: Of those: which the policy would label or block.
        invalid: From numbers that nobody has.
        with_a: With a signature of attestation A that held.
        rotated: Of those: suspect, from a number that calls once or twice on the day and not on the days before.
        signed: With a signature that held, and of whose upstream the OCN is known.
        downstream: Of those: A or B, signed by an upstream that only passes calls on.
        third_party: Of those: signed by somebody else than the upstream, which originates.
        with_signers: With a signature of attestation A or B that held, from a number with a digit that somebody signed
            for on the days before.
        resigned: Of those: signed by none of those who did.
        with_ocn: Of which the OCN of the calling number and of the upstream are known.
        ocn_unlike: Of those: both differ.
        refused: That another network answered 603+.
        tracebacks: That a traceback has named since.
        judged_before: As `judged`, of the days before.
        suspect_before: As `suspect`, likewise.
    """

    calls: int = 0
    judged: int = 0
    suspect: int = 0
    invalid: int = 0
    with_a: int = 0
    rotated: int = 0
    signed: int = 0
    downstream: int = 0
    third_party: int = 0
    with_signers: int = 0
    resigned: int = 0
    with_ocn: int = 0
    ocn_unlike: int = 0
    refused: int = 0
    tracebacks: int = 0
    judged_before: int = 0
    suspect_before: int = 0


def summed(several: Iterable[Counts]) -> Counts:
    """All of some counts together."""
    rows = list(several)
    return Counts(**{field.name: sum(getattr(one, field.name) for one in rows) for field in fields(Counts)})
