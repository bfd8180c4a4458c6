"""Screening as a whole: what holds for all policies, lists and calls, and what a dialler does on the real windows."""

import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.columns.batch_columns import BatchColumns
from detector.columns.impossible import Impossible
from detector.columns.windows_port import Windows
from detector.contract.decisions import Action, Decision, Mode, Outcome, Step, decide
from detector.contract.events import CallSetup, Role
from detector.contract.sip import DnoStatus, Location, Redress
from detector.policy.budgets import Budgets
from detector.policy.lists import Lists
from detector.policy.screening import Screener, Screening
from detector.policy.settings import Condition, DoNotOriginate, Override, Policy, Rule, StandingBlocks
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import (
    BY_ORDER,
    CALLEE,
    CALLER,
    START_MS,
    ScoreFromFeature,
    batch_of,
    call_setup,
    make_screener,
    outcomes,
    screen,
    small_windows,
)
from detector.windows import WindowEngine
from tests.detector.policy_case import SCORE

BUSY_RULE = Rule("busy", (Condition("number_attempts_1m", at_least=100),), Action.BLOCK, "automated_call")

NUMBERS = st.sampled_from([CALLER, CALLEE, "+19115550123", "anonymous", "+12222222222", "911", ""])
MARKS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"called_number": "911"},
        {"called_number": "+1988"},
        {"called_number": "sip:933@example.com"},
        {"called_number": "+18002738255"},
        {"called_number": "+17106274387"},
        {"called_number": "urn:nena:service:responder.police"},
        {"calling_number": "+19115550123"},
        {"priority": "psap-callback", "trunk_group_id": "psap"},
        {"resource_priority": "esnet.1", "trunk_group_id": "psap"},
        {"resource_priority": "wps.0", "attestation": "A", "verstat": "TN-Validation-Passed"},
    ]
)
LISTED = st.frozensets(st.sampled_from([CALLER, CALLEE, "t-1", "911"]))
POLICIES = st.builds(
    Policy,
    mode=st.sampled_from(Mode),
    redress=st.sampled_from(
        [Redress(tel="+18005550123"), Redress(url="https://example.com/"), Redress(email="a@b.us")]
    ),
    location=st.sampled_from(Location),
    dno=st.builds(
        DoNotOriginate, sip_status=st.sampled_from(DnoStatus), impossible=st.just(()) | st.just(tuple(Impossible))
    ),
    rules=st.sampled_from([(), (BUSY_RULE,)]),
    minimum_samples=st.just(()),
    budgets=st.sampled_from([BY_ORDER, Budgets()]),
    emergency_trunks=st.just(("psap",)),
    overrides=st.sampled_from(
        [(), (Override("t-1", mode=Mode.ENFORCE),), (Override(switch_id="s", mode=Mode.SHADOW),)]
    ),
)
CASES = st.fixed_dictionaries(
    {
        "policy": POLICIES,
        "lists": st.builds(
            Lists, opt_out=LISTED, allow=LISTED, block=LISTED, dno=st.sampled_from([frozenset(), frozenset(["212"])])
        ),
        "score": st.floats(0.0, 1.0, width=32),
        "attempts": st.sampled_from([0.0, 500.0, -1.0]),
        "calling": NUMBERS,
        "role": st.none() | st.sampled_from(Role),
        "stands": st.booleans(),
    }
)


def _screen_case(case: dict[str, Any], **fields: Any) -> tuple[Screening, Decision]:
    standing = StandingDecisions()
    if case["stands"]:
        standing.set(
            StandingDecision("trunk:t-1", Action.BLOCK, "automated_call", START_MS, START_MS + 9_999, "analyst")
        )
    features = {"call-1": {SCORE: case["score"], "number_attempts_1m": case["attempts"]}}
    one = make_screener(case["policy"], features, lists=case["lists"], standing=standing)
    event = call_setup(**{"calling_number": case["calling"], "role": case["role"], "switch_id": "s", **fields})
    screening = screen(one, event)
    decision = decide(
        event,
        screening.calls.identifier(0),
        screening.outcome(0),
        screening.score(0),
        screening.mode(0),
        event.setup_time_ms,
        screening.versions,
        Decision,
    )
    return screening, decision


@given(case=CASES, mark=MARKS)
def test_an_emergency_is_never_blocked_whatever_else_holds(case: dict[str, Any], mark: dict[str, Any]) -> None:
    screening, decision = _screen_case(case, **mark)

    assert screening.outcome(0).decided_by is Step.EMERGENCY
    assert screening.outcome(0).action is Action.ALLOW
    assert (decision.action, decision.sip, decision.label) == (Action.ALLOW, None, None)


