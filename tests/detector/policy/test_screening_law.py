"""The order of law: what comes before what, where analytics may block, on what a block rests, what a release ends."""

from dataclasses import replace
from itertools import combinations

import pytest

from detector.contract.decisions import Action, Mode, SipAnswer, Step
from detector.contract.events import Role
from detector.contract.sip import Location
from detector.policy.lists import Basis, Lists
from detector.policy.settings import Condition, DoNotOriginate, Policy, Rule, StandingBlocks, with_mode
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.steps import STEPS
from detector.testing import BY_ORDER, CALLEE, CALLER, START_MS, call_setup, make_screener, modes, outcome, screen
from tests.detector.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(
    mode=Mode.ENFORCE,
    budgets=BY_ORDER,
    minimum_samples=(),
    categories=CATEGORIES,
    standing_blocks=StandingBlocks(after_blocks=2, within_s=600, block_s=3_600),
)
OTHER = "+13105550100"
PAIR = f"{CALLER}/{CALLEE}"
DAY_MS = 86_400_000

# What the call of `call_setup()` falls under, in the order of law, and the reason that is given for it.
ORDER: dict[str, tuple[str, Lists]] = {
    "emergency list": ("emergency_list", Lists(emergency=frozenset([CALLEE]))),
    "audited allow of the number": (
        "audited_allow", Lists(allow=frozenset([CALLER]), audited=frozenset([CALLER])),
    ),
    "do-not-originate": ("dno", Lists(dno=frozenset([CALLER[2:]]))),
    "order of a court": (
        "court_order", Lists(block=frozenset([CALLER]), orders={CALLER: Basis.COURT_ORDER}),
    ),
    "wish of the subscriber": ("subscriber_block", Lists(block=frozenset([PAIR]))),
    "opt-out": ("opted_out", Lists(opt_out=frozenset([CALLEE]))),
    "allow of the trunk group": ("allow_list", Lists(allow=frozenset(["trunk:t-1"]))),
    "block list": ("block_list", Lists(block=frozenset(["trunk:t-1"]))),
}  # fmt: skip


def both(one: Lists, other: Lists) -> Lists:
    """What stands on either."""
    names = ("emergency", "opt_out", "allow", "block", "dno", "audited")
    joined = {name: getattr(one, name) | getattr(other, name) for name in names}
    return Lists(**joined, orders={**one.orders, **other.orders})


def test_the_steps_stand_in_the_order_of_law() -> None:
    """Allow list and block list have two turns each: before what the law lets come first, and after."""
    assert [(step, look.__name__) for step, look in STEPS] == [
        (Step.EMERGENCY, "emergency"),
        (Step.ALLOW_LIST, "audited_number"),
        (Step.DNO, "dno"),
        (Step.ENTITY_BLOCK, "demanded_block"),
        (Step.SUBSCRIBER, "subscriber"),
        (Step.ALLOW_LIST, "allowed"),
        (Step.ENTITY_BLOCK, "entity_block"),
        (Step.RULE, "by_tables"),
        (Step.RULE, "rule"),
        (Step.MODEL, "judge"),
        (Step.ALLOW, "told_by_tables"),
    ]


@pytest.mark.parametrize(("first", "second"), list(combinations(ORDER, 2)))
def test_the_earlier_of_two_decides(first: str, second: str) -> None:
    """Whatever the model thinks of the call."""
    (code, lists), (_, others) = ORDER[first], ORDER[second]
    screener = make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=both(lists, others))

    assert outcome(screener, call_setup()).reasons[0].code == code


def test_a_number_that_is_allowed_without_who_and_why_passes_analytics_alone() -> None:
    """Nobody can say who has looked at it."""
    unknown = Lists(allow=frozenset([CALLER]))

    assert outcome(make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=unknown), call_setup()).action is Action.ALLOW
    assert outcome(make_screener(ENFORCE, lists=both(unknown, ORDER["do-not-originate"][1])), call_setup()).sip


def test_a_caller_that_calls_itself_by_the_name_of_an_allowed_trunk_group_is_judged() -> None:
    """A caller writes its number; the names of trunk groups are no numbers."""
    one = make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=ORDER["allow of the trunk group"][1])

    assert outcome(one, call_setup(calling_number="t-1", trunk_group_id="t-2")).decided_by is Step.MODEL


@pytest.mark.parametrize(
    ("lists", "answer", "code"),
    [
        (ORDER["order of a court"][1], SipAnswer(603, "Decline", None), "court_order"),
        (
            Lists(block=frozenset(["trunk:t-1"]), orders={"trunk:t-1": Basis.FCC_ORDER}),
            SipAnswer(603, "Decline", None),
            "fcc_order",
        ),
        (ORDER["wish of the subscriber"][1], SipAnswer(607, "Unwanted", None), "subscriber_block"),
    ],
)
@pytest.mark.parametrize("role", [None, *Role])
def test_what_is_no_analytics_is_answered_as_the_law_says_and_binds_everywhere(
    lists: Lists, answer: SipAnswer, code: str, role: Role | None
) -> None:
    """603+ is for analytics alone, 607 for what the called subscriber asked for."""
    decided = outcome(make_screener(ENFORCE, lists=lists), call_setup(role=role))

    assert (decided.action, decided.decided_by, decided.sip) == (Action.BLOCK, Step.ENTITY_BLOCK, answer)
    assert decided.reasons[0].code == code


