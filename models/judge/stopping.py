"""How soon campaigns are stopped: calls up to the first one hit, and the share of a campaign's calls hit.

Only a campaign whose first call is among the judged ones can tell. The windows know the others already.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset

POSITIONS = (1, 4, 11, 31)
"""Calls of a campaign from which on recall is told: the first, and those after the third, tenth and thirtieth."""
NEVER = np.iinfo(np.int64).max


def seen_from_first(data: Dataset) -> NDArray[np.bool_]:
    """Whether the first call of the call's campaign is among these, shape (n_calls,); False for a call of none.

    A campaign whose first call was left out of a test, since its number was learnt from, counts as begun before.
    """
    return np.isin(data.campaign, data.campaign[data.position == 1])


def campaign_sizes(data: Dataset) -> dict[str, Any]:
    """How many campaigns of robocalls there are, how many began before these calls, and their calls among these.

    Of the calls of a campaign the median and the most; None without campaigns.
    """
    chosen = data.is_robocall & (data.campaign >= 0)
    _, first, calls = np.unique(data.campaign[chosen], return_index=True, return_counts=True)
    return {
        "campaigns": len(calls),
        "began_before": int((~seen_from_first(data)[chosen][first]).sum()),
        "median": float(np.median(calls)) if len(calls) else None,
        "most": int(calls.max()) if len(calls) else None,
    }


def stopping(data: Dataset, hit: NDArray[np.bool_], from_first: NDArray[np.bool_]) -> dict[str, Any]:
    """How campaigns fare when the calls of `hit` are stopped, over campaigns of which a call is in `data`.

    `median` and `p90` are of the calls that a campaign placed up to its first call that was hit, this one included;
    a campaign that is never hit counts as one of infinitely many calls, so that a quantile which falls on it is None.
    `until_half` says the same of the first call that was hit and from which on at least half of the campaign's calls
    were: one lucky hit does not stop a campaign. `calls_stopped` is the mean over campaigns of the share of calls hit.

    Args:
        data: n_calls calls, in order of time.
        hit: Which are stopped, shape (n_calls,).
        from_first: Calls of the campaigns that are judged, shape (n_calls,): of `seen_from_first`, asked before any
            calls were left out. The other campaigns are counted in `began_before` and left out.
    """
    chosen = np.flatnonzero(data.is_robocall & from_first)
    order = chosen[np.argsort(data.campaign[chosen], kind="stable")]
    starts = np.flatnonzero(np.diff(data.campaign[order], prepend=-1))
    others = np.unique(data.campaign[data.is_robocall & (data.campaign >= 0) & ~from_first])
    left_out = {"began_before": len(others)}
    if not len(starts):
        return {**_quantiles(starts), **left_out, "until_half": _quantiles(starts), "calls_stopped": None}
    sizes = np.diff(starts, append=len(order))
    hits = hit[order]
    first = _first(hits, starts, sizes)
    half = _first(hits & _half_from_here(hits, starts, sizes), starts, sizes)
    return {
        **_quantiles(first),
        **left_out,
        "until_half": _quantiles(half),
        "calls_stopped": float(np.mean(np.add.reduceat(hits.astype(np.int64), starts) / sizes)),
    }


def _first(wanted: NDArray[np.bool_], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per campaign the position, from 1, of its first wanted call; `NEVER` without one."""
    position = np.arange(len(wanted)) - np.repeat(starts, sizes) + 1
    found: NDArray[np.int64] = np.minimum.reduceat(np.where(wanted, position, NEVER), starts)
    return found


def _half_from_here(hits: NDArray[np.bool_], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether at least half of the campaign's calls from this one on were hit."""
    before = np.concatenate([[0], np.cumsum(hits)])
    ends = np.repeat(starts + sizes, sizes)
    here = np.arange(len(hits))
    return np.asarray(2 * (before[ends] - before[here]) >= ends - here)


def _quantiles(calls: NDArray[np.int64]) -> dict[str, Any]:
    """Quantiles of calls, `NEVER` the largest of them; between two values the larger one."""
    if not len(calls):
        return {"campaigns": 0, "never": 0, "median": None, "p90": None}
    quantiles = np.quantile(calls.astype(np.float64), [0.5, 0.9], method="higher")
    median, p90 = (float(value) if value < NEVER else None for value in quantiles)
    return {"campaigns": len(calls), "never": int((calls == NEVER).sum()), "median": median, "p90": p90}
