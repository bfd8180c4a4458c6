"""When two cells are of one campaign: what each has in memory, and the three signs that join them.

The signs and their bounds were chosen by measurement in generated traffic of four authors (`docs/campaigns.md`).
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from detector.campaigns.calls import Cell, SuspectCall
from detector.campaigns.samples import Sample

PANE_MS = 300_000
PANES = 24
"""Panes that a cell remembers: the latest two hours in which it called."""
LEAST_SHARED = 0.3
"""Share of calls of both cells whose numbers the other one has too."""
MOST_REUSE_RATIO = 2.5
"""So many times as often as the other's may one cell's numbers call: a number that is in two campaigns by chance is
used differently in them."""
LEAST_ALIKE = 0.93
"""Cosine of the calls by pane."""
FEWEST_PANES = 3
MOST_WAITING = 10
MOST_TRUNKS = 8
FEWEST_COMPARED = 8
"""Numbers and times of fewer calls say too little; an origin needs no sample."""


class Sign(StrEnum):
    """Why two cells are of one campaign."""

    ORIGIN = "same_origin"
    NUMBERS = "same_numbers"
    TIMES = "same_times"


_WORDS: dict[str, str] = {
    Sign.ORIGIN: "the same signer and origination id",
    Sign.NUMBERS: "the same calling numbers, used alike",
    Sign.TIMES: "calls at the same times by a shared trunk group",
}


def in_words(sign: str) -> str:
    """Say for people what two cells have in common; a sign of another version stays as it is."""
    return _WORDS.get(sign, sign)


@dataclass(slots=True)
class CellMemory:
    """What is remembered of a cell.

    Attributes:
        cell: Its key.
        trunks: That its calls came in by, the first `MOST_TRUNKS`.
        first_ms: Set-up of its first call, epoch milliseconds.
        last_ms: Of its last one.
        calls: How many.
        numbers: Calling numbers.
        panes: Calls by pane of event time, the latest `PANES` in which it called.
        campaign: Id, empty as long as it has none.
        compared_at: Number of calls at which it was last held against others.
        waiting: Its calls while it has no campaign, the latest `MOST_WAITING`.
        places: What it is found by; kept by who finds it.
    """

    cell: Cell
    first_ms: int
    last_ms: int
    trunks: set[str] = field(default_factory=set)
    calls: int = 0
    numbers: Sample = field(default_factory=Sample)
    panes: dict[int, int] = field(default_factory=dict)
    campaign: str = ""
    compared_at: int = 0
    waiting: list[SuspectCall] = field(default_factory=list)
    places: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, call: SuspectCall) -> bool:
        """Count a call; says whether its number is new in the sample of numbers."""
        self.calls += 1
        if len(self.trunks) < MOST_TRUNKS:
            self.trunks.add(call.trunk_group_id)
        self.last_ms = max(self.last_ms, call.at_ms)
        if not self.campaign:
            self.waiting.append(call)
            del self.waiting[:-MOST_WAITING]
        pane = call.at_ms // PANE_MS
        self.panes[pane] = self.panes.get(pane, 0) + 1
        if len(self.panes) > PANES:
            del self.panes[min(self.panes)]
        return self.numbers.add(call.calling_number)

    def calls_per_number(self) -> float:
        """Mean calls of a number."""
        return self.calls / max(self.numbers.distinct(), 1)


@dataclass(frozen=True, slots=True)
class Join:
    """That two cells are of one campaign.

    Attributes:
        sign: Why.
        value: Shared share of calls or likeness of times, from 0 to 1.
    """

    sign: Sign
    value: float


def join(one: CellMemory, other: CellMemory) -> Join | None:
    """Hold two cells against each other; None where nothing joins them. O(sizes of their memories).

    Args:
        one: Neither of them is changed.
        other: Another cell.
    """
    if one.cell.caller != other.cell.caller:
        return None
    if one.cell.origin is not None and one.cell.origin == other.cell.origin:
        return Join(Sign.ORIGIN, 1.0)
    if min(one.calls, other.calls) < FEWEST_COMPARED:
        return None
    shared = one.numbers.shared(other.numbers)
    if shared >= LEAST_SHARED and _ratio(one.calls_per_number(), other.calls_per_number()) <= MOST_REUSE_RATIO:
        return Join(Sign.NUMBERS, shared)
    if not one.trunks.isdisjoint(other.trunks) and min(len(one.panes), len(other.panes)) >= FEWEST_PANES:
        alike = _cosine(one.panes, other.panes)
        if alike >= LEAST_ALIKE:
            return Join(Sign.TIMES, alike)
    return None


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


def _cosine(one: dict[int, int], other: dict[int, int]) -> float:
    product = sum(calls * other.get(pane, 0) for pane, calls in one.items())
    lengths = (sum(calls * calls for calls in panes.values()) for panes in (one, other))
    return product / math.sqrt(math.prod(lengths))
