"""The score at which a given share of the lawful calls is hit: what training, evaluation and gate compare by."""

import numpy as np
from numpy.typing import NDArray


def threshold_at(scores: NDArray[np.float64], is_robocall: NDArray[np.bool_], rate: float) -> float:
    """Smallest score that at most `rate` of the lawful calls reach; infinite where no score is such.

    Args:
        scores: shape (n_calls,) float64, in any monotonic unit.
        is_robocall: shape (n_calls,); at least one call has to be lawful.
        rate: share of lawful calls, in [0, 1].
    """
    lawful = np.sort(scores[~is_robocall])[::-1]
    allowed = int(rate * len(lawful))
    limit = lawful[min(allowed, len(lawful) - 1)]
    above = scores[scores > limit]
    return float(above.min()) if len(above) else float(np.inf)
