"""References are lawful for reasons outside of the score: who talked both ways, and who is vouched for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.budgets.measure import Group
from models.budgets.references import FEWEST_RECIPROCAL, FEWEST_REGISTERED, Span, find, is_reciprocal


def span_of(calls: list[tuple[int, int]], talks: list[tuple[int, int]]) -> Span:
    """Calls and talks as (calling, called); margins are the places."""
    pairs = np.array(calls, np.int64).reshape(-1, 2)
    places = np.arange(len(calls))
    return Span(
        pairs[:, 0],
        pairs[:, 1],
        places.astype(np.float64),
        places.astype(np.int64),
        np.array(talks, np.int64).reshape(-1, 2),
    )


def people(count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of people who call each other and talk: twice as many callers."""
    calls = [(2 * n, 2 * n + 1) for n in range(count)] + [(2 * n + 1, 2 * n) for n in range(count)]
    return calls, calls


SENDERS = list(range(10_000, 10_000 + FEWEST_REGISTERED))


def test_both_kinds_are_found_and_weigh_three_quarters_and_one_quarter() -> None:
    """A sender that also talks both ways counts as registered; strangers are no references."""
    calls, talks = people(FEWEST_RECIPROCAL)
    sent = [(sender, 1) for sender in SENDERS for _ in range(2)]
    both = [(1, SENDERS[0]), (SENDERS[0], 1)]

    found = find(span_of([*calls, *sent, *both[1:], (77_777, 1)], [*talks, *both]), np.array(SENDERS))

    assert found.reciprocal == Group(2 * FEWEST_RECIPROCAL, 2 * FEWEST_RECIPROCAL)
    assert found.registered == Group(2 * len(SENDERS) + 1, len(SENDERS))
    assert found.calls is not None
    assert len(found.calls.margins) == 2 * FEWEST_RECIPROCAL + 2 * len(SENDERS) + 1
    is_of_people = found.calls.margins < 2 * FEWEST_RECIPROCAL
    assert found.calls.weights[is_of_people].sum() == pytest.approx(0.75)
    assert found.calls.weights[~is_of_people].sum() == pytest.approx(0.25)
    assert len(found.everybody.margins) == len(found.calls.margins) + 1


@pytest.mark.parametrize(
    ("pairs", "senders"), [(FEWEST_RECIPROCAL, SENDERS[1:]), (FEWEST_RECIPROCAL // 2 - 1, SENDERS)]
)
def test_where_one_kind_has_too_few_callers_all_calls_count_as_lawful(pairs: int, senders: list[int]) -> None:
    """29 senders, or pairs of 98 people: strangers are references like everybody, with the same weight."""
    calls, talks = people(pairs)
    strangers = [(77_777, 1), (77_777, 2)]
    everybody = [*calls, *((sender, 1) for sender in senders), *strangers]

    found = find(span_of(everybody, talks), np.array(senders))

    assert (found.reciprocal.callers, found.registered.callers) == (2 * pairs, len(senders))
    assert found.calls is None
    assert found.everybody.n_callers == 2 * pairs + len(senders) + 1
    assert found.everybody.margins.tolist() == list(range(len(everybody)))
    assert found.everybody.weights == pytest.approx(np.full(len(everybody), 1 / len(everybody)))


@given(
    calls=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30),
    talks=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20),
)
def test_a_pairis_reciprocal_where_both_directions_have_a_talk(
    calls: list[tuple[int, int]], talks: list[tuple[int, int]]
) -> None:
    """All of its calls, answered or not; nobody is a pair with itself."""
    known = set(talks)
    expected = [a != b and (a, b) in known and (b, a) in known for a, b in calls]

    assert is_reciprocal(span_of(calls, talks)).tolist() == expected
