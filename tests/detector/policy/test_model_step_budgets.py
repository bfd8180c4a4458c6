"""The model's step where budgets are in force: by margin within ties of the score, tried where nothing was earned."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns.arrays import Floats
from detector.columns.batch_columns import BatchColumns
from detector.columns.windows_port import Windows
from detector.contract.decisions import Action, Mode, Outcome, Step
from detector.contract.ports import FeatureMatrix, Scored
from detector.features.table import INDEX
from detector.policy.budgets import DAY_MS, Budgets, Cut, Measured
from detector.policy.screening import Screener
from detector.policy.settings import Policy, StandingBlocks
from detector.policy.standing import StandingDecisions
from detector.testing import (
    START_MS,
    ScoreFromFeature,
    batch_of,
    call_setup,
    ids,
    make_screener,
    modes,
    outcome,
    outcomes,
    screen,
)
from tests.detector.policy_case import CATEGORIES, SCORE

ALLOW, LABEL, BLOCK = Action.ALLOW, Action.LABEL, Action.BLOCK
MARGIN, AGE = "number_attempts_24h", "trunk_age"
HOURS_S = 4 * 3_600.0
POLICY = Policy(mode=Mode.ENFORCE, minimum_samples=(), categories=CATEGORIES)
MEASURED = Measured("margins-1", 1, START_MS, 900, 300, 1_000, 100, Cut(4.0, 1.0, 900.0), Cut(8.0, 1.0, 90.0))


class Margins(ScoreFromFeature):
    """Scores that tie at 1 from margin 3 on, as those of an isotonic calibration do."""

    version = "margins-1"

    def score(self, rows: FeatureMatrix) -> Floats:
        """Return probabilities."""
        return np.minimum(self.raw(rows) / 3.0, 1.0)

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Return both, asked once."""
        margins = self.raw(rows)
        return Scored(np.minimum(margins / 3.0, 1.0), margins)

    def raw(self, rows: FeatureMatrix) -> Floats:
        """Return the feature that a test writes margins in."""
        self.rows_scored += len(rows)
        if (rows[:, INDEX[MARGIN]] == 13.0).any():
            raise FloatingPointError("a margin that must not be")
        return rows[:, INDEX[MARGIN]].astype(np.float64)


def screener(
    margins: Mapping[str, float],
    measured: Measured | None = MEASURED,
    *,
    policy: Policy = POLICY,
    age_s: float = HOURS_S,
    has_drifted: bool = False,
) -> Screener[Windows]:
    features = {name: {MARGIN: margin, AGE: age_s} for name, margin in margins.items()}
    one = make_screener(policy, features, classifier=Margins())
    one.go_by(measured, has_drifted=has_drifted)
    return one


def test_margins_tell_calls_apart_whose_scores_tie() -> None:
    margins = {"a": 3.0, "b": 4.0, "c": 7.9, "d": 8.0}

    screening = screen(screener(margins), *(call_setup(name, calling_number=f"+1212555010{n}") for n, name in
                                            enumerate(margins)))  # fmt: skip

    assert [one.action for one in outcomes(screening)] == [ALLOW, LABEL, LABEL, BLOCK]
    assert screening.scores.tolist() == [1.0] * 4
    assert modes(screening) == [Mode.ENFORCE] * 4


def test_reasons_name_score_margin_and_budget() -> None:
    decided = outcome(screener({"call-1": 9.0}), call_setup())

    first, second = decided.reasons[:2]
    assert (first.code, first.value, first.threshold) == ("model", 1.0, 1.0)
    assert "margin 9.00 is at or above margin 8.00, the threshold for blocking" in first.text
    assert (second.code, second.value, second.threshold) == ("budget", 9.0, 8.0)
    assert second.text.startswith("At this score at most 100 in a million lawful calls are hit, measured 20")


def test_a_budget_that_is_a_share_of_all_calls_is_named_as_one() -> None:
    """Where all calls count as lawful, or answers tell: no lawful calls are known to be a share of."""
    measured = replace(MEASURED, block=Cut(8.0, 1.0, 90.0, is_of_all=True))

    blocked, labelled = (outcome(screener({"call-1": margin}, measured), call_setup()) for margin in (9.0, 5.0))

    said = "At this score at most 100 lawful calls in a million of all calls are hit, measured 20"
    assert blocked.reasons[1].text.startswith(said)
    assert "at most 1,000 in a million lawful calls are hit" in labelled.reasons[1].text


