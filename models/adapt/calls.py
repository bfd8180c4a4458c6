"""The calls of a span that is learnt from: what the replay kept of them, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.adapt.rows import Rows
from models.budgets.bounds import Floats, Ints
from models.budgets.references import Span, is_reciprocal

MOSTLY = 0.5
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """n calls that the model's step would decide, in order of arrival. Keys are equal for equal numbers, 0 for none.

    Attributes:
        rows: Their features.
        margins: Raw scores by the trees of the base model, log-odds, shape (n,) float64.
        grouped: The same and, on top, what the calls of the last hour around each scored, as the stream does it with
            the group weight of the base model, or with that of a base which is to get one; shape (n,) float64.
        at_ms: When each was set up, epoch milliseconds, shape (n,) int64.
        call: Key of the call id.
        number: Of the calling number; 0 where the caller hides it.
        called: Of the called number.
        origin: Of the signer and its origid; 0 where unsigned.
        block: Of the number block in its trunk group; 0 where the number has none.
        windows_s: Age of the windows of the trunk group, seconds, shape (n,) float32.
        is_number: Whether the calling number is one that somebody can have.
        talks: Calling and called party of each talk, shape (n_talks, 2) int64; also of calls that are not among these.
    """

    rows: Rows
    margins: Floats
    grouped: Floats
    at_ms: Ints
    call: Ints
    number: Ints
    called: Ints
    origin: Ints
    block: Ints
    windows_s: NDArray[np.float32]
    is_number: Mask
    talks: Ints

    def __len__(self) -> int:
        """Number of calls."""
        return len(self.at_ms)

    @property
    def keys(self) -> tuple[Ints, Ints, Ints]:
        """By what calls belong together: calling number, origin, block."""
        return self.number, self.origin, self.block

    def span(self, chosen: Mask, margins: Floats) -> Span:
        """Some of the calls, with the margins of any model, as what budgets are measured on.

        Args:
            chosen: Which, shape (n,).
            margins: Of all n calls.
        """
        call, number, called = (one[chosen] for one in (self.call, self.number, self.called))
        return Span(call, number, called, margins[chosen], self.at_ms[chosen], self.windows_s[chosen], self.talks)


@dataclass(frozen=True, slots=True, eq=False)
class Lawful:
    """Calls that are lawful for reasons outside of the score, shape (n,) each.

    Their callers are drawn by lot: one half is learnt from and the other half judges. What was never taught tells how
    lawful callers fare whom nobody vouches for.

    Attributes:
        is_reference: Calls of reciprocal pairs and of registered senders.
        is_taught: Those of them whose callers are learnt from.
        is_vouched: Calls of registered senders, and of callers most of whose calls are of reciprocal pairs: what
            subscribers complain of in them does not count.
    """

    is_reference: Mask
    is_taught: Mask
    is_vouched: Mask

    @property
    def is_judging(self) -> Mask:
        """References that were not learnt from."""
        return self.is_reference & ~self.is_taught


def lawful_in(calls: Calls, registered: Ints) -> Lawful:
    """Find the lawful references among calls. It takes some seconds for millions of calls.

    Args:
        calls: All of the span: a pair may call in its first part and call back in its last.
        registered: Keys of registered senders, in any order; may be empty.
    """
    is_registered = calls.is_number & np.isin(calls.number, registered)
    is_of_pair = calls.is_number & is_reciprocal(calls.span(np.ones(len(calls), np.bool_), calls.margins))
    _, caller = np.unique(calls.number, return_inverse=True)
    mostly = np.bincount(caller, weights=is_of_pair) > MOSTLY * np.bincount(caller)
    is_reference = is_registered | is_of_pair
    # Keys are digits or hashes: their sum of bits is a lot that nobody chose, and the same in every replay.
    is_drawn = np.bitwise_count(calls.number) % 2 == 0
    return Lawful(is_reference, is_reference & is_drawn, is_registered | (calls.is_number & mostly[caller]))
