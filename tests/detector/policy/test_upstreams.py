"""The table of upstreams: whose calls it is about, what its entries do, and what they must never do."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.setups import calls_in
from detector.contract.decisions import Action, Mode, Outcome, SipAnswer, Step
from detector.contract.errors import SettingInvalid
from detector.contract.events import Role
from detector.policy.entries import EntryAction
from detector.policy.lists import Basis, Lists
from detector.policy.settings import Condition, DoNotOriginate, Policy, Rule, with_mode
from detector.policy.signers import Signer
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.upstreams import MOST_UPSTREAMS, Upstream, UpstreamTable
from detector.testing import BY_ORDER, CALLEE, CALLER, START_MS, batch_of, call_setup, make_screener, screen
from detector.testing import outcome as outcome_of
from tests.detector.policy_case import CATEGORIES, SCORE

TRUNK = call_setup().trunk_group_id
BLOCK = Upstream(TRUNK, action=EntryAction.BLOCK, reason="no answer to three tracebacks")
LABEL = replace(BLOCK, action=EntryAction.LABEL)
REPORT = replace(BLOCK, action=EntryAction.REPORT)
TRIED = replace(BLOCK, mode=Mode.SHADOW)
UNREGISTERED = replace(BLOCK, basis=Basis.REGISTRATION)
DECLINE = SipAnswer(603, "Decline", None)
DAY_MS = 86_400_000


def enforce(*upstreams: Upstream, **more: Any) -> Policy:
    return Policy(
        mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES, upstreams=upstreams, **more
    )


def decided(policy: Policy, *, score: float = 0.0, lists: Lists | None = None, **fields: Any) -> Outcome:
    return outcome_of(make_screener(policy, {"call-1": {SCORE: score}}, lists=lists), call_setup(**fields))


def codes(outcome: Outcome) -> list[str]:
    return [one.code for one in outcome.reasons]


def test_a_trunk_group_is_blocked_labelled_or_reported() -> None:
    blocked, labelled, reported = (decided(enforce(one)) for one in (BLOCK, LABEL, REPORT))

    assert (blocked.action, blocked.decided_by) == (Action.BLOCK, Step.RULE)
    assert blocked.sip is not None
    assert blocked.sip.reason_phrase == "Network Blocked"
    assert blocked.reasons[0].text == f"Trunk group {TRUNK}: no answer to three tracebacks"
    assert labelled.label is not None
    assert (labelled.action, labelled.label.text) == (Action.LABEL, CATEGORIES[-1].label_text)
    assert (reported.action, reported.decided_by, codes(reported)) == (Action.ALLOW, Step.ALLOW, ["upstream"])
    assert decided(enforce(BLOCK), trunk_group_id="other").reasons == ()


@pytest.mark.parametrize("role", list(Role))
def test_who_is_not_registered_is_kept_out_everywhere_by_a_plain_answer(role: Role) -> None:
    """No analytics decides that, so neither the safe harbour's place nor its answer is meant."""
    found = decided(enforce(UNREGISTERED), role=role)

    assert (found.action, found.decided_by, found.sip) == (Action.BLOCK, Step.ENTITY_BLOCK, DECLINE)
    assert codes(found) == ["registration", "upstream"]
    analytics = decided(enforce(BLOCK), role=role)
    assert (analytics.action is Action.BLOCK) is (role is Role.TERMINATING)


@pytest.mark.parametrize(
    ("fields", "lists", "step", "passes_demands"),
    [
        ({"called_number": "911"}, Lists(), Step.EMERGENCY, True),
        ({}, Lists(allow=frozenset([CALLER]), audited=frozenset([CALLER])), Step.ALLOW_LIST, True),
        ({}, Lists(opt_out=frozenset([CALLEE])), Step.SUBSCRIBER, False),
        ({}, Lists(allow=frozenset([TRUNK])), Step.ALLOW_LIST, False),
    ],
)
def test_the_table_keeps_the_order_of_law(
    fields: dict[str, Any], lists: Lists, step: Step, *, passes_demands: bool
) -> None:
    assert decided(enforce(BLOCK), lists=lists, **fields).decided_by is step
    assert (decided(enforce(UNREGISTERED), lists=lists, **fields).action is Action.ALLOW) is passes_demands


