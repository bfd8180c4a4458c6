"""The order of decision, modes and overrides, rules, and failing open."""

from dataclasses import replace

import numpy as np
import pytest

from detector.columns.batch_columns import BatchColumns
from detector.columns.call_columns import build_batch
from detector.columns.decision_ids import decision_id
from detector.columns.windows_port import Windows
from detector.contract.decisions import PLAIN_ALLOW, Action, Label, Mode, SipAnswer, Step
from detector.contract.errors import FeatureSchemaMismatch
from detector.contract.events import CallEnd, CallSetup, Role
from detector.contract.sip import Redress
from detector.features.table import FEATURE_SCHEMA_ID, N_FEATURES, explain
from detector.policy.lists import Lists
from detector.policy.screening import Screener, fail_open
from detector.policy.settings import Category, Condition, Override, Policy, Rule, Thresholds, with_mode
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.steps import STEPS
from detector.testing import (
    BY_ORDER,
    CALLEE,
    CALLER,
    START_MS,
    PreparedWindows,
    ScoreFromFeature,
    batch_of,
    call_setup,
    ids,
    make_screener,
    modes,
    outcome,
    outcomes,
    scores,
    screen,
)
from tests.detector.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
SIGNED = {"attestation": "A", "verstat": "TN-Validation-Passed"}
BUSY_RULE = Rule("busy", (Condition("number_attempts_1m", at_least=100),), Action.BLOCK, "automated_call")
ORDER = list(Step)[: list(Step).index(Step.ALLOW) + 1]


def test_the_table_holds_every_step_in_order() -> None:
    """Of steps with two turns the later one; `test_screening_law` has all turns."""
    turns = [step for step, _ in STEPS]

    assert list(dict.fromkeys(reversed(turns)))[::-1] == [
        Step.EMERGENCY, Step.DNO, Step.SUBSCRIBER, Step.ALLOW_LIST, *ORDER[ORDER.index(Step.ENTITY_BLOCK) :],
    ]  # fmt: skip


def _call_with(steps: set[Step]) -> tuple[Screener[Windows], CallSetup]:
    """A call that each of the given steps would decide."""
    lists = Lists(
        opt_out=frozenset([CALLEE] if Step.SUBSCRIBER in steps else []),
        allow=frozenset([CALLER] if Step.ALLOW_LIST in steps else []),
        audited=frozenset([CALLER] if Step.ALLOW_LIST in steps else []),
        dno=frozenset([CALLER[2:8]] if Step.DNO in steps else []),
        block=frozenset(["t-1"] if Step.ENTITY_BLOCK in steps else []),
    )
    features = {"call-1": {SCORE: 0.99 if Step.MODEL in steps else 0.0, "number_attempts_1m": 500.0}}
    policy = replace(ENFORCE, rules=(BUSY_RULE,) if Step.RULE in steps else ())
    event = call_setup(**({"priority": "psap-callback", **SIGNED} if Step.EMERGENCY in steps else {}))
    return make_screener(policy, features, lists=lists), event


@pytest.mark.parametrize("first", ORDER)
def test_each_step_wins_over_all_later_ones(first: Step) -> None:
    later = set(ORDER[ORDER.index(first) :])

    decided = outcome(*_call_with(later))

    assert decided.decided_by is first


BLOCKING = {Step.DNO, Step.ENTITY_BLOCK, Step.RULE, Step.MODEL}


@pytest.mark.parametrize("only", ORDER)
def test_each_step_decides_alone_too(only: Step) -> None:
    decided = outcome(*_call_with({only}))

    assert decided.decided_by is only
    assert decided.action is (Action.BLOCK if only in BLOCKING else Action.ALLOW)


def test_a_plain_allow_is_the_shared_one_with_its_score() -> None:
    screening = screen(make_screener(ENFORCE, {"call-1": {SCORE: 0.25}}), call_setup())

    assert screening.outcome(0) is PLAIN_ALLOW
    assert scores(screening) == [0.25]
    assert screening.entity_changes == []


