"""Calls that pass without being judged, and why: a bug, a late answer, overload or unknown lists never block one."""

from detector.contract.decisions import Action, Outcome, Step
from detector.policy import reasons

FAILED_OPEN = Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.INTERNAL_ERROR,))
"""The outcome of a call that could not be judged because of an internal error."""

LISTS_UNKNOWN = Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.LISTS_UNKNOWN,))
"""The outcome of every call while the lists of the carrier are not known: any of them might be on one."""

REPEATED = Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.REPEATED,))
"""The outcome of a call that came before, where nobody knows what was answered to it then."""


def late(waited_ms: int, deadline_ms: int) -> Outcome:
    """Outcome of a call whose answer would come, or comes, after the deadline.

    Args:
        waited_ms: Since the call arrived, milliseconds.
        deadline_ms: Most that it may take, milliseconds.
    """
    return Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.late(waited_ms, deadline_ms),))


def overload(waited_ms: int, shed_after_ms: int) -> Outcome:
    """Outcome of a call that passes because calls arrive faster than they can be judged.

    Args:
        waited_ms: Since the call arrived, milliseconds.
        shed_after_ms: Most that a call may wait for its turn, milliseconds.
    """
    return Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.overload(waited_ms, shed_after_ms),))
