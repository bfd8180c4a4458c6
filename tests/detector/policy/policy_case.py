"""What the tests of policy and screening share: calls, prepared features, and a classifier whose score can be read off.

The engine here returns rows that a test wrote down, so that each step can be looked at alone. Tests with the real
windows stand in `test_screening_windows.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.decisions import Outcome
from detector.contract.events import CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features.table import FEATURE_SCHEMA_ID, INDEX, N_FEATURES
from detector.policy.lists import Lists
from detector.policy.policy import DEFAULT_CATEGORIES, Policy, Thresholds
from detector.policy.screening import Screener, Screening
from detector.policy.standing import StandingDecisions

T0 = 1_700_000_000_000
CALLER = "+12125550123"
CALLEE = "+13105550456"
THRESHOLDS = Thresholds(label_at=0.85, label_clear=0.75, block_at=0.98, block_clear=0.95)
"""Of all tests of judging: the defaults follow the shipped model and may move with it."""
CATEGORIES = (replace(DEFAULT_CATEGORIES[0], thresholds=THRESHOLDS),)
SCORE = "number_asr_24h"
"""Feature whose value the test classifier answers as the score."""


class ReadOffClassifier:
    """Answers the value of one feature as score, and every feature's value as its contribution."""

    version = "read-off-1"
    schema_id = FEATURE_SCHEMA_ID

    def __init__(self, feature: str = SCORE) -> None:
        self.feature = feature
        self.rows_scored = 0
        self.rows_explained = 0

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        self.rows_scored += len(rows)
        # Through six digits, so that a float32 0.98 is the 0.98 that the test wrote.
        return np.array([float(f"{value:.6g}") for value in rows[:, INDEX[self.feature]]], np.float64)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        self.rows_explained += len(rows)
        return rows.astype(np.float64)


class PreparedWindows:
    """Returns the features that a test wrote down for each call id; all others are 0."""

    def __init__(self, features: Mapping[str, Mapping[str, float]]) -> None:
        self.features = features

    def update(self, batch: CallBatch) -> FeatureMatrix:
        setups = [event for event, is_setup in zip(batch.events, batch.is_setup, strict=True) if is_setup]
        rows = np.zeros((len(setups), N_FEATURES), np.float32)
        for row, event in enumerate(setups):
            for name, value in self.features.get(event.call_id, {}).items():
                rows[row, INDEX[name]] = value
        return rows

    def count(self, batch: CallBatch) -> None:
        """Nothing is kept, so there is nothing to count."""


def setup(call_id: str = "call-1", **fields: Any) -> CallSetup:
    """A call from `CALLER` to `CALLEE` by trunk group `t-1` at `T0`, unless said otherwise."""
    usual: dict[str, Any] = {
        "setup_time_ms": T0,
        "calling_number": CALLER,
        "called_number": CALLEE,
        "trunk_group_id": "t-1",
    }
    return CallSetup(call_id=call_id, **{**usual, **fields})


def batch_of(events: Sequence[CallSetup]) -> CallBatch:
    return build_batch(events, [True] * len(events), [0] * len(events), seed=7)


def screener(
    policy: Policy,
    features: Mapping[str, Mapping[str, float]] | None = None,
    *,
    lists: Lists | None = None,
    standing: StandingDecisions | None = None,
) -> Screener:
    return Screener(
        PreparedWindows(features or {}),
        ReadOffClassifier(),
        policy,
        lists or Lists(),
        standing if standing is not None else StandingDecisions(),
    )


def screen(one: Screener, *events: CallSetup) -> Screening:
    return one.screen(batch_of(events))


def outcome(one: Screener, event: CallSetup) -> Outcome:
    return screen(one, event).outcome(0)
