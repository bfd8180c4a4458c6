"""The key of a decision, in the two forms that are needed: of one call, and of all calls of a batch at once.

The contract: a decision is keyed by its switch where the call names one that is not empty, and else by its call id.
"""

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.facts import CALL_ID, SWITCH
from detector.contract.events import CallSetup


def key_of(call: CallSetup) -> bytes:
    """Key of the decision on one call; never raises."""
    return (call.switch_id or call.call_id).encode("utf-8", "surrogatepass")


def key_fields(spans: Ints) -> Ints:
    """Which text of each call is the key of its decision: `SWITCH` or `CALL_ID`, shape (n,).

    Args:
        spans: Of the texts of calls, shape (n, texts, 2) (`detector.columns.facts.Texts`).
    """
    has_switch = spans[:, SWITCH, 1] > spans[:, SWITCH, 0]
    fields: Ints = np.where(has_switch, SWITCH, CALL_ID)
    return fields
