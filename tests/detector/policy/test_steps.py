"""What the carrier's lists decide of a batch is what looking up every text of every call says."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.call_columns import build_columns
from detector.columns.facts import facts_of, texts_of
from detector.columns.setups import Calls, calls_in, calls_of
from detector.contract.decisions import Reason, Step
from detector.contract.events import CallSetup
from detector.contract.numbers import is_e164
from detector.features.table import N_FEATURES
from detector.numbers.do_not_originate import DnoEntry, ListEntryInvalid
from detector.policy import reasons
from detector.policy.budgets import Budgets, in_force
from detector.policy.lists import Basis, Lists
from detector.policy.settings import DoNotOriginate, Policy
from detector.policy.standing import StandingDecisions
from detector.policy.steps import STEPS
from detector.policy.tables import PolicyTables
from detector.policy.work import Work
from detector.testing import ScoreFromFeature

NUMBERS = st.sampled_from(
    [
        *(f"+1212555{n:04}" for n in range(6)),
        *(f"+1{npa}5550100" for npa in ("213", "800", "900")),
        "+12125550abc",  # twelve characters, of which a prefix matches
        "+1212555012",
        "+442125550100",
        "212",
        "2125550001",
        'a"b',
        "\u0661\u0662",
        "",
    ]
)
TRUNKS = st.sampled_from(["t-1", "t-2", "t-3", "caf\u00e9", "+12125550000"])
LOOKED_AT = (Step.EMERGENCY, Step.SUBSCRIBER, Step.ALLOW_LIST, Step.DNO, Step.ENTITY_BLOCK)
LISTED = st.frozensets(st.one_of(NUMBERS, TRUNKS), max_size=4)
DNO = st.frozensets(st.sampled_from(["212", "800", "212555", "2125550", "2125550003", "9005550100", "415"]))
PAIRS = st.frozensets(st.builds("{}/{}".format, NUMBERS, NUMBERS), max_size=3)
BLOCKED = st.builds(frozenset.union, LISTED, PAIRS)
ORDERS = st.dictionaries(st.one_of(NUMBERS, TRUNKS), st.sampled_from([Basis.COURT_ORDER, Basis.FCC_ORDER]), max_size=2)
LISTS = st.builds(
    Lists, emergency=LISTED, opt_out=LISTED, allow=LISTED, block=BLOCKED, dno=DNO, audited=LISTED, orders=ORDERS
)
CALLS = st.lists(st.tuples(NUMBERS, NUMBERS, TRUNKS), min_size=1, max_size=12)


def _setups(calls: list[tuple[str, str, str]]) -> list[CallSetup]:
    return [
        CallSetup(call_id="c", setup_time_ms=1, calling_number=calling, called_number=called, trunk_group_id=trunk)
        for calling, called, trunk in calls
    ]


def _as_records(setups: list[CallSetup]) -> Calls:
    facts = texts_of(facts_of(setups, [True] * len(setups)), lambda text: json.dumps(text, ensure_ascii=False).encode())
    return calls_in(build_columns(facts, setups, seed=1))


def _found(calls: Calls, lists: Lists) -> dict[Step, dict[int, Reason]]:
    """What each step that asks lists alone says; numbers that are impossible in themselves are another matter."""
    work = Work(
        calls,
        np.zeros((len(calls), N_FEATURES), np.float32),
        tables=PolicyTables(Policy(dno=DoNotOriginate(impossible=()))),
        lists=lists,
        standing=StandingDecisions(),
        classifier=ScoreFromFeature(),
        in_force=in_force(Budgets(), None, model_version=""),
    )
    found: dict[Step, dict[int, Reason]] = {step: {} for step in LOOKED_AT}
    for step, look in STEPS:
        if step in LOOKED_AT:
            reasons_by_row = {row: outcome.reasons[0] for row, outcome in look(work).items()}
            found[step] = reasons_by_row | found[step]  # of two turns the first one counts
    return found


def _pair(one: CallSetup) -> str:
    return f"{one.calling_number}/{one.called_number}"


def _longest(number: str, entries: frozenset[str]) -> str | None:
    prefixes = [number[2 : 2 + length] for length in (10, 7, 6, 3)] if re.fullmatch(r"\+1.{10}", number) else []
    return next((prefix for prefix in prefixes if prefix in entries), None)


def _expected(setups: list[CallSetup], lists: Lists) -> dict[Step, dict[int, Reason]]:
    """Each text looked up in the set itself."""
    found: dict[Step, dict[int, Reason]] = {step: {} for step in LOOKED_AT}
    for row, one in enumerate(setups):
        if one.called_number in lists.emergency or one.calling_number in lists.emergency:
            found[Step.EMERGENCY][row] = reasons.EMERGENCY_LISTED
        if one.called_number in lists.opt_out:
            found[Step.SUBSCRIBER][row] = reasons.OPTED_OUT
        if one.calling_number in lists.audited:
            found[Step.ALLOW_LIST][row] = reasons.AUDITED
        elif is_e164(one.calling_number) and one.calling_number in lists.allow:
            found[Step.ALLOW_LIST][row] = reasons.ALLOW_LISTED_NUMBER
        elif one.trunk_group_id in lists.allow:
            found[Step.ALLOW_LIST][row] = reasons.ALLOW_LISTED_TRUNK
        if (prefix := _longest(one.calling_number, lists.dno)) is not None:
            found[Step.DNO][row] = reasons.dno_listed(DnoEntry(prefix))
        if basis := lists.orders.get(one.calling_number) or lists.orders.get(one.trunk_group_id):
            found[Step.ENTITY_BLOCK][row] = reasons.demanded(basis)
        elif is_e164(one.calling_number) and is_e164(one.called_number) and _pair(one) in lists.block:
            found[Step.ENTITY_BLOCK][row] = reasons.UNWANTED
        elif one.calling_number in lists.block:
            found[Step.ENTITY_BLOCK][row] = reasons.BLOCK_LISTED_NUMBER
        elif one.trunk_group_id in lists.block:
            found[Step.ENTITY_BLOCK][row] = reasons.BLOCK_LISTED_TRUNK
    return found


@given(calls=CALLS, lists=LISTS)
def test_lists_decide_what_a_look_at_each_call_decides(calls: list[tuple[str, str, str]], lists: Lists) -> None:
    setups = _setups(calls)
    expected = _expected(setups, lists)

    assert _found(_as_records(setups), lists) == expected
    assert _found(calls_of(setups), lists) == expected


@pytest.mark.parametrize("entry", ["", "8", "80055", "80055501", "800555019", "+4420", "abc"])
def test_an_entry_of_another_length_is_refused(entry: str) -> None:
    with pytest.raises(ListEntryInvalid, match="3, 6, 7 or 10"):
        Lists(dno=frozenset([entry]))


def test_entries_may_carry_the_kind_of_entity() -> None:
    lists = Lists(allow=frozenset(["number:+12125550100", "trunk:t-1", "t-2"]))

    assert lists.allow == {"+12125550100", "t-1", "t-2"}


def test_lists_with_the_same_entries_are_equal() -> None:
    assert Lists(dno=frozenset(["+1800"])) == Lists(dno=frozenset(["800"]))