def test_without_a_measure_the_step_is_only_tried_whatever_the_mode() -> None:
    """By the policy's own thresholds; the decision says that, and why. A list or rule would enforce all the same."""
    screening = screen(screener({"call-1": 9.0}, None), call_setup())

    assert (screening.outcome(0).action, screening.outcome(0).decided_by) == (BLOCK, Step.MODEL)
    assert modes(screening) == [Mode.SHADOW]
    reason = screening.outcome(0).reasons[-1]
    assert reason.code == "not_earned"
    assert "robocall budgets measure" in reason.text


@pytest.mark.parametrize(
    ("calls_a_day", "action", "mode"),
    [(90_000.0, BLOCK, Mode.ENFORCE), (89_999.0, LABEL, Mode.ENFORCE), (8_999.0, LABEL, Mode.SHADOW)],
)
def test_a_number_with_more_calls_than_a_budget_has_gets_less(calls_a_day: float, action: Action, mode: Mode) -> None:
    """Its margin is its number of calls here, 9: of 90,000 calls a day 9 lawful ones may be blocked."""
    screening = screen(screener({"call-1": 9.0}, replace(MEASURED, calls_a_day=calls_a_day)), call_setup())

    assert (screening.outcome(0).action, modes(screening)) == (action, [mode])
    assert ("not_earned" in [one.code for one in screening.outcome(0).reasons]) is (action is LABEL)


def test_calls_that_the_model_lets_pass_stay_enforced() -> None:
    screening = screen(screener({"call-1": 0.1}, None), call_setup())

    assert modes(screening) == [Mode.ENFORCE]


