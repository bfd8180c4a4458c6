"""Order statistics with stated confidence: from which margin on a budget of lawful calls is kept.

The unit is the caller. Calls of one caller look alike, so a thousand of them tell little more than ten: each caller
counts as one observation, whose weight is the share of all reference calls that it has above a margin. The share of
lawful calls hit is then a weighted sum of counts, and its upper bound is that of Fay and Feuer (Confidence intervals
for directly standardized rates, Statistics in Medicine 16, 1997): a gamma distribution with the mean and the variance
of the sum after one more caller. For that one we take the mean weight of a caller, as Tiwari, Clegg and Zou do
(Efficient interval estimation for age-adjusted cancer rates, Statistical Methods in Medical Research 15, 2006); the
largest weight would never let a budget be spent where one sender has many calls. With nothing hit among n callers the
bound is -ln(1 - confidence) / n: at 95 % and one call in 10,000 it takes 29,958 callers.

It speaks of callers like those that were seen. Who is not among the references is not covered by any bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bounded:
    """The lowest margin from which on a budget is kept.

    Attributes:
        margin: Log-odds; calls at it are hit.
        share: Share of the reference calls hit.
        most: Upper bound on it.
        answers: Callers about whom a person answered, where it goes by that.
    """

    margin: float
    share: float
    most: float
    answers: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceCalls:
    """Calls that are lawful for reasons outside of the score. All arrays have shape (n_calls,).

    Attributes:
        margins: Raw scores, log-odds.
        callers: Code of the caller of each.
        at_ms: When each was set up, epoch milliseconds.
    """

    margins: Floats
    callers: Ints
    at_ms: Ints

    @property
    def n_callers(self) -> int:
        """How many callers there are."""
        return int(np.count_nonzero(np.bincount(self.callers)))

    def lowest(self, budget: float, confidence: float) -> Bounded | None:
        """Find the lowest margin from which on the bound keeps the budget, there and at every higher one.

        It sorts the calls once. Ties are hit or spared together.

        Args:
            budget: Share of lawful calls that may be hit, in (0, 1).
            confidence: Of the bound, in (0, 1).

        Returns:
            None where not even hitting nobody would show it: there are too few callers.
        """
        mean_weight = 1.0 / self.n_callers
        nobody = upper_bound(np.zeros(1), np.zeros(1), mean_weight, confidence).item()
        if nobody > budget:
            return None
        order = np.argsort(-self.margins, kind="stable")
        margins, n = self.margins[order], len(order)
        share = np.arange(1, n + 1) / n
        square = np.cumsum(2 * _earlier_of_caller(self.callers[order]) + 1) / n**2  # (before + 1)^2 - before^2
        is_last = np.append(margins[1:] < margins[:-1], True)
        ends = np.flatnonzero(is_last)
        ends = ends[: int(np.searchsorted(share[ends], budget, side="right"))]  # beyond, the share alone is too much
        bounds = upper_bound(share[ends], square[ends], mean_weight, confidence)
        kept = len(bounds) if (bounds <= budget).all() else int(np.argmax(bounds > budget))
        if not kept:
            return Bounded(float(np.nextafter(margins[0], np.inf)), 0.0, nobody)
        last = ends[kept - 1]
        return Bounded(margins.item(last), share.item(last), bounds.item(kept - 1))

    def reach(self, budget: float, confidence: float) -> float:
        """The margin below which the budget cannot be kept, whatever raises some calls; infinite where nothing shows.

        Args:
            budget: Share of lawful calls that may be hit, in (0, 1).
            confidence: Of the bound, in (0, 1).
        """
        found = self.lowest(budget, confidence)
        return math.inf if found is None else found.margin

    def hit_from(self, margin: float, budget: float, confidence: float) -> Bounded:  # noqa: ARG002 - others go by it
        """The share hit from a given margin on, with its bound, whatever the budget; as `lowest`."""
        hit = self.margins >= margin
        weights = np.bincount(self.callers[hit]) / len(hit)
        share, square = np.array([weights.sum()]), np.array([(weights**2).sum()])
        most = upper_bound(share, square, 1.0 / self.n_callers, confidence)
        return Bounded(margin, share.item(), most.item())


def callers_needed(budget: float, confidence: float) -> int:
    """Fewest callers of whom none is hit that can show that a share of `budget` at most is hit."""
    return math.ceil(-math.log1p(-confidence) / budget)


def upper_bound(share: Floats, square: Floats, mean_weight: float, confidence: float) -> Floats:
    """Upper bound on shares of calls hit; see the text above.

    Args:
        share: Sums of the callers' weights above a margin, any shape.
        square: Sums of their squares, the same shape.
        mean_weight: Mean weight of a caller, above 0.
        confidence: In (0, 1).
    """
    mean, variance = share + mean_weight, square + mean_weight**2
    bound: Floats = variance / mean * gammaincinv(mean**2 / variance, confidence)
    return bound


def cuts_at(margins: Floats, shares: Sequence[float]) -> list[float]:
    """The lowest margins from which on no more than these shares of the calls are hit; it sorts no calls.

    Args:
        margins: Of n calls, at least one, in any order.
        shares: Above 0; from 1 on all calls are hit.
    """
    n = len(margins)
    spared = [max(n - int(share * n), 0) for share in shares]
    upwards = np.partition(margins, [max(one - 1, 0) for one in spared])
    return [float(np.nextafter(upwards[one - 1], np.inf)) if one else float(margins.min()) for one in spared]


def _earlier_of_caller(callers: Ints) -> Ints:
    """How many calls of the same caller stand before each."""
    order = np.argsort(callers, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(callers[order]) != 0))
    lengths = np.diff(np.append(starts, len(callers)))
    earlier = np.empty(len(callers), np.int64)
    earlier[order] = np.arange(len(callers)) - np.repeat(starts, lengths)
    return earlier
