"""Which calls of a span are lawful for reasons outside of the score, and what each of them weighs.

Reciprocal pairs: A called B and B called A within the span, and in both directions they talked. Registered senders: a
list of numbers that somebody vouches for, own customers, verified names, allow lists, redress. Neither is like all
lawful calls: pairs are people, whom a model seldom hits, and registered senders are organisations, which call much.
Measured elsewhere as actual over wanted false hits: pairs alone 1.8 to 4.8, registered senders alone 0.13 to 0.5, three
quarters and one quarter 0.9 to 1.6, where a third or more of the senders were known. So both are needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.budgets.bounds import Floats, Ints, ReferenceCalls
from models.budgets.measure import Group
from models.errors import MeasureRefused

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
        calls: Of both kinds.
        reciprocal: The calls of reciprocal pairs.
        registered: The calls of registered senders.
    """

    calls: ReferenceCalls
    reciprocal: Group
    registered: Group


def find(span: Span, registered: Ints) -> References:
    """Find the reference calls of a span.

    It takes some seconds for millions of calls, and no input or output. A caller that is registered counts as that.

    Args:
        span: The calls.
        registered: Keys of the registered senders, in any order.

    Raises:
        MeasureRefused: one of both kinds has too few callers; the message says which, and what would help.
    """
    is_registered = np.isin(span.calling, registered)
    is_of_pair = ~is_registered & is_reciprocal(span)
    groups = [_group(span, chosen) for chosen in (is_of_pair, is_registered)]
    complaints = list(_complaints(*groups))
    if complaints:
        raise MeasureRefused("; ".join(complaints))
    chosen = is_of_pair | is_registered
    weights = np.where(is_registered, (1.0 - RECIPROCAL_WEIGHT) / groups[1].calls, RECIPROCAL_WEIGHT / groups[0].calls)
    _, callers = np.unique(span.calling[chosen], return_inverse=True)
    calls = ReferenceCalls(span.margins[chosen], callers.astype(np.int64), weights[chosen], span.at_ms[chosen])
    return References(calls, *groups)


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


def _complaints(reciprocal: Group, registered: Group) -> Iterator[str]:
    if registered.callers < FEWEST_REGISTERED:
        yield (
            f"{registered.callers:,} registered senders called, {FEWEST_REGISTERED} are needed: pairs alone hit 1.8 to "
            "4.8 times what they promise; give a longer list of own customers, verified names and redress, or more days"
        )
    if reciprocal.callers < FEWEST_RECIPROCAL:
        yield (
            f"{reciprocal.callers:,} callers called each other and talked, {FEWEST_RECIPROCAL} are needed: give a "
            "longer span, with the ends of calls"
        )