def test_a_model_block_is_answered_to_the_byte() -> None:
    r"""Decision id worked out with coreutils: `printf 'call-1\\x1f...' | b2sum -l 128`."""
    policy = replace(ENFORCE, redress=Redress(url="https://example.com/redress"))

    decided = outcome(make_screener(policy, {"call-1": {SCORE: 0.99}}), call_setup(role=Role.TERMINATING))

    assert decided.sip == SipAnswer(
        603,
        "Network Blocked",
        'SIP;cause=603;text="v=analytics1;url=https://example.com/redress;id=4b286072546bfe5fd043940ac6966e88";location=RLN',
    )


@pytest.mark.parametrize(
    ("calling", "text"),
    [
        (CALLER, "The calling number is on the do-not-originate list (entry 212555)"),
        ("+12115550123", "The calling number is not a possible North American number"),
        ("+12222222222", "The calling number is not a possible North American number"),
        ("+1212555012", "The calling number is not a possible North American number"),
    ],
)
def test_a_do_not_originate_block_is_declined_without_a_reason_header(calling: str, text: str) -> None:
    one = make_screener(ENFORCE, lists=Lists(dno=frozenset(["212555"])))

    screening = screen(one, call_setup(calling_number=calling), call_setup("call-2", calling_number="+13105550199"))

    decided = screening.outcome(0)
    assert (decided.action, decided.decided_by) == (Action.BLOCK, Step.DNO)
    assert decided.sip == SipAnswer(603, "Decline", None)
    assert [(reason.code, reason.text) for reason in decided.reasons] == [("dno", text)]
    assert screening.outcome(1) is PLAIN_ALLOW
    assert scores(screening) == [None, 0.0]


def test_a_listed_number_that_is_impossible_too_is_reported_as_listed() -> None:
    one = make_screener(ENFORCE, lists=Lists(dno=frozenset(["211"])))

    decided = outcome(one, call_setup(calling_number="+12115550123"))

    assert decided.reasons[0].text == "The calling number is on the do-not-originate list (entry 211)"


@pytest.mark.parametrize("entry", [CALLER, "number:" + CALLER, "t-1", "trunk:t-1"])
def test_the_block_list_knows_numbers_and_trunks(entry: str) -> None:
    decided = outcome(make_screener(ENFORCE, lists=Lists(block=frozenset([entry]))), call_setup())

    assert (decided.action, decided.decided_by) == (Action.BLOCK, Step.ENTITY_BLOCK)
    assert decided.reasons[0].code == "block_list"


@pytest.mark.parametrize("entry", [CALLER, "t-1"])
def test_the_allow_list_knows_numbers_and_trunks(entry: str) -> None:
    one = make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=Lists(allow=frozenset([entry])))

    assert outcome(one, call_setup()).decided_by is Step.ALLOW_LIST


def test_a_standing_label_is_shown_with_the_text_of_its_category() -> None:
    """A category that the policy does not know is shown like the last one."""
    standing = StandingDecisions()
    standing.set(StandingDecision("trunk:t-1", Action.LABEL, "gone", START_MS, START_MS + 60_000, "analyst"))

    decided = outcome(make_screener(ENFORCE, standing=standing), call_setup())

    assert (decided.action, decided.decided_by) == (Action.LABEL, Step.ENTITY_BLOCK)
    assert decided.label == Label("Maybe automated", "automated_call", "Possible automated call")
    assert decided.reasons[0].code == "standing_label"
    # 1 700 000 000 s = 2023-11-14T22:13:20Z
    assert decided.reasons[0].text == ("A standing label of the trunk holds until 2023-11-14T22:14:20+00:00 (analyst)")


