"""Which calls of a span are lawful for reasons outside of the score, and what each of them weighs.

Reciprocal pairs: A called B and B called A within the span, and in both directions they talked. Registered senders: a
list of numbers that somebody vouches for, own customers, verified names, allow lists, redress. Neither is like all
lawful calls: pairs are people, whom a model seldom hits, and registered senders are organisations, which call much.
Measured elsewhere as actual over wanted false hits: pairs alone 1.8 to 4.8, registered senders alone 0.13 to 0.5, three
quarters and one quarter 0.9 to 1.6, where a third or more of the senders were known. So neither is taken alone.
Beside them every call counts as if it were lawful. Then no more calls raise an alert than lawful ones may be hit, which
needs no reference and no belief.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.budgets.bounds import Floats, Ints, ReferenceCalls
from models.budgets.measure import Group

RECIPROCAL_WEIGHT = 0.75
FEWEST_REGISTERED = 30
FEWEST_RECIPROCAL = 100


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What a span of traffic holds; callers and called parties are keys, equal ones for equal numbers.

    Attributes:
        calling: Of each scored call, shape (n_calls,) int64.
        called: Of each, shape (n_calls,).
        margins: Raw scores, shape (n_calls,) float64.
        at_ms: When each was set up, epoch milliseconds, shape (n_calls,).
        talks: Calling and called party of each talk, shape (n_talks, 2) int64.
    """

    calling: Ints
    called: Ints
    margins: Floats
    at_ms: Ints
    talks: Ints


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """The reference calls of a span, weighted.

    Attributes:
        calls: Of both kinds; None where one kind has too few callers.
        reciprocal: The calls of reciprocal pairs.
        registered: The calls of registered senders.
        everybody: All calls of the span, alike.
    """

    calls: ReferenceCalls | None
    reciprocal: Group
    registered: Group
    everybody: ReferenceCalls


def find(span: Span, registered: Ints) -> References:
    """Find the reference calls of a span.

    It takes some seconds for millions of calls, and no input or output. A caller that is registered counts as that.
    With fewer than 30 registered callers, or fewer than 100 of pairs, there are none.

    Args:
        span: The calls, at least one.
        registered: Keys of the registered senders, in any order; may be empty.
    """
    is_registered = np.isin(span.calling, registered)
    is_of_pair = ~is_registered & is_reciprocal(span)
    reciprocal, sent = (_group(span, chosen) for chosen in (is_of_pair, is_registered))
    n = len(span.calling)
    everybody = _calls(span, np.ones(n, np.bool_), np.full(n, 1.0 / n))
    if reciprocal.callers < FEWEST_RECIPROCAL or sent.callers < FEWEST_REGISTERED:
        return References(None, reciprocal, sent, everybody)
    is_reference = is_of_pair | is_registered
    weights = np.where(is_registered, (1.0 - RECIPROCAL_WEIGHT) / sent.calls, RECIPROCAL_WEIGHT / reciprocal.calls)
    return References(_calls(span, is_reference, weights[is_reference]), reciprocal, sent, everybody)


def _calls(span: Span, chosen: NDArray[np.bool_], weights: Floats) -> ReferenceCalls:
    """Some of the calls; `weights` are of these."""
    _, callers = np.unique(span.calling[chosen], return_inverse=True)
    return ReferenceCalls(span.margins[chosen], callers.astype(np.int64), weights, span.at_ms[chosen])


def is_reciprocal(span: Span) -> NDArray[np.bool_]:
    """Which calls are between two parties who have talked in both directions, whoever called, answered or not.

    It sorts calls and talks, some seconds for millions of them.

    Args:
        span: The calls; margins and times are not looked at.

    Returns:
        Shape (n_calls,).
    """
    parties, codes = np.unique(
        np.concatenate([span.calling, span.called, span.talks[:, 0], span.talks[:, 1]]), return_inverse=True
    )
    n_calls, n_talks, base = len(span.calling), len(span.talks), len(parties)
    calling, called = codes[:n_calls], codes[n_calls : 2 * n_calls]
    one, other = codes[2 * n_calls : 2 * n_calls + n_talks], codes[2 * n_calls + n_talks :]
    talked = np.unique(one[one != other] * base + other[one != other])
    back = np.unique(other[one != other] * base + one[one != other])
    both = np.intersect1d(talked, back, assume_unique=True)
    return np.isin(calling * base + called, both)


def _group(span: Span, chosen: NDArray[np.bool_]) -> Group:
    return Group(int(chosen.sum()), len(np.unique(span.calling[chosen])))
