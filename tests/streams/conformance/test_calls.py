"""Test calls keep the contract, and have numbers that nobody has."""

import pytest

from streams.conformance.calls import RESERVED, TestCalls, encoded
from streams.wire.reading import read
from streams.wire.record_columns import records_of


def test_set_up_and_end_keep_the_contract_and_belong_together() -> None:
    setup = TestCalls().setup("a")
    found = read(records_of([encoded(setup), encoded(TestCalls.end(setup, treatment="allow"))]))

    assert found.rejected == []
    made, end = found.events
    assert (made.call_id, made.setup_time_ms) == (end.call_id, end.setup_time_ms)


def test_a_field_is_replaced_and_one_that_is_none_left_out() -> None:
    setup = TestCalls("run").setup("a", switch_id=None, role="gateway")

    assert setup["role"] == "gateway"
    assert "switch_id" not in setup
    assert setup["call_id"] == "a@conformance-run"


def test_two_runs_share_no_call_id() -> None:
    assert TestCalls().setup("a")["call_id"] != TestCalls().setup("a")["call_id"]


@pytest.mark.parametrize(
    ("number", "is_reserved"),
    [("+12025550100", True), ("+19195550199", True), ("+12025550200", False), ("+12125551234", False), ("1", False)],
)
def test_only_numbers_of_examples_are_reserved(number: str, *, is_reserved: bool) -> None:
    assert bool(RESERVED.fullmatch(number)) == is_reserved
