"""What the tests of the pipeline share: traffic of seven numbers, classifiers, and what is left of a run."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.columns.clocks import ClockTolerance
from detector.contract.decisions import Mode
from detector.contract.ports import Classifier, FeatureMatrix
from detector.features.table import INDEX
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy, StandingBlocks
from detector.policy.standing import StandingDecisions
from detector.testing import BY_ORDER, FixedScore
from detector.windows import WindowEngine, WindowSettings
from streams.screening.pipeline import Pipeline
from streams.wire.record_columns import records_of

START_MS = 1_760_000_000_000
SMALL = WindowSettings(
    max_hot_numbers=64,
    max_cold_numbers=64,
    max_trunks=8,
    max_blocks=64,
    max_origins=8,
    max_called=64,
    seed=1,
    partitions=1,
)

HOUR_MS = 3_600_000


class Certain(FixedScore):
    """A classifier that gives every call the same score, or raises."""

    version = "certain"

    def __init__(self, score: float | None) -> None:
        super().__init__(0.0 if score is None else score)
        self._raises = score is None

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        if self._raises:
            raise ZeroDivisionError("a bug")
        return super().score(rows)


def pipeline(score: float | None, failures: list[Exception], mode: Mode = Mode.ENFORCE) -> Pipeline:
    engine = WindowEngine(SMALL)
    return Pipeline(
        Screener(engine, Certain(score), Policy(mode=mode, budgets=BY_ORDER), Lists(), StandingDecisions()),
        seed=1,
        on_failure=failures.append,
    )


def setup(number: int, **more: str) -> bytes:
    """One call setup."""
    return msgspec.json.encode(
        {
            "type": "call_setup",
            "call_id": f"call-{number}",
            "setup_time_ms": START_MS + number,
            "calling_number": "+12025550123",
            "called_number": "+13125550145",
            "trunk_group_id": "trunk-1",
        }
        | more
    )


def caller(number: int) -> str:
    """Seven numbers that call in turn."""
    return f"+1202555{number % 7:04d}"


class Choosy(Certain):
    """Blocks everything, but raises when the fourth call of a number is among the rows."""

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        if 4.0 in rows[:, INDEX["number_attempts_1h"]].tolist():
            raise FloatingPointError("a bug of the model")
        return np.full(len(rows), 0.999)


def traffic(count: int) -> list[bytes]:
    """Calls of seven numbers, a second apart, each with its end one second later."""
    lines = []
    for number in range(count):
        at_ms = START_MS + 1_000 * number
        lines.append(setup(number, calling_number=caller(number)))
        lines.append(
            msgspec.json.encode(
                {
                    "type": "call_end",
                    "call_id": f"call-{number}",
                    "setup_time_ms": START_MS + number,
                    "end_time_ms": at_ms + 900,
                    "answer_time_ms": at_ms + 100,
                    "calling_number": caller(number),
                    "called_number": "+13125550145",
                    "trunk_group_id": "trunk-1",
                    "sip_status": 200,
                }
            )
        )
    return lines


def world(
    classifier: Classifier, failures: list[Exception], clock: ClockTolerance | None = None, after_blocks: int = 5
) -> Pipeline:
    engine = WindowEngine(SMALL)
    policy = Policy(
        mode=Mode.ENFORCE,
        budgets=BY_ORDER,
        minimum_samples=(),
        standing_blocks=StandingBlocks(after_blocks=after_blocks),
    )
    one = Screener(engine, classifier, policy, Lists(), StandingDecisions())
    return Pipeline(one, seed=1, on_failure=failures.append, clock=clock)


def state(one: Pipeline, now_ms: int = START_MS + 60_000) -> tuple[Any, ...]:
    """Windows of all numbers, and everything that outlives a call."""
    screener = one.screener
    counts = [screener.engine.number_counts(caller(number), now_ms) for number in range(7)]
    held = [screener.standing.held.get(f"{caller(number)}\x1ftrunk-1") for number in range(7)]
    return counts, held, list(screener.standing)


def in_batches(one: Pipeline, values: list[bytes], size: int) -> list[bytes]:
    decisions: list[bytes] = []
    for start in range(0, len(values), size):
        batch = values[start : start + size]
        decisions += one.process(records_of(batch), decided_time_ms=None).answers.decisions
    return decisions
