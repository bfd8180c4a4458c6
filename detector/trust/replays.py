"""Tokens that were seen: a `shaken` token belongs to one call, so one that comes with another call is a replay.

What tells calls apart is written by whoever sends them. So one call has a bounded number of attempts, too.
"""

from collections import OrderedDict

from detector.trust.verdict import Cause, Verdict
from detector.trust.verify import FRESH_MS

KEPT_MS = 2 * FRESH_MS
"""A token is fresh from 60 s before it was signed until 60 s after, so it can come back for so long."""


MOST_ATTEMPTS = 10
"""Of one call with one token: over other routes, and by other switches that verify it again."""


class SeenTokens:
    """Which call each token came with, in bounded memory: exact until the bound, and beyond it the oldest go first.

    A token that was forgotten too early is not found when it comes back; no token is ever called a replay wrongly.

    Attributes:
        capacity: Most tokens that are kept, some 400 bytes each.
        forgotten: Tokens that left before their time, for want of room.
    """

    __slots__ = ("_calls", "capacity", "forgotten")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.forgotten = 0
        self._calls: OrderedDict[bytes, tuple[str, int, int]] = OrderedDict()

    def __len__(self) -> int:
        """Tokens that are kept."""
        return len(self._calls)

    def is_replay(self, token: bytes, call: str, at_ms: int) -> bool:
        """Tell whether this token came with another call or too often, and keep that it came. Amortised constant time.

        Args:
            token: Digest of the token.
            call: What tells calls apart: the same for each attempt and each switch of one call (P-Charging-Vector,
                else Call-ID).
            at_ms: When the call came, epoch milliseconds; it may go back a little.
        """
        self._leave_out(at_ms)
        first = self._calls.get(token)
        if first is not None and abs(at_ms - first[1]) <= KEPT_MS:
            self._calls[token] = (first[0], first[1], first[2] + 1)
            return first[0] != call or first[2] >= MOST_ATTEMPTS
        self._calls.pop(token, None)
        self._calls[token] = (call, at_ms, 1)
        if len(self._calls) > self.capacity:
            self._calls.popitem(last=False)
            self.forgotten += 1
        return False

    def _leave_out(self, at_ms: int) -> None:
        while self._calls:
            token, (_, seen_ms, _) = next(iter(self._calls.items()))
            if at_ms - seen_ms <= KEPT_MS:
                return
            del self._calls[token]


def without_replay(verdict: Verdict, seen: SeenTokens, call: str, at_ms: int) -> Verdict:
    """Return the verdict, or that its token was replayed.

    A forwarded call brings a token that was seen. It is known by that together with the `div` tokens that say where it
    went, so its headers are a replay with another call; a forwarder that signs anew for each call is not found.

    Args:
        verdict: What verifying came to; only what passed is looked up.
        seen: Tokens that were seen; this one is added.
        call: What tells calls apart.
        at_ms: When the call came, epoch milliseconds.
    """
    if verdict.cause is not Cause.PASSED:
        return verdict
    if not seen.is_replay(verdict.token, call, at_ms):
        return verdict
    return Verdict(
        cause=Cause.REPLAYED,
        detail="the token came with another call before, or too often",
        priorities=verdict.priorities,
        sip_priority=verdict.sip_priority,
    )
