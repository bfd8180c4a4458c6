"""Calls that are settled before any step, and calls that make a step raise: counted once, alone, without a trace."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import build_batch
from detector.contract.decisions import Action, Mode, Step
from detector.contract.events import CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features.table import INDEX
from detector.policy import unjudged
from detector.policy.held import Held
from detector.policy.lists import Lists
from detector.policy.screening import Screener, Screening
from detector.policy.settings import Condition, Policy, Rule, StandingBlocks
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.unjudged import FAILED_OPEN, LISTS_UNKNOWN
from detector.testing import BY_ORDER, CALLER, START_MS, TRUNK_GROUP, ScoreFromFeature, call_setup, outcomes, scores
from detector.windows import WindowEngine, WindowSettings
from tests.detector.policy_case import CATEGORIES

SEED = 11
SETTINGS = WindowSettings(
    max_hot_numbers=64,
    max_cold_numbers=64,
    max_trunks=8,
    max_blocks=64,
    max_origins=8,
    max_called=256,
    seed=SEED,
    partitions=1,
)
LATE = unjudged.late(2_400, 2_000)
POLICY = replace(
    Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES, hold_s=30),
    standing_blocks=StandingBlocks(after_blocks=4),
)
ATTEMPTS = "number_attempts_1m"


class Choosy(ScoreFromFeature):
    """Scores a tenth of the attempts of a minute; one number of attempts makes it raise, in one of its two methods."""

    def __init__(self, attempts: int, method: str) -> None:
        super().__init__()
        self._poison = (method, attempts)

    def _check(self, rows: FeatureMatrix, method: str) -> NDArray[np.float64]:
        attempts = rows[:, INDEX[ATTEMPTS]].astype(np.float64)
        if self._poison[0] == method and self._poison[1] in attempts.tolist():
            raise FloatingPointError("a number that must not be")
        return attempts

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        return np.minimum(1.0, 0.10 * self._check(rows, "score"))

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        self._check(rows, "contributions")
        return super().contributions(rows)


def dialler(count: int) -> list[CallSetup]:
    """One number, a call every two seconds, another called number each time."""
    return [
        call_setup(f"d{n}", setup_time_ms=START_MS + 2_000 * n, called_number=f"+1310555{n:04d}", trunk_group_id="t-1")
        for n in range(count)
    ]


def batch_of(events: Sequence[CallSetup]) -> BatchColumns:
    return BatchColumns.of(build_batch(events, [True] * len(events), [0] * len(events), seed=SEED))


def screener(classifier: Any, policy: Policy = POLICY) -> Screener[WindowEngine]:
    return Screener(WindowEngine(SETTINGS), classifier, policy, Lists(), StandingDecisions())


def counts(one: Screener[WindowEngine]) -> dict[str, tuple[float, ...]]:
    return one.engine.number_counts(CALLER, START_MS + 60_000)


def in_batches(one: Screener[WindowEngine], events: list[CallSetup], size: int) -> list[Screening]:
    return [one.screen(batch_of(events[start : start + size])) for start in range(0, len(events), size)]


BY_TRUNK = f"{CALLER}\x1f{TRUNK_GROUP}"


class TestUnknownLists:
    """Calls while nobody knows whom the carrier promised not to touch."""

    def test_every_call_passes_whatever_it_is(self) -> None:
        """A number that cannot exist, and a standing block: neither is looked at, nor is the model asked."""
        one = screener(Choosy(0, "none"))
        one.standing.set(StandingDecision(f"number:{CALLER}", Action.BLOCK, "spam", START_MS, START_MS * 2, "analyst"))
        one.lists = None

        screening = one.screen(batch_of([*dialler(3), call_setup("i", calling_number="+10005550123")]), {1: LATE})

        assert outcomes(screening) == [LISTS_UNKNOWN, LATE, LISTS_UNKNOWN, LISTS_UNKNOWN]
        assert LISTS_UNKNOWN.action is Action.ALLOW
        assert scores(screening) == [None] * 4

    def test_they_are_counted_and_once_lists_are_known_calls_are_judged(self) -> None:
        """The fourth call of the number is its fourth, and scores 0.4."""
        one = screener(Choosy(0, "none"))
        one.lists = None
        one.screen(batch_of(dialler(3)))
        one.lists = Lists()

        assert scores(one.screen(batch_of(dialler(4)[3:]))) == pytest.approx([0.4])


class TestSettledBeforehand:
    """Late and shed calls."""

    def test_they_are_answered_as_said_and_the_others_as_ever(self) -> None:
        one = screener(Choosy(0, "none"))

        screening = one.screen(batch_of(dialler(10)), {2: LATE, 9: LATE})

        assert [(outcomes(screening)[row], scores(screening)[row]) for row in (2, 9)] == [(LATE, None)] * 2
        assert LATE.decided_by is Step.FAIL_OPEN
        assert [scores(screening)[row] for row in (0, 1, 3)] == pytest.approx([0.1, 0.2, 0.4])  # the third was counted

    def test_they_leave_no_trace_in_what_outlives_a_call(self) -> None:
        """All ten attempts are counted, so the tenth scores 1; unjudged, nothing is held."""
        one = screener(Choosy(0, "none"))

        one.screen(batch_of(dialler(9)), dict.fromkeys(range(8), LATE))
        one.screen(batch_of(dialler(11)[9:]), {0: LATE, 1: LATE})

        held = one.standing.held.get(BY_TRUNK)
        assert held is not None
        assert held == Held(Action.LABEL, START_MS + 16_000 + 30_000)  # by the ninth call, of score 0.9, alone
        assert counts(one)["attempts"][2] == 11

    @pytest.mark.parametrize("passed", [range(12), range(11), range(0)])
    def test_windows_count_them_like_any_other(self, passed: range) -> None:
        """Whether all, nearly all or none of a batch is settled."""
        one, other = screener(Choosy(0, "none")), screener(Choosy(0, "none"))

        one.screen(batch_of(dialler(12)), dict.fromkeys(passed, LATE))
        other.screen(batch_of(dialler(12)))

        assert counts(one) == counts(other)

    def test_a_batch_of_nothing_else_is_not_scored(self) -> None:
        classifier = ScoreFromFeature()

        screening = screener(classifier).screen(batch_of(dialler(3)), dict.fromkeys(range(3), LATE))

        assert classifier.rows_scored == 0
        assert outcomes(screening) == [LATE] * 3
        assert len(screening.features) == 0

    def test_a_standing_block_of_the_same_batch_does_not_reach_them(self) -> None:
        """The fourth block, at the 13th call, blocks the number from the next call on."""
        one = screener(Choosy(0, "none"))

        screening = one.screen(batch_of(dialler(16)), {14: LATE})

        assert [outcome.decided_by for outcome in outcomes(screening)[12:]] == [
            Step.MODEL,
            Step.ENTITY_BLOCK,
            Step.FAIL_OPEN,
            Step.ENTITY_BLOCK,
        ]


class TestPoison:
    """A call that makes the model or the policy raise."""

    @pytest.mark.parametrize("method", ["score", "contributions"])
    @pytest.mark.parametrize("size", [1, 3, 8, 20])
    def test_it_costs_exactly_itself_however_events_are_cut(self, method: str, size: int) -> None:
        """The 11th call raises. Windows and policy memory are those of one batch; all other outcomes too."""
        one, whole = screener(Choosy(11, method)), screener(Choosy(11, method))
        events = dialler(20)

        parts = in_batches(one, events, size)
        (reference,) = in_batches(whole, events, 20)

        found = [outcome for part in parts for outcome in outcomes(part)]
        assert found[10] is FAILED_OPEN
        assert found.count(FAILED_OPEN) == 1
        assert found == outcomes(reference)
        assert [failure for part in parts for failure in part.failures] != []
        assert counts(one) == counts(whole)
        assert counts(one)["attempts"][2] == 20
        assert list(one.standing) == list(whole.standing)
        assert one.standing.held.get(BY_TRUNK) == whole.standing.held.get(BY_TRUNK)

    def test_only_the_first_failure_of_each_class_is_handed_on(self) -> None:
        screening = screener(Choosy(2, "score")).screen(batch_of(dialler(4)))

        assert [type(failure) for failure in screening.failures] == [FloatingPointError]

    @pytest.mark.parametrize("size", [1, 4, 12])
    def test_a_step_that_raises_for_one_call_lets_only_that_one_pass(
        self, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A rule that everything meets, and a bug in its reasons for the fifth call."""
        rule = Rule("all", (Condition(ATTEMPTS, at_least=1),), Action.LABEL, CATEGORIES[0].name)
        reasons_of: Callable[..., Any] = __import__("detector.policy.reasons", fromlist=["of_rule"]).of_rule

        def broken(rule: Rule, features: FeatureMatrix, row: int) -> Any:
            if features[row, INDEX[ATTEMPTS]] == 5:
                raise KeyError("a bug")
            return reasons_of(rule, features, row)

        monkeypatch.setattr("detector.policy.reasons.of_rule", broken)
        one = screener(ScoreFromFeature(), replace(POLICY, rules=(rule,)))

        parts = in_batches(one, dialler(12), size)

        steps = [outcome.decided_by for part in parts for outcome in outcomes(part)]
        assert steps == [Step.RULE] * 4 + [Step.FAIL_OPEN] + [Step.RULE] * 7
        assert counts(one)["attempts"][2] == 12
