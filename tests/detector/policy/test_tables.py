"""What a calling number must look like to be impossible, what a bound says of a feature, and whom `enforce` is for.

The last is held against a slow twin that looks at one call alone.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.decision_ids import decision_id
from detector.columns.hashing import hash_text
from detector.columns.impossible import Impossible
from detector.columns.setups import LOT_SEED, LOTS, calls_of
from detector.contract.decisions import Action, Mode, Step
from detector.contract.events import CallSetup
from detector.contract.numbers import is_e164
from detector.features.table import FEATURE_NAMES
from detector.policy.budgets import Budgets
from detector.policy.entries import EntryAction
from detector.policy.lists import Basis, Lists
from detector.policy.reasons import LEFT_OUT
from detector.policy.screening import Screening
from detector.policy.settings import Condition, DoNotOriginate, Override, Policy, Rule, StandingBlocks
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.policy.tables import PolicyTables
from detector.policy.upstreams import Upstream
from detector.testing import BY_ORDER, CALLEE, START_MS, call_setup, make_screener, modes, outcomes, screen
from tests.detector.policy_case import CATEGORIES, SCORE

TABLES = PolicyTables(Policy())


IMPOSSIBLE = {
    "+10125550123": Impossible.AREA_CODE,
    "+11125550123": Impossible.AREA_CODE,
    "+12115550123": Impossible.AREA_CODE,
    "+19115550123": Impossible.AREA_CODE,
    "+12120550123": Impossible.EXCHANGE,
    "+12121550123": Impossible.EXCHANGE,
    "+12222222222": Impossible.REPEATED_DIGIT,
    "+1212555012": Impossible.LENGTH,
    "+121255501234": Impossible.LENGTH,
}


@pytest.mark.parametrize(("number", "kind"), IMPOSSIBLE.items())
def test_each_kind_of_impossible_number_can_be_left_out(number: str, kind: Impossible) -> None:
    only = PolicyTables(Policy(dno=DoNotOriginate(impossible=(kind,))))
    without = PolicyTables(Policy(dno=DoNotOriginate(impossible=tuple(k for k in Impossible if k is not kind))))

    assert TABLES.is_impossible(number)
    assert only.is_impossible(number)
    assert not without.is_impossible(number)


@pytest.mark.parametrize(
    "number",
    [
        "+12125550123",
        "+18005550199",
        "anonymous",
        "private",
        "",
        "611",
        "+1611",
        "+172345",
        "72345",
        "+442071838750",
        "+4930901820",
        "2115550123",
        "+0",
        "0000000000",
        "restricted",
        "+1 anonymous caller",
        "+1911 anonym",
        "+1/202/555/0123",
        "+12025550123x5",
        "+12025550123:5060",
        "+1202555012345\n",
        "+1202555012345\u00b2",
    ],
)
def test_possible_numbers_short_codes_and_anything_else_are_left_alone(number: str) -> None:
    assert not TABLES.is_impossible(number)


@given(
    value=st.floats(-1.0, 3.0, width=32),
    at_least=st.none() | st.floats(0.0, 2.0),
    at_most=st.none() | st.floats(0.0, 2.0),
)
def test_a_bound_says_the_same_of_a_row_as_of_all(value: float, at_least: float | None, at_most: float | None) -> None:
    """What is not known meets none, and a feature that is the bound meets it, float32 as it is."""
    if at_least is None and at_most is None:
        at_least = 0.5
    rule = Rule("r", (Condition(FEATURE_NAMES[3], at_least, at_most),), Action.LABEL, Policy().categories[0].name)
    ((_, (bound,)),) = PolicyTables(Policy(rules=(rule,))).rules
    ends = [end for end in (at_least, at_most) if end is not None]
    features = np.zeros((3 + len(ends), len(FEATURE_NAMES)), np.float32)
    features[:, 3] = [value, -1.0, 0.5, *ends]

    alone = [bound.holds_of(features, row) for row in range(len(features))]

    assert alone == bound.holds(features).tolist()
    assert not alone[1]


POLICY = Policy(
    mode=Mode.ENFORCE,
    budgets=BY_ORDER,
    minimum_samples=(),
    categories=CATEGORIES,
    dno=DoNotOriginate(impossible=()),
)
TENTH = replace(POLICY, enforce_percent=10.0)


def lot(call: CallSetup) -> int:
    """What a call draws, from its own texts."""
    if is_e164(call.calling_number):
        return hash_text(call.calling_number, seed=LOT_SEED) % LOTS
    return int(decision_id(call)[:8], 16) % LOTS


def twin(policy: Policy, call: CallSetup) -> Mode:
    """Mode of a call that analytics objects to: settings of its trunk group, else of its switch, else of all."""
    mode, percent = policy.mode, policy.enforce_percent
    about = {"trunk_group_id": call.trunk_group_id, "switch_id": call.switch_id}
    for name in ("switch_id", "trunk_group_id"):  # the later one wins
        for one in policy.overrides:
            if getattr(one, name) is not None and getattr(one, name) == about[name]:
                mode = one.mode or mode
                percent = percent if one.enforce_percent is None else one.enforce_percent
    return Mode.ENFORCE if mode is Mode.ENFORCE and lot(call) < percent * 100 else Mode.SHADOW


def suspected(policy: Policy, calls: list[CallSetup], **more: Any) -> Screening:
    """All of them score 1."""
    return screen(make_screener(policy, {call.call_id: {SCORE: 1.0} for call in calls}, **more), *calls)


def callers(count: int) -> list[CallSetup]:
    """Calls of different numbers."""
    return [call_setup(f"c{n}", calling_number=f"+1212555{n:04d}") for n in range(count)]


def with_lot(*, below: int | None = None, at_least: int | None = None) -> str:
    """The first number that draws so."""
    for call in callers(10_000):
        drawn = lot(call)
        if (below is None or drawn < below) and (at_least is None or drawn >= at_least):
            return call.calling_number
    raise AssertionError


IN, OUT = with_lot(below=1_000), with_lot(at_least=1_000)
"""Callers that a tenth has, and has not."""

PERCENTS = st.sampled_from([0.01, 1.0, 12.34, 50.0, 99.99, 100.0])
OVERRIDES = st.lists(
    st.builds(
        Override,
        st.sampled_from(["t-1", "t-2"]),
        mode=st.sampled_from(Mode),
        enforce_percent=st.none() | PERCENTS,
    )
    | st.builds(Override, switch_id=st.sampled_from(["s-1", "s-2"]), enforce_percent=PERCENTS),
    max_size=3,
    unique_by=lambda one: (one.trunk_group_id, one.switch_id),
).map(tuple)
NUMBERS = st.sampled_from(["anonymous", "", "1234", "+442079460000", "+12125550", "é", "+1212555\ud800"]) | st.integers(
    0, 9_999
).map(lambda n: f"+1310555{n:04d}")
CALLS = st.lists(
    st.tuples(NUMBERS, st.sampled_from(["t-1", "t-2", "t-3"]), st.sampled_from(["s-1", "s-2", None])), max_size=20
)


@given(mode=st.sampled_from(Mode), percent=PERCENTS, overrides=OVERRIDES, drawn=CALLS)
def test_modes_are_those_of_the_slow_twin(
    mode: Mode, percent: float, overrides: tuple[Override, ...], drawn: list[tuple[str, str, str | None]]
) -> None:
    """And so are reasons, however calls are cut into batches. What would be done is what a policy for all does."""
    policy = replace(POLICY, mode=mode, enforce_percent=percent, overrides=overrides)
    calls = [
        call_setup(f"c{n}", calling_number=number, trunk_group_id=trunk, switch_id=switch, setup_time_ms=START_MS + n)
        for n, (number, trunk, switch) in enumerate(drawn)
    ]
    features = {call.call_id: {SCORE: 1.0} for call in calls}
    one_by_one = make_screener(policy, features)

    whole = suspected(policy, calls)
    apart = [screen(one_by_one, call) for call in calls]

    wanted = [twin(policy, call) for call in calls]
    by_mode = [twin(_for_all(policy), call) for call in calls]
    assert modes(whole) == [mode for one in apart for mode in modes(one)]
    assert outcomes(whole) == [one.outcome(0) for one in apart]
    for row, outcome in enumerate(outcomes(whole)):
        if outcome.action is not Action.ALLOW:
            assert whole.mode(row) is wanted[row]
            assert (LEFT_OUT in outcome.reasons) == (wanted[row] is not by_mode[row])


def _for_all(policy: Policy) -> Policy:
    kept = tuple(replace(one, mode=one.mode or policy.mode, enforce_percent=100.0) for one in policy.overrides)
    return replace(policy, enforce_percent=100.0, overrides=kept)


@given(first=st.integers(1, 10_000), second=st.integers(1, 10_000))
def test_a_higher_share_has_all_callers_of_a_lower_one(first: int, second: int) -> None:
    """So raising it never lets a caller go."""
    lower, higher = sorted((first, second))
    calls = callers(50)

    few = modes(suspected(replace(POLICY, enforce_percent=lower / 100), calls))
    many = modes(suspected(replace(POLICY, enforce_percent=higher / 100), calls))

    assert all(more is Mode.ENFORCE for less, more in zip(few, many, strict=True) if less is Mode.ENFORCE)


def test_the_share_is_that_of_callers() -> None:
    """Of 10,000 numbers in a row a tenth is 1,000; three standard deviations are 90."""
    found = modes(suspected(TENTH, callers(10_000)))

    assert abs(found.count(Mode.ENFORCE) - 1_000) < 90


def test_who_is_drawn_never_changes() -> None:
    """Not by version, process or machine: a replay of last year comes to the same. Whoever changes the hash sees it."""
    assert [lot(call) for call in callers(4)] == [1015, 1846, 13, 2765]


def test_a_caller_is_in_or_out_with_all_its_calls() -> None:
    """Whatever trunk group, signature and destination."""
    calls = [
        call_setup("a", calling_number=OUT),
        call_setup("b", calling_number=OUT, trunk_group_id="t-9", called_number="+14155550100"),
        call_setup("c", calling_number=OUT, verstat="TN-Validation-Passed", attestation="A"),
        call_setup("d", calling_number=IN),
    ]

    screening = suspected(TENTH, calls)

    assert modes(screening) == [Mode.SHADOW] * 3 + [Mode.ENFORCE]
    assert {one.action for one in outcomes(screening)} == {Action.BLOCK}


def test_withheld_numbers_are_drawn_call_by_call() -> None:
    """They are of many callers: a share of them is enforced, and not all or none."""
    calls = [call_setup(f"c{n}", calling_number="anonymous") for n in range(1_000)]

    found = modes(suspected(replace(POLICY, enforce_percent=50.0), calls))

    assert 400 < found.count(Mode.ENFORCE) < 600


@pytest.mark.parametrize(
    "lists",
    [
        Lists(dno=frozenset([OUT[2:]])),
        Lists(block=frozenset([OUT]), orders={OUT: Basis.COURT_ORDER}),
        Lists(block=frozenset(["trunk:t-1"]), orders={"trunk:t-1": Basis.FCC_ORDER}),
        Lists(block=frozenset([f"{OUT}/{CALLEE}"])),
    ],
)
@pytest.mark.parametrize("own", [None, *Mode])
def test_what_follows_from_no_analytics_leaves_nobody_out(lists: Lists, own: Mode | None) -> None:
    """Do-not-originate, orders, and what subscribers want blocked; only a mode of their own has them tried."""
    policy = replace(TENTH, dno=DoNotOriginate(mode=own))

    screening = suspected(policy, [call_setup(calling_number=OUT)], lists=lists)

    (outcome,) = outcomes(screening)
    assert outcome.action is Action.BLOCK
    assert LEFT_OUT not in outcome.reasons
    assert modes(screening) == [own or Mode.ENFORCE]


@pytest.mark.parametrize("mode", Mode)
def test_where_all_is_shadow_a_share_enforces_nothing(mode: Mode) -> None:
    """It is a share of what `enforce` does."""
    policy = replace(TENTH, mode=Mode.SHADOW, overrides=(Override("t-1", mode=mode),))

    screening = suspected(policy, [call_setup(calling_number=IN), call_setup("b", calling_number=OUT)])

    assert modes(screening) == [mode, Mode.SHADOW]
    assert [LEFT_OUT in one.reasons for one in outcomes(screening)] == [False, mode is Mode.ENFORCE]


def test_a_number_on_the_block_list_is_analytics() -> None:
    """As its answer 603+ says; so is a standing decision, whoever made it."""
    standing = StandingDecisions()
    standing.set(StandingDecision(f"number:{OUT}", Action.BLOCK, "automated_call", START_MS, START_MS + 9, "analyst"))
    quiet = [call_setup(calling_number=OUT)]

    for one in (
        make_screener(TENTH, lists=Lists(block=frozenset([OUT]))),
        make_screener(TENTH, standing=standing),
    ):
        screening = screen(one, *quiet)
        assert [(o.action, o.decided_by) for o in outcomes(screening)] == [(Action.BLOCK, Step.ENTITY_BLOCK)]
        assert outcomes(screening)[0].reasons[-1] is LEFT_OUT
        assert modes(screening) == [Mode.SHADOW]


def test_an_entry_that_is_only_tried_says_nothing_of_shares() -> None:
    """It is tried for all callers."""
    tried = Upstream(trunk_group_id="t-1", action=EntryAction.BLOCK, reason="why", mode=Mode.SHADOW)
    one = make_screener(replace(TENTH, upstreams=(tried,)))

    screening = screen(one, call_setup(calling_number=OUT), call_setup("b", calling_number=IN))

    assert modes(screening) == [Mode.SHADOW, Mode.SHADOW]
    assert not any(LEFT_OUT in one.reasons for one in outcomes(screening))


def test_what_was_not_earned_is_tried_for_the_share_too() -> None:
    """A share is no way around a measure."""
    screening = suspected(replace(TENTH, budgets=Budgets()), [call_setup(calling_number=IN)])

    assert modes(screening) == [Mode.SHADOW]
    assert outcomes(screening)[0].reasons[-1].code == "not_earned"


def test_a_standing_block_of_who_is_left_out_is_tried_and_not_published() -> None:
    """And ends with the share: once the caller is in, it is judged call by call, and blocked anew."""
    policy = replace(TENTH, standing_blocks=StandingBlocks(after_blocks=2))
    calls = [call_setup(f"c{n}", calling_number=number) for number in (OUT, IN) for n in range(3)]
    calls = [replace(call, call_id=f"{n}") for n, call in enumerate(calls)]
    screener = make_screener(policy, {call.call_id: {SCORE: 1.0} for call in calls} | {"later": {SCORE: 1.0}})

    screening = screen(screener, *calls)

    assert [one.decided_by for one in outcomes(screening)] == [Step.MODEL, Step.MODEL, Step.ENTITY_BLOCK] * 2
    assert modes(screening) == [Mode.SHADOW] * 3 + [Mode.ENFORCE] * 3
    assert [change.entity for change in screening.entity_changes] == [f"number:{IN}"]

    screener.policy = replace(policy, enforce_percent=100.0)
    later = screen(screener, call_setup("later", calling_number=OUT, setup_time_ms=START_MS + 1))

    assert [one.decided_by for one in outcomes(later)] == [Step.MODEL]
    assert modes(later) == [Mode.ENFORCE]


def test_without_a_share_nobody_draws() -> None:
    """It costs nothing then."""
    tables = [PolicyTables(POLICY), PolicyTables(replace(POLICY, overrides=(Override("t-1", mode=Mode.SHADOW),)))]

    assert [one.left_out(calls_of(callers(2))) for one in tables] == [None, None]
