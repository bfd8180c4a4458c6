"""Properties over all policies, lists and calls: emergencies pass, and only permitted SIP answers leave."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.columns.impossible import Impossible
from detector.contract.decisions import Action, Decision, Mode, Step, decide
from detector.contract.events import Role
from detector.contract.sip import DnoStatus, Location, Redress
from detector.policy.lists import Lists
from detector.policy.screening import Screening
from detector.policy.settings import Condition, DoNotOriginate, Override, Policy, Rule
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import CALLEE, CALLER, START_MS, call_setup, make_screener, screen
from tests.detector.policy.policy_case import SCORE

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
