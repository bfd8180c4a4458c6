"""What a standing block adds to the calls that are hit: after some blocks of a caller all its calls are, for a while.

A call counts as hit from the margin on at which it is blocked itself, or at which earlier calls of its caller have
brought about a standing block that still holds: the higher one of both. So budgets of blocks are kept with standing
blocks in force.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from detector.policy.settings import StandingBlocks
from models.budgets.bounds import Floats, ReferenceCalls

Calls = TypeVar("Calls", bound=ReferenceCalls)


def with_standing_blocks(calls: Calls, rule: StandingBlocks, from_margin: float) -> Calls:
    """The same calls, each with the margin from which on it is blocked, by itself or by a standing block.

    Args:
        calls: In any order.
        rule: Of the policy.
        from_margin: Lower margins bring about no standing block: nothing is blocked below it.
    """
    margins = calls.margins.copy()
    hot = np.flatnonzero(calls.margins >= from_margin)
    callers, counts = np.unique(calls.callers[hot], return_counts=True)
    for caller in callers[counts >= rule.after_blocks].tolist():
        own = np.flatnonzero(calls.callers == caller)
        own = own[np.argsort(calls.at_ms[own], kind="stable")]
        margins[own] = _raised(calls.margins[own], calls.at_ms[own].tolist(), rule, from_margin)
    return replace(calls, margins=margins)


def _raised(margins: Floats, at_ms: list[int], rule: StandingBlocks, from_margin: float) -> Floats:
    """Margins of one caller's calls in order of time."""
    raised = margins.copy()
    recent: list[int] = []
    for index in np.flatnonzero(margins >= from_margin).tolist():
        now_ms = at_ms[index]
        recent = [one for one in recent if at_ms[one] > now_ms - rule.within_s * 1_000]
        recent.append(index)
        if len(recent) < rule.after_blocks:
            continue
        stands_from = min(np.sort(margins[recent])[-rule.after_blocks], margins[index])  # it is blocked itself
        end = int(np.searchsorted(at_ms, now_ms + rule.block_s * 1_000, side="left"))
        raised[index + 1 : end] = np.maximum(raised[index + 1 : end], stands_from)
    return raised
