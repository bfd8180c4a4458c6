"""The group score in hindsight: how suspect the calls around a call are that share its number, its origin or its block.

It looks before and behind a call, so it teaches and never decides. The largest counts and not the sum: keys tell of
the same calls. What decides in the stream is `detector.windows.group_memory`: it looks back alone, over an hour instead
of four to each side, takes a weight, and a key that a call does not have does not count there, where it is 0 here.
"""

from collections.abc import Sequence

import numpy as np

from detector.windows.group_memory import shrunk_mean
from models.budgets.bounds import Floats, Ints

REACH_MS = 4 * 3_600_000


def group_score(margins: Floats, at_ms: Ints, keys: Sequence[Ints], reach_ms: int = REACH_MS) -> Floats:
    """Margin of each call and, on top, the largest of its keys' means; it sorts the calls once for each key.

    The mean is over the other calls of the key at most `reach_ms` away, in both directions, both ends included.

    Args:
        margins: Log-odds, shape (n,) float64.
        at_ms: Epoch milliseconds, shape (n,), in any order.
        keys: Of each kind, shape (n,); 0 is no key, whose mean is 0 as that of a call without others.
        reach_ms: How far others may be away.

    Returns:
        Shape (n,) float64.
    """
    if not len(margins):
        return margins.copy()
    largest = np.maximum.reduce([_mean_of_others(margins, at_ms, key, reach_ms) for key in keys])
    found: Floats = margins + largest
    return found


def _mean_of_others(margins: Floats, at_ms: Ints, key: Ints, reach_ms: int) -> Floats:
    order = np.lexsort((at_ms, key))
    ordered, since_ms = margins[order], (at_ms - at_ms.min())[order]
    group = np.cumsum(np.append(False, np.diff(key[order]) != 0))
    place = group * (int(since_ms.max()) + reach_ms + 1) + since_ms  # no reach leads from one group into another
    first = np.searchsorted(place, place - reach_ms, side="left")
    last = np.searchsorted(place, place + reach_ms, side="right")
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    mean = shrunk_mean(total[last] - total[first] - ordered, last - first - 1)
    found = np.empty(len(margins))
    found[order] = np.where(key[order] == 0, 0.0, mean)
    return found