@pytest.mark.parametrize("one", [REPORT, TRIED])
def test_neither_a_report_nor_a_trial_excuses(one: Upstream) -> None:
    talks = Rule("talks", (Condition(SCORE, at_least=0.5),), Action.LABEL, CATEGORIES[-1].name)
    for policy in (enforce(one), enforce(one, rules=(talks,))):
        found, expected = (decided(each, score=0.99) for each in (policy, replace(policy, upstreams=())))

        assert found == expected
        assert found.action is not Action.ALLOW


def test_what_is_tried_is_said_and_not_done() -> None:
    for one in (TRIED, replace(UNREGISTERED, mode=Mode.SHADOW)):
        policy = enforce(one, dno=DoNotOriginate(mode=Mode.ENFORCE))
        screening = screen(make_screener(policy), call_setup())

        assert (screening.outcome(0).action, screening.mode(0)) == (Action.BLOCK, Mode.SHADOW)


def test_a_signer_comes_before_an_upstream_and_what_acts_before_what_reports() -> None:
    signed: dict[str, Any] = {"own_verstat": "TN-Validation-Passed", "own_cause": "passed", "own_signer_spc": "123A"}
    signer = Signer("123A", action=EntryAction.LABEL, reason="surveys")

    assert codes(decided(enforce(BLOCK, signers=(signer,)), **signed)) == ["signer"]
    assert codes(decided(enforce(BLOCK, signers=(replace(signer, action=EntryAction.REPORT),)), **signed)) == [
        "upstream"
    ]
    assert codes(decided(enforce(REPORT, signers=(replace(signer, mode=Mode.SHADOW),)), **signed)) == ["signer"]


def test_a_released_trunk_group_is_labelled() -> None:
    standing = StandingDecisions()
    standing.set(StandingDecision(f"trunk:{TRUNK}", Action.ALLOW, "", START_MS - 1, START_MS + DAY_MS, "redress"))
    found = outcome_of(make_screener(enforce(BLOCK), standing=standing), call_setup())

    assert (found.action, codes(found)) == (Action.LABEL, ["upstream", "released"])


TRUNKS = st.sampled_from(["a", "b", "caf\u00e9", "nyc-ix-7", "a "])


@given(st.lists(TRUNKS, max_size=12), st.sets(TRUNKS))
def test_the_table_finds_what_looking_each_call_up_finds(said: list[str], listed: set[str]) -> None:
    calls = calls_in(batch_of([call_setup(trunk_group_id=trunk) for trunk in said]))
    by_trunk = {trunk: replace(BLOCK, trunk_group_id=trunk) for trunk in listed}

    found = UpstreamTable(list(by_trunk.values())).handed_over(calls)

    assert found == {row: by_trunk[trunk] for row, trunk in enumerate(said) if trunk in listed}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: replace(BLOCK, trunk_group_id=""), "trunk_group_id has 1 to 256 characters"),
        (lambda: replace(BLOCK, trunk_group_id="a\nb"), "trunk_group_id has 1 to 256 characters"),
        (lambda: replace(BLOCK, reason=""), f"upstream {TRUNK}: reason has 1 to 128"),
        (lambda: replace(LABEL, basis=Basis.REGISTRATION), "basis registration is of blocks: set action: block"),
        (lambda: replace(BLOCK, basis=Basis.SUBSCRIBER), "robocall lists add block"),
        (lambda: replace(BLOCK, mode=Mode.ENFORCE), "mode is shadow"),
        (lambda: Policy(upstreams=(BLOCK, REPORT)), "each trunk_group_id may stand once"),
        (lambda: Policy(upstreams=(replace(LABEL, category="none"),)), "category 'none' is not among categories"),
        (
            lambda: Policy(upstreams=tuple(replace(BLOCK, trunk_group_id=str(n)) for n in range(MOST_UPSTREAMS + 1))),
            "upstreams: at most 1000",
        ),
        (
            lambda: Signer("1", action=EntryAction.BLOCK, reason="x", basis=Basis.REGISTRATION),
            "signer 1: basis registration is about who hands calls over: use upstreams",
        ),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused_in_one_line(build: Any, message: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        build()

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_mode_for_every_call_takes_entries_theirs() -> None:
    assert with_mode(enforce(TRIED), Mode.ENFORCE).upstreams == (BLOCK,)
