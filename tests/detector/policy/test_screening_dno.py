"""Do-not-originate: who passes it, what it looks at, and the mode that is its own."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.decisions import Action, Mode, Step
from detector.numbers.do_not_originate import DnoList, DnoSource, DnoTable
from detector.policy.lists import Lists
from detector.policy.settings import DoNotOriginate, Override, Policy, with_mode
from detector.testing import BY_ORDER, CALLEE, CALLER, call_setup, make_screener, modes, outcome, outcomes, screen
from tests.detector.policy_case import CATEGORIES, SCORE

ENFORCE = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, minimum_samples=(), categories=CATEGORIES)
LISTED = frozenset([CALLER[2:]])
OTHER = "+13105550100"


def test_an_opt_out_is_from_analytics_and_not_from_do_not_originate() -> None:
    """It passes what the model would block, and nothing that cannot be a lawful origin."""
    screener = make_screener(ENFORCE, {"call-1": {SCORE: 1.0}}, lists=Lists(dno=LISTED, opt_out=frozenset([CALLEE])))

    assert outcome(screener, call_setup()).decided_by is Step.DNO
    assert outcome(screener, call_setup(calling_number=OTHER)).decided_by is Step.SUBSCRIBER


def test_a_number_on_the_allow_list_passes_and_a_trunk_group_does_not() -> None:
    """Somebody has looked at the number; of a trunk group nobody knows whose numbers come by it."""
    number = Lists(dno=LISTED, allow=frozenset([CALLER]), audited=frozenset([CALLER]))
    trunk = Lists(dno=LISTED, allow=frozenset(["trunk:t-1"]))

    assert outcome(make_screener(ENFORCE, lists=number), call_setup()).decided_by is Step.ALLOW_LIST
    assert outcome(make_screener(ENFORCE, lists=trunk), call_setup()).decided_by is Step.DNO


def test_a_trunk_group_on_the_allow_list_comes_after_the_opt_out() -> None:
    """Both pass; the subscriber's wish is named."""
    lists = Lists(allow=frozenset(["t-1"]), opt_out=frozenset([CALLEE]))

    assert outcome(make_screener(ENFORCE, lists=lists), call_setup()).decided_by is Step.SUBSCRIBER


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        ({"from_number": CALLER}, True),
        ({"from_number": OTHER}, False),
        ({"from_number": None}, False),
        ({"from_number": "anonymous"}, False),
        ({"from_number": CALLER[2:]}, False),
    ],
)
def test_the_number_in_from_is_looked_at_too(fields: dict[str, Any], blocked: object) -> None:
    """The called party is shown it."""
    lists = Lists(dno=LISTED)

    decided = outcome(make_screener(ENFORCE, lists=lists), call_setup(calling_number="+14155550100", **fields))

    assert (decided.decided_by is Step.DNO) == blocked
    if blocked:
        assert decided.reasons[0].text == f"The number in From is on the do-not-originate list (entry {CALLER[2:]})"


NUMBERS = st.sampled_from([CALLER, OTHER, "+12125550199", "anonymous", "+1212555", "+12115550100", None])
ENTRIES = st.frozensets(st.sampled_from(["212", "212555", "3105550100", "2125550123"]), min_size=1)


@given(calling=NUMBERS.filter(bool), sender=NUMBERS, entries=ENTRIES)
def test_from_is_matched_as_the_calling_number_is(calling: str, sender: str | None, entries: frozenset[str]) -> None:
    """Against a look at both texts."""
    lists = Lists(dno=entries)
    policy = replace(ENFORCE, dno=DoNotOriginate(impossible=()))

    decided = outcome(make_screener(policy, lists=lists), call_setup(calling_number=calling, from_number=sender))

    hits = [number for number in (calling, sender) if number and number[2:3] >= "2" and lists.dno_table.match(number)]
    assert (decided.decided_by is Step.DNO) == bool(hits)


@pytest.mark.parametrize(
    ("policy", "own", "mode"),
    [
        (Mode.SHADOW, Mode.ENFORCE, Mode.ENFORCE),
        (Mode.ENFORCE, Mode.SHADOW, Mode.SHADOW),
        (Mode.SHADOW, None, Mode.SHADOW),
    ],
)
def test_do_not_originate_has_a_mode_of_its_own(policy: Mode, own: Mode | None, mode: Mode) -> None:
    """It is no analytics, so it may be enforced while the rest is only tried."""
    one = replace(with_mode(ENFORCE, policy), dno=DoNotOriginate(mode=own))
    screener = make_screener(one, {"model": {SCORE: 1.0}}, lists=Lists(dno=LISTED))

    screening = screen(screener, call_setup("dno"), call_setup("model", calling_number=OTHER))

    assert [decided.action for decided in outcomes(screening)] == [Action.BLOCK, Action.BLOCK]
    assert modes(screening) == [mode, policy]


def test_a_mode_for_every_call_is_for_these_too() -> None:
    """Shadow is shadow everywhere."""
    own = replace(ENFORCE, dno=DoNotOriginate(mode=Mode.ENFORCE), overrides=(Override("t-1", mode=Mode.ENFORCE),))

    assert with_mode(own, Mode.SHADOW).dno.mode is None
    screening = screen(make_screener(with_mode(own, Mode.SHADOW), lists=Lists(dno=LISTED)), call_setup())
    assert modes(screening) == [Mode.SHADOW]


def test_entries_of_others_are_matched_beside_the_carriers_own_and_the_longest_counts() -> None:
    """The reason says which entry it was, and of which list of which day where it is not the carrier's own."""
    screener = make_screener(ENFORCE, lists=Lists(dno=frozenset(["310", CALLER[2:8]])))
    screener.dno = DnoTable([DnoList.of([CALLER[2:9], OTHER[2:5]], DnoSource("registry", "2026-11-20"))])

    screening = screen(
        screener, call_setup(), call_setup(calling_number=OTHER), call_setup(calling_number="+17185550100")
    )

    assert [one.decided_by for one in outcomes(screening)] == [Step.DNO, Step.DNO, Step.ALLOW]
    listed = "The calling number is on the do-not-originate list (entry {})"
    assert [one.reasons[0].text for one in outcomes(screening)[:2]] == [
        listed.format(f"{CALLER[2:9]}, registry of 2026-11-20"),
        listed.format("310"),
    ]


def test_numbers_that_nobody_can_have_are_matched_where_the_policy_does_not_refuse_them_anyway() -> None:
    policy = replace(ENFORCE, dno=DoNotOriginate(impossible=()))
    screener = make_screener(policy, lists=Lists(dno=frozenset(["310"])))
    screener.dno = DnoTable([DnoList.of(["310000"], DnoSource("registry", "2026-11-20"))])

    decided = outcome(screener, call_setup(calling_number="+13100000001"))

    assert decided.reasons[0].text.endswith("(entry 310000, registry of 2026-11-20)")