PLUS = re.compile(r'SIP;cause=603;text="v=analytics1;(url|tel|email)=[^";]+;id=[0-9a-f]{32}";location=(LN|TN|RLN)')


@given(case=CASES)
def test_no_policy_can_answer_604_607_or_608_and_603_plus_is_for_analytics_only(case: dict[str, Any]) -> None:
    screening, decision = _screen_case(case)
    decided = screening.outcome(0)

    assert (decided.sip is not None) == (decided.action is Action.BLOCK)
    assert (decided.label is not None) == (decided.action is Action.LABEL)
    if decided.sip is not None and decided.decided_by is Step.DNO:
        assert (decided.sip.status, decided.sip.reason_phrase, decided.sip.reason_header) in {
            (603, "Decline", None),
            (403, "Forbidden", None),
            (404, "Not Found", None),
        }
    elif decided.sip is not None:
        assert (decided.sip.status, decided.sip.reason_phrase) == (603, "Network Blocked")
        assert PLUS.fullmatch(decided.sip.reason_header or "")
    if screening.mode(0) is Mode.SHADOW:
        assert (decision.action, decision.sip, decision.would_be) == (Action.ALLOW, None, decided.action)
    else:
        assert (decision.action, decision.sip, decision.would_be) == (decided.action, decided.sip, None)


def _dialler(count: int, verstat: str | None = None) -> list[CallSetup]:
    """One number that calls +1 310 555 0000, 0001, 0002..., a call a second."""
    return [
        call_setup(
            f"d{n}",
            setup_time_ms=START_MS + 1_000 * n,
            called_number=f"+1310555{n:04d}",
            trunk_group_id="t-dialler",
            verstat=verstat,
        )
        for n in range(count)
    ]


def _screener(policy: Policy, feature: str) -> Screener[Windows]:
    windows = WindowEngine(small_windows(keys=256))
    return make_screener(policy, windows=windows, classifier=ScoreFromFeature(feature))


def _outcomes(policy: Policy, feature: str, events: list[CallSetup]) -> list[Outcome]:
    return outcomes(_screener(policy, feature).screen(BatchColumns.of(batch_of(events))))


def test_a_rate_rule_fires_at_its_count() -> None:
    """The 10th call within the minute is the first that meets "at least 10"; the call itself counts."""
    rule = Rule("burst", (Condition("number_attempts_1m", at_least=10),), Action.BLOCK, "automated_call")
    policy = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, rules=(rule,))

    outcomes = _outcomes(policy, "call_diverted", _dialler(12))

    assert [decided.decided_by for decided in outcomes] == [Step.ALLOW] * 9 + [Step.RULE] * 3
    assert [reason.value for reason in outcomes[9].reasons] == [None, 10.0]


def test_a_ratio_without_enough_data_meets_no_rule() -> None:
    """Distinct called numbers per call is 1 from the first call on, but says so only from the fifth."""
    rule = Rule("spread", (Condition("number_distinct_called_ratio_1h", at_least=0.9),), Action.LABEL, "automated_call")

    outcomes = _outcomes(Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, rules=(rule,)), "call_diverted", _dialler(6))

    assert [decided.action for decided in outcomes] == [Action.ALLOW] * 4 + [Action.LABEL] * 2


def test_a_dialler_is_blocked_call_by_call_and_then_as_a_number() -> None:
    """The share of calls whose verification failed is the score: not enough data for four calls, then 1.

    The trunk group's 20th call is the first that may be blocked; after 5 blocks the number is.
    """
    policy = replace(Policy(mode=Mode.ENFORCE, budgets=BY_ORDER), standing_blocks=StandingBlocks(after_blocks=5))
    screener = _screener(policy, "number_failed_share_24h")

    screening = screener.screen(BatchColumns.of(batch_of(_dialler(27, "TN-Validation-Failed"))))

    steps = [(decided.action, decided.decided_by) for decided in outcomes(screening)]
    assert steps[:4] == [(Action.ALLOW, Step.ALLOW)] * 4
    assert steps[4:19] == [(Action.LABEL, Step.MODEL)] * 15
    assert steps[19:24] == [(Action.BLOCK, Step.MODEL)] * 5
    assert steps[24:] == [(Action.BLOCK, Step.ENTITY_BLOCK)] * 3
    assert [change.entity for change in screening.entity_changes] == ["number:+12125550123"]
    assert screening.entity_changes[0].expires_ms == START_MS + 23_000 + 3_600_000
