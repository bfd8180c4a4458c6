"""The table of signers: who counts as one, what its entry does, and what it must never do."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.setups import Calls, calls_in
from detector.contract.decisions import Action, Mode, Outcome, SipAnswer, Step
from detector.contract.errors import SettingInvalid
from detector.contract.events import Role
from detector.policy.entries import EntryAction
from detector.policy.lists import Basis, Lists
from detector.policy.settings import Category, Condition, DoNotOriginate, Policy, Rule, with_mode
from detector.policy.signers import MOST_SIGNERS, Signer, SignerTable, verified_signer
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.testing import BY_ORDER, CALLEE, CALLER, START_MS, batch_of, call_setup, make_screener, screen
from detector.testing import outcome as outcome_of
from tests.detector.policy_case import CATEGORIES, SCORE

SURVEY = Category("survey_call", "Maybe a survey")
BLOCK = Signer("123A", action=EntryAction.BLOCK, reason="three campaigns in May")
LABEL = replace(BLOCK, action=EntryAction.LABEL, category="survey_call")
REPORT = replace(BLOCK, action=EntryAction.REPORT)
TRIED = replace(BLOCK, mode=Mode.SHADOW)
ORDERED = replace(BLOCK, basis=Basis.FCC_ORDER)
SIGNED = {"own_verstat": "TN-Validation-Passed", "own_cause": "passed", "own_signer_spc": "123A"}
DAY_MS = 86_400_000


def enforce(*signers: Signer, **more: Any) -> Policy:
    """A policy that enforces, with these signers."""
    categories = (replace(SURVEY, when=(Condition("number_mean_talk_1h", at_least=9e9),)), *CATEGORIES)
    return Policy(
        mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=categories, signers=signers, **more
    )


def decided(policy: Policy, *, score: float = 0.0, lists: Lists | None = None, **fields: Any) -> Outcome:
    """What is made of one call."""
    screener = make_screener(policy, {"call-1": {SCORE: score}}, lists=lists)
    return outcome_of(screener, call_setup(**{**SIGNED, **fields}))


def test_a_signer_is_blocked_as_analytics_blocks() -> None:
    found = decided(enforce(BLOCK))

    assert (found.action, found.decided_by) == (Action.BLOCK, Step.RULE)
    assert found.sip is not None
    assert (found.sip.status, found.sip.reason_phrase) == (603, "Network Blocked")
    assert [(one.code, one.text) for one in found.reasons] == [
        ("signer", "123A signed the call, which was verified: three campaigns in May")
    ]


def test_a_signer_is_labelled_with_the_text_of_its_category_else_of_the_last() -> None:
    texts = [decided(enforce(one)).label for one in (LABEL, replace(LABEL, category=None))]

    assert [label and label.text for label in texts] == ["Maybe a survey", CATEGORIES[0].label_text]


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.TERMINATING])
def test_it_labels_where_analytics_may_not_block_and_an_order_blocks_everywhere(role: Role) -> None:
    analytics, order = (decided(enforce(one), role=role) for one in (BLOCK, ORDERED))

    assert (analytics.action, [one.code for one in analytics.reasons]) == (Action.LABEL, ["signer", "role"])
    assert (order.action, order.decided_by, order.sip) == (
        Action.BLOCK, Step.ENTITY_BLOCK, SipAnswer(603, "Decline", None),
    )  # fmt: skip
    assert [one.code for one in order.reasons] == ["fcc_order", "signer"]


@pytest.mark.parametrize(
    "fields",
    [
        {"own_verstat": "TN-Validation-Failed"},
        {"own_verstat": "No-TN-Validation"},
        {"own_verstat": None},
        {"own_verstat": "TN-Validation-Passed-B"},
        {"own_signer_spc": None, "signer_spc": "123A", "verstat": "TN-Validation-Passed", "attestation": "A"},
        {"own_signer_spc": "123a"},
        {"own_signer_spc": "123A "},
        {"own_signer_spc": ""},
    ],
)
def test_a_signer_named_by_anything_but_a_token_that_held_is_nobody(fields: dict[str, Any]) -> None:
    """A failed signature alone never blocks; what the switch says of a signer is not our verdict."""
    for one in (BLOCK, LABEL, REPORT, TRIED, ORDERED):
        found = decided(enforce(one), **fields)

        assert (found.action, found.decided_by, found.reasons) == (Action.ALLOW, Step.ALLOW, ())


@pytest.mark.parametrize("attestation", ["A", "B", "C", None])
def test_a_report_allows_what_nothing_objects_to_and_says_so(attestation: str | None) -> None:
    found = decided(enforce(REPORT), own_attestation=attestation)

    assert (found.action, found.decided_by, [one.code for one in found.reasons]) == (
        Action.ALLOW, Step.ALLOW, ["signer"],
    )  # fmt: skip


@pytest.mark.parametrize("one", [REPORT, TRIED])
@pytest.mark.parametrize("attestation", ["A", "B", "C"])
def test_neither_a_report_nor_a_trial_excuses(one: Signer, attestation: str) -> None:
    """Nor does an A: a rule and the model decide as if the table were empty."""
    talks = Rule("talks", (Condition(SCORE, at_least=0.5),), Action.LABEL, "survey_call")
    for policy in (enforce(one), enforce(one, rules=(talks,))):
        without = replace(policy, signers=())
        found, expected = (decided(each, score=0.99, own_attestation=attestation) for each in (policy, without))

        assert found == expected
        assert found.action is not Action.ALLOW


def test_what_is_tried_is_said_and_not_done() -> None:
    screening = screen(make_screener(enforce(TRIED)), call_setup(**SIGNED), call_setup("call-2"))

    assert [(screening.outcome(row).action, screening.mode(row)) for row in (0, 1)] == [
        (Action.BLOCK, Mode.SHADOW),
        (Action.ALLOW, Mode.ENFORCE),
    ]


def test_a_trial_stays_one_where_calls_are_looked_at_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Because a call of the batch made looking up raise."""
    whole = SignerTable.signed

    def broken(table: SignerTable, calls: Calls) -> dict[int, Signer]:
        if len(calls) > 1:
            raise IndexError
        return whole(table, calls)

    monkeypatch.setattr(SignerTable, "signed", broken)
    screening = screen(make_screener(enforce(TRIED)), call_setup(**SIGNED), call_setup("call-2"))

    assert [(screening.outcome(row).action, screening.mode(row)) for row in (0, 1)] == [
        (Action.BLOCK, Mode.SHADOW),
        (Action.ALLOW, Mode.ENFORCE),
    ]


