"""Calls that pass without being judged, and why: a bug, a late answer or too many calls never block one."""

from detector.contract.decisions import Action, Outcome, Step
from detector.policy import reasons

FAILED_OPEN = Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.INTERNAL_ERROR,))
"""The outcome of a call that could not be judged because of an internal error."""


def late(waited_ms: int, deadline_ms: int) -> Outcome:
    """Let a call pass whose answer would come, or comes, after the deadline."""
    return Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.late(waited_ms, deadline_ms),))


def overload(waited_ms: int, shed_after_ms: int) -> Outcome:
    """Let a call pass because calls arrive faster than they can be judged."""
    return Outcome(Action.ALLOW, Step.FAIL_OPEN, (reasons.overload(waited_ms, shed_after_ms),))
