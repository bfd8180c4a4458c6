"""References are lawful for reasons outside of the score: who talked both ways, and who is vouched for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.budgets.audit import UNKNOWN, Answers
from models.budgets.references import Span, find, is_reciprocal


def span_of(calls: list[tuple[int, int]], talks: list[tuple[int, int]]) -> Span:
    """Calls and talks as (calling, called); margins are the places."""
    pairs = np.array(calls, np.int64).reshape(-1, 2)
    places = np.arange(len(calls))
    return Span(
        places,
        pairs[:, 0],
        pairs[:, 1],
        places.astype(np.float64),
        places.astype(np.int64),
        np.zeros(len(calls), np.float32),
        np.array(talks, np.int64).reshape(-1, 2),
    )


def unanswered(n: int) -> Answers:
    """Nobody said anything of n calls."""
    return np.full(n, UNKNOWN, np.int8)


def people(count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of people who call each other and talk: twice as many callers."""
    calls = [(2 * n, 2 * n + 1) for n in range(count)] + [(2 * n + 1, 2 * n) for n in range(count)]
    return calls, calls


SENDERS = list(range(10_000, 10_003))


def test_both_kinds_are_found_and_a_registered_sender_counts_as_that_alone() -> None:
    """One that also talks both ways is no pair; strangers are no references, and everybody weighs the same."""
    calls, talks = people(20)
    sent = [(sender, 1) for sender in SENDERS for _ in range(2)]
    both = [(1, SENDERS[0]), (SENDERS[0], 1)]

    found = find(
        span_of([*calls, *sent, *both[1:], (77_777, 1)], [*talks, *both]),
        np.array(SENDERS),
        unanswered(len(calls) + len(sent) + 2),
        b"lot",
    )

    assert found.reciprocal is not None
    assert found.registered is not None
    assert found.reciprocal.margins.tolist() == list(range(40))
    assert found.registered.margins.tolist() == list(range(40, 47))
    assert (found.reciprocal.n_callers, found.registered.n_callers) == (40, 3)
    for calls_of, count in ((found.reciprocal, 40), (found.registered, 7), (found.everybody, 48)):
        assert len(calls_of.callers) == len(calls_of.at_ms) == count
    assert found.everybody.n_callers == 44


def test_without_senders_and_pairs_there_is_everybody_alone() -> None:
    found = find(span_of([(77_777, 1), (77_777, 2)], []), np.zeros(0, np.int64), unanswered(2), b"lot")

    assert (found.registered, found.reciprocal) == (None, None)
    assert found.everybody.margins.tolist() == [0.0, 1.0]


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