@pytest.mark.parametrize(("seconds", "step"), [(59, Step.ENTITY_BLOCK), (60, Step.ALLOW)])
def test_a_standing_block_ends_at_its_expiry(seconds: int, step: Step) -> None:
    standing = StandingDecisions()
    standing.set(
        StandingDecision("number:" + CALLER, Action.BLOCK, "automated_call", START_MS, START_MS + 60_000, "model")
    )

    decided = outcome(make_screener(ENFORCE, standing=standing), call_setup(setup_time_ms=START_MS + seconds * 1_000))

    assert decided.decided_by is step


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ({"number_attempts_1m": 100.0, "number_asr_1h": 0.1}, True),
        ({"number_attempts_1m": 99.0, "number_asr_1h": 0.1}, False),
        ({"number_attempts_1m": 100.0, "number_asr_1h": 0.11}, False),
        ({"number_attempts_1m": 100.0, "number_asr_1h": -1.0}, False),
        ({"number_attempts_1m": 100.0, "number_asr_1h": 0.0}, True),
    ],
)
def test_a_rule_fires_when_all_its_conditions_hold(values: dict[str, float], fires: bool) -> None:
    """-1 is "not enough data" and meets no condition, not even "at most"."""
    conditions = (Condition("number_attempts_1m", at_least=100), Condition("number_asr_1h", at_most=0.1))
    policy = replace(ENFORCE, rules=(Rule("unanswered_burst", conditions, Action.LABEL, "automated_call"),))

    decided = outcome(make_screener(policy, {"call-1": values}), call_setup())

    assert decided.decided_by is (Step.RULE if fires else Step.ALLOW)
    if fires:
        assert decided.action is Action.LABEL
        assert decided.label == Label("Maybe automated", "automated_call", "Possible automated call")
        assert [(reason.code, reason.value, reason.threshold) for reason in decided.reasons] == [
            ("rule", None, None),
            ("number_attempts_1m", 100.0, 100),
            ("number_asr_1h", pytest.approx(values["number_asr_1h"]), 0.1),
        ]
        assert decided.reasons[0].text == "Rule unanswered_burst applies"
        assert decided.reasons[1].text == explain("number_attempts_1m", 100.0)


def test_the_first_rule_that_holds_decides() -> None:
    passing = Rule("known_burst", BUSY_RULE.when, Action.ALLOW, "automated_call")
    policy = replace(ENFORCE, rules=(passing, BUSY_RULE))

    decided = outcome(make_screener(policy, {"call-1": {"number_attempts_1m": 100.0, SCORE: 1.0}}), call_setup())

    assert (decided.action, decided.decided_by, decided.label) == (Action.ALLOW, Step.RULE, None)


def test_overrides_of_trunk_and_switch() -> None:
    """Where both apply the trunk group's win, setting by setting."""
    strict = Thresholds(label_at=0.5, label_clear=0.4, block_at=0.6, block_clear=0.55)
    policy = Policy(
        budgets=BY_ORDER,
        minimum_samples=(),
        overrides=(
            Override("t-enforced", mode=Mode.ENFORCE),
            Override("t-strict", thresholds=strict),
            Override(switch_id="s-enforced", mode=Mode.ENFORCE),
            Override(switch_id="s-strict", thresholds=strict),
        ),
    )
    calls = [
        call_setup("a", calling_number="+12125550001"),
        call_setup("b", calling_number="+12125550002", trunk_group_id="t-enforced", switch_id="s-strict"),
        call_setup("c", calling_number="+12125550003", trunk_group_id="t-strict", switch_id="s-enforced"),
        call_setup("d", calling_number="+12125550004", trunk_group_id="t-other", switch_id="s-other"),
    ]
    one = make_screener(policy, {event.call_id: {SCORE: 0.7} for event in calls})

    screening = screen(one, *calls)

    assert modes(screening) == [Mode.SHADOW, Mode.ENFORCE, Mode.ENFORCE, Mode.SHADOW]
    assert [decided.action for decided in outcomes(screening)] == [
        Action.ALLOW,
        Action.BLOCK,
        Action.BLOCK,
        Action.ALLOW,
    ]


def test_categories_differ_in_text_thresholds_and_hardness() -> None:
    spread = Category(
        "many_trunks",
        "Unusual pattern",
        highest_action=Action.LABEL,
        when=(Condition("number_distinct_trunks_1h", at_least=3),),
        thresholds=Thresholds(label_at=0.6, label_clear=0.5),
    )
    policy = replace(ENFORCE, categories=(spread, *ENFORCE.categories))
    calls = [call_setup("a", calling_number="+12125550001"), call_setup("b", calling_number="+12125550002")]
    features = {"a": {SCORE: 0.99, "number_distinct_trunks_1h": 3.0}, "b": {SCORE: 0.7}}

    screening = screen(make_screener(policy, features), *calls)

    assert screening.outcome(0).label == Label("Unusual pattern", "many_trunks")
    assert screening.outcome(1) is PLAIN_ALLOW


