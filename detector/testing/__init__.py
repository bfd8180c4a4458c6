"""Tools to test a policy or a model of your own. Public: names and meanings stay, as those of the contract do.

Say what the windows know of a call, and read what the policy makes of it:

    >>> from detector.contract.decisions import Mode
    >>> from detector.policy.settings import Policy
    >>> from detector.testing import BY_ORDER, call_setup, make_screener, outcome
    >>> policy = Policy(mode=Mode.ENFORCE, minimum_samples=(), budgets=BY_ORDER)
    >>> screener = make_screener(policy, {"suspect": {"number_asr_24h": 0.999}})
    >>> outcome(screener, call_setup("suspect")).action.value
    'block'
    >>> outcome(screener, call_setup("other", calling_number="+14155550100")).action.value
    'allow'

`BY_ORDER` lets thresholds enforce that nobody has measured. `number_asr_24h` is what the stand-in for a model answers
as its score. `docs/testing.md` goes on from here: real
windows, a model of your own, and the slow twin that windows are compared with (`detector.testing.naive_windows`).
"""

from detector.testing.classifiers import FixedScore, ScoreFromFeature
from detector.testing.clock import ManualClock
from detector.testing.events import CALLEE, CALLER, START_MS, TRUNK_GROUP, batch_of, call_end, call_setup
from detector.testing.naive_windows import NaiveWindows
from detector.testing.screeners import BY_ORDER, ids, make_screener, modes, outcome, outcomes, scores, screen
from detector.testing.windows import PreparedWindows, small_windows

__all__ = [
    "BY_ORDER",
    "CALLEE",
    "CALLER",
    "START_MS",
    "TRUNK_GROUP",
    "FixedScore",
    "ManualClock",
    "NaiveWindows",
    "PreparedWindows",
    "ScoreFromFeature",
    "batch_of",
    "call_end",
    "call_setup",
    "ids",
    "make_screener",
    "modes",
    "outcome",
    "outcomes",
    "scores",
    "screen",
    "small_windows",
]
