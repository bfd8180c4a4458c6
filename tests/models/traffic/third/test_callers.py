"""Lawful callers of the third author have their shares, and lines that a hijacker may borrow are theirs."""

from collections import Counter

import pytest

from models.traffic.third.callers import Line, lawful
from models.traffic.third.calls import KINDS, Calls, Columns
from models.traffic.third.carrier import LAWFUL_SHARES, Carrier


@pytest.fixture(scope="module")
def made() -> tuple[Carrier, Columns, list[Line]]:
    """A carrier, its lawful calls, and the business lines that are much used."""
    carrier = Carrier(8, calls_per_second=10.0, history_s=1_800.0, span_s=3_600.0, robocall_share=0.08)
    calls = Calls(carrier)
    lines = lawful(carrier, calls)
    return carrier, calls.columns(0), lines


def test_every_lawful_kind_calls_in_about_its_share(made: tuple[Carrier, Columns, list[Line]]) -> None:
    carrier, columns, _ = made
    counts = Counter(KINDS[code] for code in columns["kind"].tolist())

    assert set(counts) == set(LAWFUL_SHARES)
    persons = counts["person"] / counts.total()
    assert persons == pytest.approx(carrier.lawful_shares["person"], rel=0.35)


def test_no_lawful_call_has_a_campaign(made: tuple[Carrier, Columns, list[Line]]) -> None:
    assert (made[1]["campaign"] < 0).all()


def test_calls_begin_within_the_span_and_end_after_they_began(made: tuple[Carrier, Columns, list[Line]]) -> None:
    carrier, columns, _ = made

    assert (columns["setup"] >= 0).all()
    assert (columns["setup"] < carrier.span_s * 1_000).all()
    assert (columns["end"] > columns["setup"]).all()


def test_lines_that_are_much_used_call(made: tuple[Carrier, Columns, list[Line]]) -> None:
    """Most of them: else a hijacked line would be one without a history."""
    _, columns, lines = made
    callers = set(columns["caller"].tolist())

    assert lines
    assert sum(line.number in callers for line in lines) > 0.5 * len(lines)
