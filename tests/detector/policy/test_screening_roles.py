"""Analytics block where the law lets them, and label elsewhere; what is no analytics binds everywhere."""

from dataclasses import replace

import pytest

from detector.contract.decisions import Action, Mode, Step
from detector.contract.events import Role
from detector.contract.sip import Location
from detector.policy.lists import Lists
from detector.policy.settings import Condition, Policy, Rule, StandingBlocks
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import BY_ORDER, CALLER, START_MS, call_setup, make_screener, outcome
from tests.detector.policy.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
RULED = replace(
    ENFORCE, rules=(Rule("busy", (Condition("number_attempts_1m", at_least=9),), Action.BLOCK, "automated_call"),)
)
FEATURES = {"call-1": {SCORE: 1.0}}
BUSY = {"call-1": {"number_attempts_1m": 9.0}}
ELSEWHERE = [Role.ORIGINATING, Role.GATEWAY, Role.INTERMEDIATE]


def standing() -> StandingDecisions:
    """A block of the trunk group."""
    made = StandingDecisions()
    made.set(StandingDecision("trunk:t-1", Action.BLOCK, "automated_call", 0, START_MS * 2, "analyst"))
    return made


@pytest.mark.parametrize("role", [None, *Role])
def test_analytics_block_where_the_called_party_is_and_label_elsewhere(role: Role | None) -> None:
    """Model, rule, block list and standing decision alike; an event without a role is where `location` says."""
    expected = Action.LABEL if role in ELSEWHERE else Action.BLOCK
    listed = Lists(block=frozenset([CALLER]))

    decided = [
        outcome(screener, call_setup(role=role))
        for screener in (
            make_screener(ENFORCE, FEATURES),
            make_screener(RULED, BUSY),
            make_screener(ENFORCE, lists=listed),
            make_screener(ENFORCE, standing=standing()),
        )
    ]

    assert [one.action for one in decided] == [expected] * len(decided)
    assert [one.decided_by for one in decided] == [Step.MODEL, Step.RULE, Step.ENTITY_BLOCK, Step.ENTITY_BLOCK]
    assert all((one.sip is None) == (one.label is not None) == (expected is Action.LABEL) for one in decided)
    if expected is Action.LABEL:
        assert [one.reasons[-1].code for one in decided[1:]] == ["role"] * 3


@pytest.mark.parametrize("role", [None, *Role])
def test_do_not_originate_binds_everywhere(role: Role | None) -> None:
    """It is no analytics."""
    screener = make_screener(ENFORCE, lists=Lists(dno=frozenset([CALLER[2:]])))

    assert outcome(screener, call_setup(role=role)).action is Action.BLOCK


@pytest.mark.parametrize(
    ("location", "roles", "action"),
    [
        (Location.TRANSIT, (Role.TERMINATING,), Action.LABEL),
        (Location.TRANSIT, (Role.TERMINATING, Role.GATEWAY), Action.BLOCK),
        (Location.ORIGINATING, (Role.TERMINATING,), Action.LABEL),
        (Location.TERMINATING, (), Action.LABEL),
    ],
)
def test_an_event_without_a_role_is_where_the_policy_says(
    location: Location, roles: tuple[Role, ...], action: Action
) -> None:
    """And the policy says where analytics may block."""
    policy = replace(ENFORCE, location=location, blocking_roles=roles)

    assert outcome(make_screener(policy, FEATURES), call_setup()).action is action


def test_where_analytics_only_label_no_standing_block_comes_about() -> None:
    """Or a transit switch would block by the back door."""
    policy = replace(ENFORCE, standing_blocks=StandingBlocks(after_blocks=2))
    screener = make_screener(policy, FEATURES)

    for _ in range(3):
        outcome(screener, call_setup(role=Role.INTERMEDIATE))

    assert len(screener.standing) == 0
