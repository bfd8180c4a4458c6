"""The model's step where groups have weight: what the calls around a call add, which these are, and what is said."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detector.columns.arrays import Floats, Ints
from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import CallBatch
from detector.columns.windows_port import Neighbours, Windows
from detector.contract.decisions import Action, Mode, Outcome, Step
from detector.contract.ports import FeatureMatrix, Scored
from detector.features.table import INDEX
from detector.policy.budgets import Budgets, Cut, EnforceUnmeasured, Measured
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Condition, Policy, Rule, StandingBlocks
from detector.testing import (
    START_MS,
    PreparedWindows,
    ScoreFromFeature,
    batch_of,
    call_setup,
    ids,
    make_screener,
    outcomes,
    screen,
    small_windows,
)
from detector.windows import WindowEngine
from tests.detector.policy_case import CATEGORIES

ALLOW, LABEL, BLOCK = Action.ALLOW, Action.LABEL, Action.BLOCK
MARGIN, AGE = "number_attempts_24h", "trunk_age"
POLICY = Policy(
    mode=Mode.ENFORCE,
    minimum_samples=(),
    categories=CATEGORIES,
    budgets=Budgets(windows_h=0),
    standing_blocks=StandingBlocks(after_blocks=1_000),
)
MEASURED = Measured("margins-1", 1, START_MS, 900, 300, 1_000, 100, Cut(4.0, 0.9, 900.0), Cut(8.0, 1.0, 90.0))


class Margins(ScoreFromFeature):
    """A model whose margins a test writes down; 13 makes it raise."""

    version = "margins-1"

    def score(self, rows: FeatureMatrix) -> Floats:
        return self.scored(rows).scores

    def scored(self, rows: FeatureMatrix) -> Scored:
        margins = self.raw(rows)
        return Scored(self.calibrated(margins), margins)

    def raw(self, rows: FeatureMatrix) -> Floats:
        if (rows[:, INDEX[MARGIN]] == 13.0).any():
            raise FloatingPointError("a margin that must not be")
        return rows[:, INDEX[MARGIN]].astype(np.float64)

    def calibrated(self, margins: Floats) -> Floats:
        return np.clip(margins / 10.0, 0.0, 1.0)


class WithMargins(PreparedWindows):
    """Prepared features, and margins that are kept as the windows that serve keep them."""

    def __init__(self, features: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__(features)
        self.engine = WindowEngine(small_windows())

    def keep_margins(self, model: str) -> None:
        self.engine.keep_margins(model)

    def add_margins(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        return self.engine.add_margins(batch, rows, margins)


class Broken(WithMargins):
    """Windows that cannot add."""

    def add_margins(self, batch: CallBatch, rows: Ints, margins: Floats) -> Neighbours:
        raise ZeroDivisionError(batch.n, len(rows), len(margins))


def screener(
    margins: Mapping[str, float],
    *,
    weight: float = 1.0,
    measured: Measured | None = MEASURED,
    policy: Policy = POLICY,
    windows: type[WithMargins] = WithMargins,
    lists: Lists | None = None,
) -> Screener[Windows]:
    features = {name: {MARGIN: margin, AGE: 3_600.0} for name, margin in margins.items()}
    one = make_screener(policy, windows=windows(features), classifier=Margins(group_weight=weight), lists=lists)
    one.go_by(measured)
    return one


def calls(margins: Mapping[str, float], **fields: Any) -> list[Any]:
    """One call each, a minute apart, of one number."""
    return [call_setup(name, setup_time_ms=START_MS + 60_000 * n, **fields) for n, name in enumerate(margins)]


FOUR = {"a": 3.5, "b": 3.5, "c": 3.5, "d": 3.5}
"""Harmless by themselves: labels begin at 4, blocks at 8."""


def test_calls_that_are_harmless_alone_are_labelled_together() -> None:
    """3.5 and 3.5 times 0, 1/4, 2/5 and 3/6; the published score stays the model's own."""
    screening = screen(screener(FOUR), *calls(FOUR))

    assert [one.action for one in outcomes(screening)] == [ALLOW, LABEL, LABEL, LABEL]
    np.testing.assert_allclose(screening.group_scores, [3.5, 4.375, 4.9, 5.25])
    assert screening.margins.tolist() == [3.5] * 4
    assert screening.scores.tolist() == [0.35] * 4


