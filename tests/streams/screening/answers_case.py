"""What the tests of answers share: one call for each outcome, at one instant."""

import numpy as np
from numpy.typing import NDArray

from detector.columns.setups import calls_of
from detector.contract.decisions import (
    PLAIN_ALLOW,
    Action,
    Label,
    Mode,
    Outcome,
    Reason,
    SipAnswer,
    Step,
    Versions,
)
from detector.contract.events import CallSetup
from detector.features.table import N_FEATURES
from detector.policy.screening import Screening
from streams.screening.lateness import Waiting

NOW_MS = 1_760_000_000_000
WAITING = Waiting(NOW_MS, deadline_ms=2_000, shed_after_ms=500)
BLOCK = Outcome(Action.BLOCK, Step.MODEL, (Reason("model", "a score"),), None, SipAnswer(603, "Decline", None))
LABEL = Outcome(Action.LABEL, Step.RULE, (Reason("rule", "a rule"),), Label("Maybe", "automated_call"))


def ints(*numbers: int) -> NDArray[np.int64]:
    """A column."""
    return np.array(numbers, np.int64)


def call(number: int, switch_id: str | None = None) -> CallSetup:
    """A call setup of no interest."""
    return CallSetup(
        call_id=f"call-{number}",
        setup_time_ms=NOW_MS,
        calling_number="+12025550123",
        called_number="+13125550145",
        trunk_group_id="t-1",
        switch_id=switch_id,
    )


def screening_of(*outcomes: Outcome, mode: Mode = Mode.ENFORCE) -> Screening:
    """One call for each outcome."""
    count = len(outcomes)
    return Screening(
        calls=calls_of([call(number) for number in range(count)]),
        decided={row: outcome for row, outcome in enumerate(outcomes) if outcome is not PLAIN_ALLOW},
        is_shadow=np.full(count, mode is Mode.SHADOW),
        scores=np.full(count, 0.99),
        features=np.ones((count, N_FEATURES), np.float32),
        versions=Versions("m", "p", "f"),
    )
