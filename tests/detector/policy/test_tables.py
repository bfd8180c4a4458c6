"""What a calling number must look like to be impossible, and what a bound says of a feature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.impossible import Impossible
from detector.contract.decisions import Action
from detector.features.table import FEATURE_NAMES
from detector.policy.settings import Condition, DoNotOriginate, Policy, Rule
from detector.policy.tables import PolicyTables

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
