"""What a standing block adds to the calls that are hit: after some blocks of a caller all its calls are, for a while.

A call counts as hit from the margin on at which it is blocked itself, or at which earlier calls of its caller have
brought about a standing block that still holds: the higher one of both. So budgets of blocks are kept with standing
blocks in force.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from detector.policy.settings import StandingBlocks
from models.budgets.bounds import Floats, Ints, ReferenceCalls

Calls = TypeVar("Calls", bound=ReferenceCalls)


def with_standing_blocks(calls: Calls, rule: StandingBlocks, from_margin: float) -> Calls:
    """The same calls, each with the margin from which on it is blocked, by itself or by a standing block.

    Args:
        calls: In any order.
        rule: Of the policy.
        from_margin: Lower margins bring about no standing block: nothing is blocked below it.
    """
    margins = calls.margins.copy()
    blocked, counts = np.unique(calls.callers[calls.margins >= from_margin], return_counts=True)
    own = np.flatnonzero(np.isin(calls.callers, blocked[counts >= rule.after_blocks]))
    own = own[np.lexsort((calls.at_ms[own], calls.callers[own]))]
    for one in np.split(own, np.flatnonzero(np.diff(calls.callers[own])) + 1):
        margins[one] = _raised(calls.margins[one], calls.at_ms[one], rule, from_margin)
    return replace(calls, margins=margins)


def _raised(margins: Floats, at_ms: Ints, rule: StandingBlocks, from_margin: float) -> Floats:
    """Margins of one caller's calls in order of time."""
    raised = margins.copy()
    blocks = np.flatnonzero(margins >= from_margin)
    when_ms = at_ms[blocks]
    first = np.searchsorted(when_ms, when_ms - rule.within_s * 1_000, side="right")
    end = np.searchsorted(at_ms, when_ms + rule.block_s * 1_000, side="left")
    for last in np.flatnonzero(np.arange(len(blocks)) - first + 1 >= rule.after_blocks).tolist():
        recent = margins[blocks[first[last] : last + 1]]
        stands_from = min(np.sort(recent)[-rule.after_blocks], recent[-1])  # it is blocked itself
        stands = raised[blocks[last] + 1 : end[last]]
        np.maximum(stands, stands_from, out=stands)
    return raised
