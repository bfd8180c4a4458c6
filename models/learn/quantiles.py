"""Weighted quantiles of a feature by one sort of it, where scikit-learn sorts it anew for each quantile.

`HistGradientBoostingClassifier` cuts each feature at some 255 weighted quantiles when it learns from 200,000 rows or
fewer (of more it draws as many, and needs no weights): nearly all of a fit's time. The thresholds are the very same.
This touches a private name of scikit-learn 1.9, and does nothing where that is gone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting import binning

from detector.columns.arrays import Floats

NAME = "_weighted_percentile"


@contextmanager
def sorted_once(max_bins: int) -> Iterator[None]:
    """Within the block a fit finds all quantiles of a feature at once.

    Args:
        max_bins: of the fit. With another number nothing is wrong, and nothing quicker.
    """
    function = getattr(binning, NAME, None)
    if function is None:
        yield
        return
    setattr(binning, NAME, _AllAtOnce(function, np.linspace(0, 100, max_bins + 1)[1:-1]))
    try:
        yield
    finally:
        setattr(binning, NAME, function)


def weighted_quantiles(values: Floats, weight: Floats, ranks: Floats) -> Floats:
    """The least value that a share of the weight does not exceed, or its mean with the next where that is just so.

    As scikit-learn's `averaged_inverted_cdf`, to the last bit.

    Args:
        values: Shape (n,), none missing.
        weight: Of these, above 0.
        ranks: Shares in percent, in (0, 100).
    """
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    wanted = ranks / 100 * total[-1]
    place = np.minimum(np.searchsorted(total, wanted), len(values) - 1)
    here, after = values[order[place]], values[order[np.minimum(place + 1, len(values) - 1)]]
    found: Floats = np.where(total[place] - wanted > np.finfo(np.float64).eps, here, (here + after) / 2)
    return found


class _AllAtOnce:
    """Takes the place of scikit-learn's function, in several threads at once.

    Args:
        function: that one.
        ranks: of the quantiles that will be asked for, in percent.
    """

    def __init__(self, function: Any, ranks: Floats) -> None:
        self._function = function
        self._ranks = ranks
        self._places = {rank: place for place, rank in enumerate(ranks.tolist())}
        self._last = threading.local()

    def __call__(self, array: Any, sample_weight: Any, percentile_rank: float, *, average: bool = False) -> Any:
        place = self._places.get(float(percentile_rank))
        if place is None or not average:
            return self._function(array, sample_weight, percentile_rank, average=average)
        if getattr(self._last, "array", None) is not array:
            self._last.array = array
            self._last.found = weighted_quantiles(array, sample_weight, self._ranks)
        return self._last.found[place]