@pytest.mark.parametrize(("seconds", "drifts"), [(8 * DAY_MS // 1_000, False), (0, True)])
def test_an_old_measure_and_drift_turn_blocks_into_labels_and_labels_are_tried(seconds: int, drifts: bool) -> None:
    one = screener({"block": 9.0, "label": 5.0}, has_drifted=drifts)
    at_ms = START_MS + seconds * 1_000

    screening = screen(
        one,
        call_setup("block", setup_time_ms=at_ms),
        call_setup("label", setup_time_ms=at_ms, calling_number="+12125550999"),
    )

    assert [one.action for one in outcomes(screening)] == [LABEL, LABEL]
    assert modes(screening) == [Mode.ENFORCE, Mode.SHADOW]
    assert [one.reasons[-1].code for one in outcomes(screening)] == ["not_earned", "not_earned"]


def test_young_windows_enforce_nothing() -> None:
    screening = screen(screener({"call-1": 9.0}, age_s=3 * 3_600.0 - 1), call_setup())

    assert (screening.outcome(0).action, modes(screening)) == (BLOCK, [Mode.SHADOW])


@pytest.mark.parametrize(("number", "mode"), [("7301", Mode.SHADOW), ("+4930123456", Mode.ENFORCE)])
def test_a_call_that_shows_no_number_is_only_tried(number: str, mode: Mode) -> None:
    """An extension of a private exchange: nobody can vouch for it, so no measure speaks of such calls."""
    screening = screen(screener({"call-1": 9.0}), call_setup(calling_number=number))

    assert (screening.outcome(0).action, modes(screening)) == (BLOCK, [mode])


def test_a_measure_of_another_model_is_not_used() -> None:
    one = screener({"call-1": 9.0})
    assert one.in_force.state(START_MS) == "measured"

    one.classifier = ScoreFromFeature()

    assert one.in_force.state(START_MS) == "tried"


def test_there_is_no_hysteresis_below_a_budget() -> None:
    """A call of a number that was labelled, below the cut: labelling it would be beside the budget."""
    margins = {"a": 5.0, "b": 3.9}

    screening = screen(screener(margins), *(call_setup(name) for name in margins))

    assert [one.action for one in outcomes(screening)] == [LABEL, ALLOW]


def test_each_call_is_asked_about_once() -> None:
    """Its margin comes with its score."""
    margins = {f"c{n}": 0.5 for n in range(8)} | {"hit": 5.0}
    one = screener(margins)
    calls = [call_setup(name, calling_number=f"+1212555{n:04d}") for n, name in enumerate(margins)]

    screen(one, *calls)

    assert one.classifier.rows_scored == len(calls)  # type: ignore[attr-defined]  # of this stand-in


def test_a_margin_that_makes_the_model_raise_lets_its_call_pass_alone() -> None:
    one = screener({"bad": 13.0, "good": 9.0})

    screening = screen(one, call_setup("bad"), call_setup("good", calling_number="+12125550999"))

    assert [one.decided_by for one in outcomes(screening)] == [Step.FAIL_OPEN, Step.MODEL]
    assert [type(error) for error in screening.failures] == [FloatingPointError]


def test_a_standing_block_of_the_model_enforces_nothing_once_the_measure_is_gone() -> None:
    """It was reached while enforcement was earned."""
    policy = Policy(
        mode=Mode.ENFORCE,
        minimum_samples=(),
        categories=CATEGORIES,
        standing_blocks=StandingBlocks(after_blocks=2, within_s=60, block_s=600),
    )
    one = screener({"a": 9.0, "b": 9.0, "c": 0.1, "d": 0.1}, policy=policy)
    calls = [call_setup(name, setup_time_ms=START_MS + n) for n, name in enumerate("abcd")]

    before = screen(one, *calls[:3])
    one.go_by(None)
    after = screen(one, calls[3])

    assert [each.decided_by for each in outcomes(before)] == [Step.MODEL, Step.MODEL, Step.ENTITY_BLOCK]
    assert after.outcome(0).decided_by is Step.ALLOW


def test_a_standing_block_of_the_model_ends_where_its_number_would_spend_the_budget_alone() -> None:
    """Ten blocks a day may be lawful ones: of a number's ninth and tenth call both are blocked, and of others fewer."""
    policy = replace(POLICY, standing_blocks=StandingBlocks(after_blocks=2, within_s=60, block_s=600))
    calls = {"ninth": 9.0, "tenth": 10.0, "lower": 1.0, "more": 11.0}
    one = screener(calls, replace(MEASURED, calls_a_day=100_000.0), policy=policy)

    decided = [outcome(one, call_setup(name)) for name in calls]

    assert [(call.action, call.decided_by) for call in decided] == [
        (BLOCK, Step.MODEL), (BLOCK, Step.MODEL), (BLOCK, Step.ENTITY_BLOCK), (LABEL, Step.MODEL)
    ]  # fmt: skip


def test_what_is_only_tried_brings_about_no_standing_block_that_holds() -> None:
    standing = StandingDecisions()
    policy = Policy(
        mode=Mode.ENFORCE, minimum_samples=(), categories=CATEGORIES,
        standing_blocks=StandingBlocks(after_blocks=2, within_s=60, block_s=600),
    )  # fmt: skip
    features = {name: {SCORE: 1.0} for name in "ab"}
    one = make_screener(policy, features, standing=standing)

    screening = screen(one, call_setup("a"), call_setup("b"), call_setup("c"))

    assert screening.entity_changes == []
    assert [each.decided_by for each in outcomes(screening)] == [Step.MODEL, Step.MODEL, Step.ALLOW]


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["+12125550100", "+12125550101", "anonymous"]),
        st.integers(0, 3 * 3_600),  # seconds after the call before
        st.sampled_from([0.5, 3.5, 4.5, 8.5]),
        st.sampled_from([60.0, HOURS_S]),  # age of the windows
    ),
    max_size=25,
)
SHORT = Policy(
    mode=Mode.ENFORCE,
    minimum_samples=(),
    categories=CATEGORIES,
    budgets=Budgets(oldest_days=1),
    standing_blocks=StandingBlocks(after_blocks=2, within_s=7_200, block_s=7_200),
)


@settings(max_examples=200)
@given(calls=CALLS, cuts=st.sets(st.integers(0, 25)), measured=st.sampled_from([MEASURED, None]))
def test_outcomes_do_not_depend_on_how_calls_are_cut_into_batches(
    calls: list[tuple[str, int, float, float]], cuts: set[int], measured: Measured | None
) -> None:
    """Neither does what is enforced, across the instant at which the measure gets old."""
    features, events, now_ms = {}, [], START_MS
    for index, (number, seconds, margin, age_s) in enumerate(calls):
        now_ms += seconds * 1_000
        events.append(call_setup(f"c{index}", calling_number=number, setup_time_ms=now_ms))
        features[f"c{index}"] = {MARGIN: margin, AGE: age_s}

    def screened(edges: list[int]) -> list[tuple[str, Outcome, Mode]]:
        one = make_screener(SHORT, features, classifier=Margins())
        one.go_by(measured)
        found: list[tuple[str, Outcome, Mode]] = []
        for start, stop in itertools.pairwise(edges):
            screening = one.screen(BatchColumns.of(batch_of(events[start:stop])))
            found += zip(ids(screening), outcomes(screening), modes(screening), strict=True)
        return found

    whole = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    assert screened(whole) == screened(list(range(len(events) + 1)))
