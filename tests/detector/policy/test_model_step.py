"""The model's step: hysteresis, minimum samples, standing blocks, and independence of the cut into batches."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.columns.batch_columns import BatchColumns
from detector.columns.windows_port import Windows
from detector.contract.decisions import Action, Label, Mode, Outcome, Step
from detector.contract.events import Attestation, CallSetup
from detector.contract.ports import FeatureMatrix
from detector.features.table import explain
from detector.policy.held import Held, caller_of
from detector.policy.lists import Lists
from detector.policy.model_step import treatment
from detector.policy.screening import Screener
from detector.policy.settings import Condition, MinimumSample, Override, Policy, Rule, StandingBlocks, with_mode
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import (
    BY_ORDER,
    CALLER,
    START_MS,
    PreparedWindows,
    ScoreFromFeature,
    batch_of,
    call_setup,
    make_screener,
    outcome,
    outcomes,
    scores,
    screen,
)
from tests.detector.policy_case import CATEGORIES, SCORE, THRESHOLDS

ALLOW, LABEL, BLOCK = Action.ALLOW, Action.LABEL, Action.BLOCK
# label from 0.85 until below 0.75, block from 0.98 until below 0.95
POLICY = Policy(
    mode=Mode.ENFORCE,
    budgets=BY_ORDER,
    minimum_samples=(),
    standing_blocks=StandingBlocks(after_blocks=1_000),
    categories=CATEGORIES,
)


def by_trunk(number: str, trunk: str = "t-1") -> str:
    """Whom unsigned calls are held against."""
    caller = caller_of(number, trunk, is_vouched=False)
    assert caller is not None
    return caller


@pytest.mark.parametrize(
    ("score", "held", "may_block", "expected"),
    [
        (0.98, ALLOW, True, (BLOCK, 0.98)),
        (0.979, ALLOW, True, (LABEL, 0.85)),
        (0.979, LABEL, True, (LABEL, 0.85)),
        (0.95, BLOCK, True, (BLOCK, 0.95)),
        (0.949, BLOCK, True, (LABEL, 0.85)),
        (0.98, BLOCK, False, (LABEL, 0.85)),
        (0.95, BLOCK, False, (LABEL, 0.85)),
        (0.85, ALLOW, True, (LABEL, 0.85)),
        (0.849, ALLOW, True, (ALLOW, 0.0)),
        (0.75, LABEL, True, (LABEL, 0.75)),
        (0.75, BLOCK, True, (LABEL, 0.75)),
        (0.749, LABEL, True, (ALLOW, 0.0)),
        (0.749, BLOCK, True, (ALLOW, 0.0)),
    ],
)
def test_treatment_at_every_edge(score: float, held: Action, may_block: bool, expected: tuple[Action, float]) -> None:
    assert treatment(score, held, THRESHOLDS, may_block=may_block) == expected


def _timeline(
    policy: Policy, calls: Sequence[tuple[int, float]], *, one: Screener[Windows] | None = None
) -> list[Outcome]:
    """Outcomes of calls of one number, given as (seconds after START_MS, score), each in its own batch."""
    one = one or make_screener(policy)
    outcomes = []
    for index, (seconds, score) in enumerate(calls):
        one.engine = PreparedWindows({f"c{index}": {SCORE: score}})
        outcomes.append(outcome(one, call_setup(f"c{index}", setup_time_ms=START_MS + seconds * 1_000)))
    return outcomes


def test_hysteresis_over_time() -> None:
    """Up, down and up again; 3600 s of hold.

    s      0     10    20    30    40    50    60    70
    score  .80   .90   .80   .99   .96   .90   .70   .80
    action allow label label block block label allow allow
    """
    calls = [(0, 0.80), (10, 0.90), (20, 0.80), (30, 0.99), (40, 0.96), (50, 0.90), (60, 0.70), (70, 0.80)]

    actions = [decided.action for decided in _timeline(POLICY, calls)]

    assert actions == [ALLOW, LABEL, LABEL, BLOCK, BLOCK, LABEL, ALLOW, ALLOW]


@pytest.mark.parametrize(
    ("calls", "actions"),
    [
        ([(0, 0.90), (59, 0.80)], [LABEL, LABEL]),
        ([(0, 0.90), (60, 0.80)], [LABEL, ALLOW]),
        # a score between the thresholds keeps the treatment and does not renew it
        ([(0, 0.90), (40, 0.80), (80, 0.80)], [LABEL, LABEL, ALLOW]),
        # one at the upper threshold renews it
        ([(0, 0.90), (40, 0.90), (80, 0.80)], [LABEL, LABEL, LABEL]),
        ([(0, 0.99), (40, 0.96), (60, 0.96)], [BLOCK, BLOCK, LABEL]),
    ],
)
def test_hysteresis_ends_with_the_hold(calls: list[tuple[int, float]], actions: list[Action]) -> None:
    policy = replace(POLICY, hold_s=60)

    assert [decided.action for decided in _timeline(policy, calls)] == actions


def test_hysteresis_is_of_the_number_alone() -> None:
    one = make_screener(POLICY, {"a": {SCORE: 0.9}, "b": {SCORE: 0.8}})

    screening = screen(one, call_setup("a"), call_setup("b", calling_number="+12125550999"))

    assert [decided.action for decided in outcomes(screening)] == [LABEL, ALLOW]


def test_a_number_that_was_cleared_is_forgotten() -> None:
    one = make_screener(POLICY)
    _timeline(POLICY, [(0, 0.9), (1, 0.1)], one=one)

    assert len(one.standing.held) == 0


@pytest.mark.parametrize(("seen", "action"), [(20.0, BLOCK), (19.0, LABEL), (-1.0, LABEL)])
def test_below_the_minimum_sample_a_call_is_labelled_at_most(seen: float, action: Action) -> None:
    policy = replace(POLICY, minimum_samples=(MinimumSample("trunk_attempts_24h", 20),))

    decided = outcome(make_screener(policy, {"call-1": {SCORE: 0.99, "trunk_attempts_24h": seen}}), call_setup())

    assert decided.action is action


def test_a_default_policy_wants_a_trunk_with_a_history() -> None:
    policy = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, categories=CATEGORIES)
    fresh, known = ({"call-1": {SCORE: 1.0, "trunk_attempts_24h": seen}} for seen in (19.0, 20.0))

    assert outcome(make_screener(policy, fresh), call_setup()).action is LABEL
    assert outcome(make_screener(policy, known), call_setup()).action is BLOCK


class WrittenContributions(ScoreFromFeature):
    """Contributions that a test wrote down."""

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        written = np.zeros(rows.shape, np.float64)
        written[:, :6] = [0.5, -3.0, 2.0, 0.0, 2.0, 0.1]
        return written


def test_reasons_are_the_score_and_the_three_strongest_features() -> None:
    """Strongest first, ties in feature order, negative contributions never."""
    one = make_screener(POLICY, {"call-1": {SCORE: 0.9, "number_attempts_5m": 7.0, "number_attempts_24h": -1.0}})
    one.classifier = WrittenContributions()

    decided = outcome(one, call_setup())

    assert decided.label == Label("Maybe automated", "automated_call", "Possible automated call")
    assert [(reason.code, reason.value, reason.threshold) for reason in decided.reasons] == [
        ("model", 0.9, 0.85),
        ("number_attempts_5m", 7.0, None),
        ("number_attempts_24h", None, None),
        ("number_attempts_10s", 0.0, None),
    ]
    assert decided.reasons[0].text == "Score 0.900 is at or above 0.850, the threshold for labelling"
    assert decided.reasons[1].text == explain("number_attempts_5m", 7.0)


def test_fewer_reasons_when_little_speaks_for_it() -> None:
    decided = outcome(make_screener(POLICY, {"call-1": {SCORE: 0.99}}), call_setup())

    assert [reason.code for reason in decided.reasons] == ["model", SCORE]
    assert decided.reasons[0].text == "Score 0.990 is at or above 0.980, the threshold for blocking"


THREE = replace(POLICY, standing_blocks=StandingBlocks(after_blocks=3, within_s=60, block_s=600))


def test_the_third_block_within_the_window_makes_a_standing_block() -> None:
    """Blocks at 0, 10 and 20 s; from 20 s on the number is blocked whatever its score, until 620 s."""
    one = make_screener(THREE)
    outcomes = _timeline(
        THREE, [(0, 0.99), (10, 0.99), (15, 0.1), (20, 0.99), (30, 0.1), (619, 0.1), (620, 0.1)], one=one
    )

    assert [(decided.action, decided.decided_by) for decided in outcomes] == [
        (BLOCK, Step.MODEL),
        (BLOCK, Step.MODEL),
        (ALLOW, Step.ALLOW),
        (BLOCK, Step.MODEL),
        (BLOCK, Step.ENTITY_BLOCK),
        (BLOCK, Step.ENTITY_BLOCK),
        (ALLOW, Step.ALLOW),
    ]
    assert outcomes[4].reasons[0].code == "standing_block"


def test_blocks_that_are_too_far_apart_make_none() -> None:
    """Window (now - 60 s, now]: at 60 s the block at 0 s no longer counts."""
    outcomes = _timeline(THREE, [(0, 0.99), (30, 0.99), (60, 0.99), (61, 0.1)])

    assert outcomes[-1].decided_by is Step.ALLOW


def test_the_count_starts_again_after_a_standing_block() -> None:
    """Blocked as a number from 2 s to 12 s; the window still holds the three blocks, but they are used up."""
    policy = replace(POLICY, standing_blocks=StandingBlocks(after_blocks=3, within_s=3_600, block_s=10))

    outcomes = _timeline(policy, [(0, 0.99), (1, 0.99), (2, 0.99), (12, 0.99), (13, 0.99), (14, 0.1)])

    assert outcomes[-1].decided_by is Step.ALLOW


def test_a_standing_block_is_published_with_its_expiry_and_the_call_that_led_to_it() -> None:
    calls = [call_setup(f"c{n}", setup_time_ms=START_MS + n) for n in range(3)]
    one = make_screener(THREE, {event.call_id: {SCORE: 0.99} for event in calls})

    screening = screen(one, *calls)

    assert screening.entity_changes == [
        StandingDecision(
            f"number:{CALLER}",
            BLOCK,
            "automated_call",
            START_MS + 2,
            START_MS + 600_002,
            "model",
            decision_id=screening.calls.identifier(2),
            trunk_group_ids=("t-1",),
        )
    ]


def test_a_standing_block_holds_for_the_later_calls_of_its_own_batch() -> None:
    """Over the rule and the model, which come later in the order, not over an opt-out; with no score from the model."""
    rules = (Rule("busy", (Condition("number_attempts_1m", at_least=1),), ALLOW, "automated_call"),)
    calls = [call_setup(f"c{n}", setup_time_ms=START_MS + n) for n in range(3)]
    ruled, scored = call_setup("ruled", setup_time_ms=START_MS + 3), call_setup("scored", setup_time_ms=START_MS + 4)
    passed = call_setup("passed", setup_time_ms=START_MS + 5, called_number="+13105550999")
    after = call_setup("after", setup_time_ms=START_MS + 600_002)
    features = {event.call_id: {SCORE: 0.99} for event in [*calls, scored]}
    features["ruled"] = {"number_attempts_1m": 1.0}
    one = make_screener(replace(THREE, rules=rules), features, lists=Lists(opt_out=frozenset(["+13105550999"])))

    screening = screen(one, *calls, ruled, scored, passed, after)

    assert [decided.decided_by for decided in outcomes(screening)[3:]] == [
        Step.ENTITY_BLOCK,
        Step.ENTITY_BLOCK,
        Step.SUBSCRIBER,
        Step.ALLOW,
    ]
    assert scores(screening)[2:] == [0.99, None, None, None, 0.0]


def test_what_was_reached_in_shadow_is_not_published_and_touches_no_enforced_call() -> None:
    policy = replace(with_mode(THREE, Mode.SHADOW), overrides=(Override("t-live", mode=Mode.ENFORCE),))
    calls = [call_setup(f"c{n}", setup_time_ms=START_MS + n) for n in range(4)]
    live = call_setup("live", setup_time_ms=START_MS + 4, trunk_group_id="t-live")
    one = make_screener(policy, {event.call_id: {SCORE: 0.99} for event in calls})

    screening = screen(one, *calls, live)

    assert screening.entity_changes == []
    assert screening.outcome(3).decided_by is Step.ENTITY_BLOCK
    assert (screening.mode(4), screening.outcome(4).action) == (Mode.ENFORCE, ALLOW)


def test_a_released_number_starts_from_nothing() -> None:
    one = make_screener(THREE)
    _timeline(THREE, [(0, 0.99), (1, 0.99), (2, 0.99)], one=one)

    one.standing.remove("number:" + CALLER)

    outcomes = _timeline(THREE, [(3, 0.96), (4, 0.99), (5, 0.99), (6, 0.1)], one=one)
    assert [decided.action for decided in outcomes] == [LABEL, BLOCK, BLOCK, ALLOW]


def test_an_unanswerable_score_is_no_block() -> None:
    """A classifier that answers NaN, against its contract, lets calls pass."""
    assert outcome(make_screener(POLICY, {"call-1": {SCORE: float("nan")}}), call_setup()).decided_by is Step.ALLOW


def test_memory_of_numbers_is_bounded() -> None:
    standing = StandingDecisions(max_entries=10)
    calls = [call_setup(f"c{n}", calling_number=f"+1212555{n:04d}") for n in range(50)]
    one = make_screener(POLICY, {event.call_id: {SCORE: 0.9} for event in calls}, standing=standing)

    screen(one, *calls)

    assert len(standing.held) == 10
    assert standing.held.get(by_trunk("+12125550049")) == Held(LABEL, START_MS + 3_600_000)


def test_a_number_is_cleared_by_a_low_score_in_the_batch_that_labelled_it() -> None:
    """As call by call: .90 labels, .10 clears, .80 is below the upper threshold again."""
    scores = {"a": 0.9, "b": 0.1, "c": 0.8}
    calls = [call_setup(name, setup_time_ms=START_MS + row) for row, name in enumerate(scores)]

    screening = screen(make_screener(POLICY, {name: {SCORE: score} for name, score in scores.items()}), *calls)

    assert [decided.action for decided in outcomes(screening)] == [LABEL, ALLOW, ALLOW]


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["+12125550100", "+12125550101", "anonymous"]),
        st.integers(-5, 40),  # seconds after the call before
        st.sampled_from([0.1, 0.76, 0.86, 0.96, 0.99]),
        st.sampled_from(["t-1", "t-1", "t-live"]),
        st.integers(0, 4).map(lambda one: one == 0),  # whether the rule fires
        st.integers(0, 4).map(lambda one: one == 0),  # whether the called party has opted out
        st.booleans(),  # whether a signature vouches for the number
    ),
    max_size=25,
)
RULED = replace(
    with_mode(THREE, Mode.SHADOW),
    hold_s=60,
    overrides=(Override("t-live", mode=Mode.ENFORCE),),
    standing_blocks=StandingBlocks(after_blocks=2, within_s=60, block_s=90),
    rules=(Rule("busy", (Condition("number_attempts_1m", at_least=1),), LABEL, "automated_call"),),
)


@settings(max_examples=400)
@given(calls=CALLS, cuts=st.sets(st.integers(0, 25)))
def test_outcomes_do_not_depend_on_how_calls_are_cut_into_batches(
    calls: list[tuple[str, int, float, str, bool, bool, bool]], cuts: set[int]
) -> None:
    """One call a batch is the definition; any other cut must give the same outcomes, scores and publications."""
    events, features, now_ms = [], {}, START_MS
    for index, (number, seconds, score, trunk, fires, opted_out, signed) in enumerate(calls):
        now_ms += seconds * 1_000
        called = "+13105550999" if opted_out else "+13105550456"
        events.append(
            call_setup(
                f"c{index}",
                calling_number=number,
                called_number=called,
                setup_time_ms=now_ms,
                trunk_group_id=trunk,
                verstat="TN-Validation-Passed" if signed else None,
                attestation=Attestation.A,
            )
        )
        features[f"c{index}"] = {SCORE: score, "number_attempts_1m": float(fires)}

    assert _screened(events, features, cuts) == _screened(events, features, set(range(len(events))))


def _screened(
    events: Sequence[CallSetup], features: Mapping[str, Mapping[str, float]], cuts: set[int]
) -> tuple[list[Outcome], list[float | None], list[StandingDecision]]:
    one = make_screener(RULED, features, lists=Lists(opt_out=frozenset(["+13105550999"])))
    found: list[Outcome] = []
    scored: list[float | None] = []
    changes: list[StandingDecision] = []
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    for start, stop in itertools.pairwise(edges):
        screening = one.screen(BatchColumns.of(batch_of(events[start:stop])))
        found += outcomes(screening)
        scored += scores(screening)
        changes += screening.entity_changes
    return found, scored, changes