def test_a_trial_of_an_order_is_not_enforced_by_the_mode_of_do_not_originate() -> None:
    """Which an order is that holds, while the rest is in shadow."""
    for one, mode in ((ORDERED, Mode.ENFORCE), (replace(ORDERED, mode=Mode.SHADOW), Mode.SHADOW)):
        policy = replace(enforce(one), mode=Mode.SHADOW, dno=DoNotOriginate(mode=Mode.ENFORCE))
        screening = screen(make_screener(policy), call_setup(**SIGNED))

        assert (screening.outcome(0).action, screening.mode(0)) == (Action.BLOCK, mode)


@pytest.mark.parametrize(
    ("fields", "lists", "step", "passes_orders"),
    [
        ({"called_number": "911"}, Lists(), Step.EMERGENCY, True),
        ({}, Lists(allow=frozenset([CALLER]), audited=frozenset([CALLER])), Step.ALLOW_LIST, True),
        ({}, Lists(opt_out=frozenset([CALLEE])), Step.SUBSCRIBER, False),
        ({}, Lists(allow=frozenset([CALLER])), Step.ALLOW_LIST, False),
    ],
)
def test_the_table_keeps_the_order_of_law(
    fields: dict[str, Any], lists: Lists, step: Step, *, passes_orders: bool
) -> None:
    """Emergencies, audited numbers, opt-outs and the allow list come before analytics; orders before the last two."""
    assert decided(enforce(BLOCK), lists=lists, **fields).decided_by is step
    assert (decided(enforce(ORDERED), lists=lists, **fields).action is Action.ALLOW) is passes_orders


def test_a_released_number_is_labelled() -> None:
    release = StandingDecision(f"number:{CALLER}", Action.ALLOW, "", START_MS - 1, START_MS + DAY_MS, "redress")
    standing = StandingDecisions()
    standing.set(release)
    found = outcome_of(make_screener(enforce(BLOCK), standing=standing), call_setup(**SIGNED))

    assert (found.action, [one.code for one in found.reasons]) == (Action.LABEL, ["signer", "released"])


CODES = st.sampled_from(["123A", "123B", "9", "", None, "caf\u00e9"])
VERSTATS = st.sampled_from(["TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation", None])


@given(st.lists(st.tuples(CODES, VERSTATS), max_size=12), st.sets(st.sampled_from(["123A", "123B", "9", "77"])))
def test_the_table_finds_what_looking_each_call_up_finds(said: list[tuple[Any, Any]], listed: set[str]) -> None:
    setups = [call_setup(own_signer_spc=code, own_verstat=verstat) for code, verstat in said]
    by_code = {code: replace(BLOCK, spc=code) for code in listed}
    calls = calls_in(batch_of(setups))

    found = SignerTable(list(by_code.values())).signed(calls)

    expected = {row: by_code[code] for row, one in enumerate(setups) if (code := verified_signer(one)) in listed}
    assert found == expected
    if setups:
        last = len(setups) - 1
        assert SignerTable(list(by_code.values())).signed(calls.take([last])) == (
            {0: expected[last]} if last in expected else {}
        )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: replace(BLOCK, spc=""), "spc has 1 to 16 letters and digits"),
        (lambda: replace(BLOCK, spc="1" * 17), "spc has 1 to 16"),
        (lambda: replace(BLOCK, spc="12-A"), "spc has 1 to 16"),
        (lambda: replace(BLOCK, reason=""), "reason has 1 to 128"),
        (lambda: replace(BLOCK, reason="a\nb"), "printable"),
        (lambda: replace(BLOCK, reason="x" * 129), "reason has 1 to 128"),
        (lambda: replace(BLOCK, basis=Basis.SUBSCRIBER), "robocall lists add block"),
        (lambda: replace(LABEL, basis=Basis.COURT_ORDER), "set action: block"),
        (lambda: replace(BLOCK, mode=Mode.ENFORCE), "mode is shadow"),
        (lambda: replace(REPORT, mode=Mode.SHADOW), "of a block or label"),
        (lambda: Policy(signers=(BLOCK, REPORT)), "each spc may stand once"),
        (lambda: Policy(signers=(LABEL,)), "'survey_call' is not among categories"),
        (lambda: Policy(signers=tuple(replace(BLOCK, spc=str(n)) for n in range(MOST_SIGNERS + 1))), "at most 1000"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused_in_one_line(build: Any, message: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        build()

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_mode_for_every_call_takes_entries_theirs() -> None:
    assert with_mode(enforce(TRIED), Mode.ENFORCE).signers == (BLOCK,)
