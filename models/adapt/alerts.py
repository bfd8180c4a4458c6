"""Volumes of alerts, at which models are compared: each then raises as many."""

import numpy as np

from models.adapt.calls import Mask
from models.budgets.bounds import Floats

VOLUMES = (0.005, 0.01, 0.02, 0.05)
"""Shares of the calls that raise an alert. Where a tenth of the calls are robocalls, the first ones are filled by any
model, and only the last tells two of them apart."""


def highest(margins: Floats, share: float) -> Mask:
    """Which calls are a share of them with the highest margins; of equal ones the earlier, so that volumes are equal.

    Args:
        margins: Shape (n,).
        share: Of the calls; at least one is taken.

    Returns:
        Shape (n,).
    """
    found = np.zeros(len(margins), np.bool_)
    found[np.argsort(-margins, kind="stable")[: max(1, round(share * len(margins)))]] = True
    return found