def test_without_a_weight_the_margin_decides() -> None:
    screening = screen(screener(FOUR, weight=0.0), *calls(FOUR))

    assert [one.action for one in outcomes(screening)] == [ALLOW] * 4
    assert screening.group_scores.tolist() == screening.margins.tolist() == [3.5] * 4


def test_thresholds_on_scores_are_compared_with_the_probability_of_the_group_score() -> None:
    """They are 0.85 and 0.98; the group scores are 7, 8.75, 9.8 and 10.5, the model's own score is 0.7."""
    policy = replace(POLICY, budgets=Budgets(enforce_unmeasured=EnforceUnmeasured("who tests", "to see it")))
    margins = dict.fromkeys(FOUR, 7.0)

    screening = screen(screener(margins, measured=None, policy=policy), *calls(margins))

    assert [one.action for one in outcomes(screening)] == [ALLOW, LABEL, BLOCK, BLOCK]
    assert screening.scores.tolist() == [0.7] * 4
    first, second = screening.outcome(1).reasons[:2]
    assert (first.value, first.threshold) == (0.875, 0.85)
    assert first.text == "Score 0.700, with its group 0.875, is at or above 0.850, the threshold for labelling"
    assert second.code == "group"


def test_the_reason_says_what_the_group_is_and_what_it_adds() -> None:
    """Of the block: six numbers, a call each. Nothing is said of it where the margin alone is enough."""
    margins = {**{f"c{n}": 3.0 for n in range(6)}, "alone": 9.0}
    numbers = [call_setup(name, setup_time_ms=START_MS + 60_000 * n, calling_number=f"+121255501{n:02d}")
               for n, name in enumerate(margins)]  # fmt: skip

    screening = screen(screener(margins), *numbers)

    first, second, third = screening.outcome(5).reasons[:3]
    assert first.text.startswith("Score 0.300 with margin 3.00, with its group 4.88, is at or above margin 4.00")
    assert (second.code, second.value, second.threshold) == ("budget", 4.875, 4.0)
    assert (third.code, third.value, third.threshold) == ("group", 1.875, None)
    assert third.text in {
        f"Its number block: 5 other calls scored high in {minutes} minutes, which adds 1.88" for minutes in range(5, 11)
    }
    assert "group" not in {reason.code for reason in screening.outcome(6).reasons}


def test_what_lists_pass_neither_reads_nor_adds() -> None:
    """One number of the block is allow-listed; the other numbers of it have only each other."""
    margins = {"listed": 9.0, "first": 3.5, "second": 3.5}
    lists = Lists(allow=frozenset(["+12125550101"]))
    numbers = [call_setup(name, calling_number=f"+121255501{n:02d}") for n, name in enumerate(margins, start=1)]

    screening = screen(screener(margins, lists=lists), *numbers)

    assert screening.outcome(0).decided_by is Step.ALLOW_LIST
    np.testing.assert_allclose(screening.group_scores, [np.nan, 3.5, 4.375])


def test_calls_that_a_rule_decides_are_remembered_and_not_scored() -> None:
    rule = Rule("odd", (Condition("number_asr_24h", at_least=0.5),), LABEL, CATEGORIES[0].name)
    margins = {"ruled": 6.0, "next": 3.0}
    one = screener(margins, policy=replace(POLICY, rules=(rule,)))
    one.engine.features["ruled"] = {MARGIN: 6.0, AGE: 3_600.0, "number_asr_24h": 0.9}  # type: ignore[attr-defined]

    screening = screen(one, *calls(margins))

    assert [each.decided_by for each in outcomes(screening)] == [Step.RULE, Step.MODEL]
    np.testing.assert_allclose(screening.group_scores, [6.0, 4.5])
    assert np.isnan(screening.scores[0])
    shown = np.stack(screening.of_margins())
    np.testing.assert_allclose(shown, [[np.nan, 3.0], [np.nan, 4.5]])


def test_a_campaign_is_not_forgotten_while_its_numbers_are_blocked() -> None:
    """The second block makes it standing, for the call behind it; all four are known to the last one of the block."""
    policy = replace(POLICY, standing_blocks=StandingBlocks(after_blocks=2, within_s=3_600, block_s=3_600))
    margins = {"a": 9.0, "b": 9.0, "c": 9.0, "d": 9.0, "other": 1.0}
    one = screener(margins, policy=policy)
    events = [*calls(margins)[:4], call_setup("other", setup_time_ms=START_MS + 240_000, calling_number="+12125550999")]

    together, last = screen(one, *events[:3]), screen(one, *events[3:])

    steps = [each.decided_by for each in outcomes(together) + outcomes(last)]
    assert steps == [Step.MODEL, Step.MODEL, Step.ENTITY_BLOCK, Step.ENTITY_BLOCK, Step.MODEL]
    assert last.group_scores[1] == pytest.approx(1.0 + 36.0 / 7)


