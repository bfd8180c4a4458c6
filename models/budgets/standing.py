"""What a standing block adds to the calls that are hit: after some blocks of a caller all its calls are, for a while.

A call counts as hit from the margin on at which it is blocked itself, or at which earlier calls of its caller have
brought about a standing block that still holds: the higher one of both. So budgets of blocks are kept with standing
blocks in force.
"""

from bisect import bisect_left, insort
from collections import deque
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
    """Margins of one caller's calls in order of time; each call is looked at once."""
    raised = margins.tolist()
    within_ms, block_ms = rule.within_s * 1_000, rule.block_s * 1_000
    blocks: deque[tuple[int, float]] = deque()
    highest: list[float] = []  # of `blocks`, in order
    standing: deque[tuple[int, float]] = deque()  # a later one is lower: what is lower than a later one says nothing
    for place, (now_ms, margin) in enumerate(zip(at_ms.tolist(), margins.tolist(), strict=True)):
        while standing and standing[0][0] <= now_ms:
            standing.popleft()
        if standing:
            raised[place] = max(margin, standing[0][1])
        if margin < from_margin:
            continue
        while blocks and blocks[0][0] <= now_ms - within_ms:
            del highest[bisect_left(highest, blocks.popleft()[1])]
        blocks.append((now_ms, margin))
        insort(highest, margin)
        if len(blocks) >= rule.after_blocks:
            stands_from = min(highest[-rule.after_blocks], margin)  # it is blocked itself
            while standing and standing[-1][1] <= stands_from:
                standing.pop()
            standing.append((now_ms + block_ms, stands_from))
    return np.array(raised)
