"""Which calls of a span are lawful for reasons outside of the score.

Registered senders: a list of numbers that somebody vouches for, own customers, verified names, allow lists, redress.
Reciprocal pairs: A called B and B called A within the span, and in both directions they talked. Pairs are people, whom
a model seldom hits. Registered senders are organisations, which call much and are hit far more. How many lawful calls
are of which sort nobody knows, so neither is weighed against the other: a budget is kept where each of them keeps it
(`models.budgets.basis`). Beside them every call counts as if it were lawful. Then no more calls raise an alert than
lawful ones may be hit, which needs no reference and no belief. Answers tell which of the highest are not
(`models.budgets.audit`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.budgets.audit import Answers, AuditedCalls, lots_of
from models.budgets.bounds import Floats, Ints, ReferenceCalls


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """What a span of traffic holds; callers and called parties are keys, equal ones for equal numbers.

    Attributes:
        call: Key of the call id of each scored call, shape (n_calls,) int64.
        calling: Of each, shape (n_calls,).
        called: Of each, shape (n_calls,).
        margins: Raw scores, shape (n_calls,) float64.
        at_ms: When each was set up, epoch milliseconds, shape (n_calls,).
        windows_s: Age of the windows of its trunk group, seconds, shape (n_calls,) float32.
        talks: Calling and called party of each talk, shape (n_talks, 2) int64.
    """

    call: Ints
    calling: Ints
    called: Ints
    margins: Floats
    at_ms: Ints
    windows_s: NDArray[np.float32]
    talks: Ints


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """The reference calls of a span; None where there are none.

    Attributes:
        registered: Those of registered senders.
        reciprocal: Those of reciprocal pairs. A caller that is registered counts as that.
        everybody: All calls of the span, alike.
        audited: All calls, with what answers say of them.
    """

    registered: ReferenceCalls | None
    reciprocal: ReferenceCalls | None
    everybody: ReferenceCalls
    audited: AuditedCalls


def find(span: Span, registered: Ints, answers: Answers, secret: bytes) -> References:
    """Find the reference calls of a span.

    It takes some seconds for millions of calls, and no input or output.

    Args:
        span: The calls, at least one.
        registered: Keys of the registered senders, in any order; may be empty.
        answers: What a person who looked said of each call, shape (n_calls,); see `AuditedCalls`.
        secret: By which callers are drawn; another one of each model.
    """
    is_registered = np.isin(span.calling, registered)
    is_of_pair = ~is_registered & is_reciprocal(span)
    sent, reciprocal = (_calls(span, chosen) if chosen.any() else None for chosen in (is_registered, is_of_pair))
    everybody = _calls(span, np.ones(len(span.calling), np.bool_))
    lots = lots_of(span.call, span.calling, span.at_ms, secret)
    audited = AuditedCalls(everybody.margins, everybody.callers, everybody.at_ms, lots, answers)
    return References(sent, reciprocal, everybody, audited)


def _calls(span: Span, chosen: NDArray[np.bool_]) -> ReferenceCalls:
    """Some of the calls, at least one."""
    _, callers = np.unique(span.calling[chosen], return_inverse=True)
    return ReferenceCalls(span.margins[chosen], callers.astype(np.int64), span.at_ms[chosen])


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