def test_a_call_that_makes_the_model_raise_passes_alone_and_is_not_remembered() -> None:
    margins = {"a": 3.5, "bad": 13.0, "b": 3.5}

    screening = screen(screener(margins), *calls(margins))

    assert [one.decided_by for one in outcomes(screening)] == [Step.ALLOW, Step.FAIL_OPEN, Step.MODEL]
    np.testing.assert_allclose(screening.group_scores, [3.5, np.nan, 4.375])


def test_where_margins_cannot_be_added_the_margin_decides() -> None:
    """And it is told."""
    margins = {"a": 3.5, "b": 9.0}

    screening = screen(screener(margins, windows=Broken), *calls(margins))

    assert [one.action for one in outcomes(screening)] == [ALLOW, BLOCK]
    assert [type(error) for error in screening.failures] == [ZeroDivisionError]


def test_a_new_model_begins_with_no_margins_of_the_old_one() -> None:
    one = screener({**FOUR, "e": 3.5, "f": 3.5})
    screen(one, *calls(FOUR))

    one.classifier = Margins(group_weight=1.0)  # the same version
    same = screen(one, call_setup("e", setup_time_ms=START_MS + 240_000))
    other = Margins(group_weight=1.0)
    other.version = "margins-2"
    one.classifier = other
    new = screen(one, call_setup("f", setup_time_ms=START_MS + 240_000))

    assert (same.group_scores.item(), new.group_scores.item()) == (3.5 + 14.0 / 7, 3.5)


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["+12125550100", "+12125550101", "+12125660101", "anonymous"]),
        st.integers(0, 20 * 60),  # seconds after the call before
        st.sampled_from([0.5, 3.5, 4.5, 8.5]),
        st.sampled_from([0.0, 0.9]),  # the rule decides the latter
    ),
    max_size=25,
)
BY_RULE = Rule("odd", (Condition("number_asr_24h", at_least=0.5),), LABEL, CATEGORIES[0].name)
BY_RULE_AND_BLOCK = [
    *[("+12125550100", 0, 0.5, 0.0)] * 4,
    *[("+12125550101", 0, 8.5, 0.0)] * 2,
    ("+12125550100", 0, 0.5, 0.9),
    ("+12125550101", 0, 3.5, 0.0),
]
"""The last two: a rule decides one, and a standing block the other, which is known before rules are looked at."""
TOUCHY = replace(
    POLICY, rules=(BY_RULE,), standing_blocks=StandingBlocks(after_blocks=2, within_s=3_600, block_s=1_200)
)


@settings(max_examples=200)
@given(history=HISTORY, cuts=st.sets(st.integers(0, 25)), measured=st.sampled_from([MEASURED, None]))
@example(history=BY_RULE_AND_BLOCK, cuts={6}, measured=MEASURED)
def test_nothing_depends_on_how_calls_are_cut_into_batches(
    history: list[tuple[str, int, float, float]], cuts: set[int], measured: Measured | None
) -> None:
    """Neither outcomes nor group scores, across standing blocks that begin and end, and calls that a rule decides."""
    features, events, now_ms = {}, [], START_MS
    for index, (number, seconds, margin, ruled) in enumerate(history):
        now_ms += seconds * 1_000
        events.append(call_setup(f"c{index}", calling_number=number, setup_time_ms=now_ms))
        features[f"c{index}"] = {MARGIN: margin, AGE: 3_600.0, "number_asr_24h": ruled}

    def screened(edges: list[int]) -> list[tuple[str, Outcome, float]]:
        one = make_screener(TOUCHY, windows=WithMargins(features), classifier=Margins(group_weight=0.5))
        one.go_by(measured)
        found: list[tuple[str, Outcome, float]] = []
        for start, stop in itertools.pairwise(edges):
            screening = one.screen(BatchColumns.of(batch_of(events[start:stop])))
            found += zip(ids(screening), outcomes(screening), screening.group_scores.tolist(), strict=True)
        return found

    whole = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    assert screened(whole) == screened(list(range(len(events) + 1)))
