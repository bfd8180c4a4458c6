"""Odd numbers as SQL, held against the code that judges calls."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.columns.impossible import Impossible
from detector.columns.numbering import INVALID, classify
from detector.policy.settings import DoNotOriginate, Policy
from detector.policy.tables import PolicyTables
from streams.archive.query import duckdb
from streams.scorecards.odd_numbers import is_odd

TABLES = PolicyTables(Policy(dno=DoNotOriginate(impossible=tuple(Impossible))))
SQL = f"SELECT {is_odd('n')} FROM (SELECT ? AS n)"  # noqa: S608 - our own
NATIONAL = st.text("0123456789", min_size=7, max_size=12)
NUMBERS = st.one_of(
    NATIONAL.map("+1".__add__),
    st.from_regex("[+]1[2-9]11[2-9][0-9]{6}|[+]1[2-9][0-9]{2}[2-9]11[0-9]{4}", fullmatch=True),
    st.sampled_from(["+1" + digit * 10 for digit in "0123456789"] + ["+18004110100", "+18009110100", "+13034110100"]),
    st.text("+0123456789aA ", max_size=18),
    st.sampled_from(["", "anonymous", "+", "911", "+1911", "+441632960001", "+01234567", "sip:5@x"]),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    with duckdb().connect() as made:
        yield made


@given(NUMBERS)
def test_a_number_is_odd_where_features_call_it_invalid_or_the_policy_impossible(connection: Any, number: str) -> None:
    data = np.frombuffer(number.encode() or b"\0", np.uint8)

    (found,) = connection.execute(SQL, [number]).fetchone()

    expected = classify(data, 0, len(number)) == INVALID or TABLES.is_impossible(number)
    assert bool(found) is expected