def test_ends_count_and_get_no_decision() -> None:
    end = CallEnd(
        call_id="call-0",
        setup_time_ms=START_MS,
        end_time_ms=START_MS + 1_000,
        calling_number=CALLER,
        called_number=CALLEE,
        trunk_group_id="t-1",
        sip_status=486,
    )
    events = [end, call_setup("call-1"), end, call_setup("call-2")]
    batch = build_batch(events, [False, True, False, True], [0] * 4, seed=7)

    screening = make_screener(ENFORCE).screen(BatchColumns.of(batch))

    assert [event.call_id for event in screening.calls.events] == ["call-1", "call-2"]
    assert ids(screening) == [decision_id(call_setup("call-1")), decision_id(call_setup("call-2"))]
    assert screening.features.shape == (2, N_FEATURES)


def test_a_batch_without_setups_is_no_trouble() -> None:
    assert outcomes(screen(make_screener(ENFORCE))) == []


class OtherSchema(ScoreFromFeature):
    schema_id = "f1-000000000000"


def test_a_classifier_of_another_feature_table_is_refused_and_the_running_one_stays() -> None:
    one = make_screener(ENFORCE)
    before = one.classifier

    with pytest.raises(FeatureSchemaMismatch):
        one.classifier = OtherSchema()
    with pytest.raises(FeatureSchemaMismatch):
        Screener(PreparedWindows({}), OtherSchema(), ENFORCE, Lists(), StandingDecisions())

    assert one.classifier is before
    assert one.versions.feature_schema == FEATURE_SCHEMA_ID


def test_policy_and_lists_may_be_replaced_between_batches() -> None:
    one = make_screener(Policy(minimum_samples=()), {"call-1": {SCORE: 0.99}})
    shadow = screen(one, call_setup())

    one.policy = with_mode(one.policy, Mode.ENFORCE)
    one.lists = Lists(allow=frozenset([CALLER]))
    enforced = screen(one, call_setup())

    assert (modes(shadow), modes(enforced)) == ([Mode.SHADOW], [Mode.ENFORCE])
    assert enforced.outcome(0).decided_by is Step.ALLOW_LIST
    assert enforced.versions.policy_version == one.policy.version != shadow.versions.policy_version


@pytest.mark.parametrize("mode", Mode)
def test_failing_open_lets_every_call_pass(mode: Mode) -> None:
    setups = [call_setup("a"), call_setup("b", calling_number="\ud800")]
    versions = make_screener(ENFORCE).versions

    screening = fail_open(setups, versions, mode)

    assert screening.calls.events == setups
    assert [decided.action for decided in outcomes(screening)] == [Action.ALLOW] * 2
    assert [decided.decided_by for decided in outcomes(screening)] == [Step.FAIL_OPEN] * 2
    assert [[reason.code for reason in decided.reasons] for decided in outcomes(screening)] == [["internal_error"]] * 2
    assert modes(screening) == [mode] * 2
    assert scores(screening) == [None, None]
    assert ids(screening) == [decision_id(event) for event in setups]
    assert screening.versions is versions
    assert screening.features.shape == (0, N_FEATURES)
    assert screening.features.dtype == np.float32


def test_the_model_is_asked_about_open_calls_only_and_explains_decided_ones_only() -> None:
    one = make_screener(ENFORCE, {"b": {SCORE: 0.2}, "c": {SCORE: 0.9}}, lists=Lists(block=frozenset(["t-bad"])))
    classifier = one.classifier
    assert isinstance(classifier, ScoreFromFeature)

    calls = [
        call_setup("a", trunk_group_id="t-bad"),
        call_setup("b", calling_number="+12125550001"),
        call_setup("c", calling_number="+12125550002"),
    ]

    screening = one.screen(BatchColumns.of(batch_of(calls)))

    assert scores(screening) == [None, 0.2, 0.9]
    assert (classifier.rows_scored, classifier.rows_explained) == (2, 1)