def test_an_entry_without_a_basis_is_answered_as_it_always_was() -> None:
    """As analytics: 603+, with the contact."""
    decided = outcome(make_screener(ENFORCE, lists=Lists(block=frozenset([CALLER]))), call_setup())

    assert decided.sip is not None
    assert (decided.sip.status, decided.sip.reason_phrase) == (603, "Network Blocked")
    assert "v=analytics1;" in (decided.sip.reason_header or "")


def test_a_subscriber_blocks_calls_to_nobody_else() -> None:
    lists = ORDER["wish of the subscriber"][1]

    assert outcome(make_screener(ENFORCE, lists=lists), call_setup(called_number=OTHER)).action is Action.ALLOW
    assert outcome(make_screener(ENFORCE, lists=lists), call_setup(calling_number=OTHER)).action is Action.ALLOW


@pytest.mark.parametrize("name", ["do-not-originate", "order of a court", "wish of the subscriber"])
def test_what_is_no_analytics_may_be_enforced_while_the_rest_is_tried(name: str) -> None:
    """By `dno.mode`."""
    policy = replace(with_mode(ENFORCE, Mode.SHADOW), dno=DoNotOriginate(mode=Mode.ENFORCE))
    screener = make_screener(policy, lists=both(ORDER[name][1], Lists(block=frozenset([OTHER]))))

    screening = screen(screener, call_setup(), call_setup("call-2", calling_number=OTHER))

    assert modes(screening) == [Mode.ENFORCE, Mode.SHADOW]


@pytest.fixture(params=[f"number:{CALLER}", "trunk:t-1"])
def released(request: pytest.FixtureRequest) -> StandingDecisions:
    """A standing block that was released for a day; its caller had been held at a block."""
    standing = StandingDecisions()
    screener = make_screener(ENFORCE, {f"c{n}": {SCORE: 1.0} for n in range(2)}, standing=standing)
    for n in range(2):
        outcome(screener, call_setup(f"c{n}"))
    assert len(standing) == 1
    entity = str(request.param)
    standing.remove(f"number:{CALLER}")
    standing.set(StandingDecision(entity, Action.ALLOW, "released", START_MS, START_MS + DAY_MS, "M. Lee"))
    return standing


def test_a_released_number_is_not_blocked_by_its_next_calls(released: StandingDecisions) -> None:
    """Neither by the model nor by a rule: both label. Nothing is counted against it meanwhile."""
    rules = (Rule("busy", (Condition("number_attempts_1m", at_least=9),), Action.BLOCK, "automated_call"),)
    calls = {"model": {SCORE: 1.0}, "rule": {SCORE: 0.0, "number_attempts_1m": 9.0}}
    screener = make_screener(replace(ENFORCE, rules=rules), calls, standing=released)

    by_model = [outcome(screener, call_setup("model")) for _ in range(3)]
    by_rule = outcome(screener, call_setup("rule"))

    assert [(one.action, one.decided_by) for one in by_model] == [(Action.LABEL, Step.MODEL)] * 3
    assert (by_rule.action, by_rule.reasons[-1].code) == (Action.LABEL, "released")
    assert [one.source for one in released] == ["M. Lee"]


def test_after_the_grace_a_standing_block_takes_all_its_blocks_again(released: StandingDecisions) -> None:
    """One block is one block: what was counted before the release is forgotten."""
    screener = make_screener(ENFORCE, {f"d{n}": {SCORE: 1.0} for n in range(3)}, standing=released)
    later = [call_setup(f"d{n}", setup_time_ms=START_MS + DAY_MS + n) for n in range(3)]

    assert [outcome(screener, one).decided_by for one in later] == [Step.MODEL, Step.MODEL, Step.ENTITY_BLOCK]


def test_what_people_block_after_a_release_is_blocked(released: StandingDecisions) -> None:
    """They have looked at it once more. Orders hold in any case."""
    screener = make_screener(ENFORCE, lists=Lists(block=frozenset([CALLER])), standing=released)

    assert outcome(screener, call_setup()).action is Action.BLOCK


def test_a_release_survives_the_memory_of_a_partition_that_comes_back(released: StandingDecisions) -> None:
    """A snapshot may have been taken before the release."""
    before = StandingDecisions()
    screener = make_screener(ENFORCE, {f"c{n}": {SCORE: 1.0} for n in range(2)}, standing=before)
    for n in range(2):
        outcome(screener, call_setup(f"c{n}"))
    released.remove("trunk:t-1")
    released.set(StandingDecision(f"number:{CALLER}", Action.ALLOW, "released", START_MS, START_MS + DAY_MS, "M. Lee"))

    released.restore(before.memory())

    assert [one.source for one in released] == ["M. Lee"]
    assert CALLER not in released.held


# Where analytics may block.
PLAIN = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
RULED = replace(
    PLAIN, rules=(Rule("busy", (Condition("number_attempts_1m", at_least=9),), Action.BLOCK, "automated_call"),)
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
            make_screener(PLAIN, FEATURES),
            make_screener(RULED, BUSY),
            make_screener(PLAIN, lists=listed),
            make_screener(PLAIN, standing=standing()),
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
    screener = make_screener(PLAIN, lists=Lists(dno=frozenset([CALLER[2:]])))

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
    policy = replace(PLAIN, location=location, blocking_roles=roles)

    assert outcome(make_screener(policy, FEATURES), call_setup()).action is action


def test_where_analytics_only_label_no_standing_block_comes_about() -> None:
    """Or a transit switch would block by the back door."""
    policy = replace(PLAIN, standing_blocks=StandingBlocks(after_blocks=2))
    screener = make_screener(policy, FEATURES)

    for _ in range(3):
        outcome(screener, call_setup(role=Role.INTERMEDIATE))

    assert len(screener.standing) == 0
