"""Calls that passed at once, and are watched: a decision that would have been in time tells that waiting is worth it.

Nobody waits for them, so finding out costs no caller anything, and a worker that is back is noticed within a few calls.
"""

import asyncio

from detector.contract.decisions import Decision
from streams.bridge.breaker import Breaker
from streams.bridge.waiting import Place, WaitingCalls

MOST = 100
"""Calls that are watched at a time, and at most half of those that may wait; further ones tell nothing new."""


class Watch:
    """Watches some of the calls that pass. Used on the event loop alone.

    Args:
        waiting: In whose table they have a place, as calls that wait do.
        breaker: Told of decisions in time.
        max_waiting: Calls that may have a place there.
    """

    def __init__(self, waiting: WaitingCalls, breaker: Breaker, max_waiting: int) -> None:
        self._waiting = waiting
        self._breaker = breaker
        self._left = min(MOST, max_waiting // 2)

    def add(self, place: Place, deadline_s: float) -> None:
        """Look out for the decision on a call until its deadline; where many are watched already, do nothing.

        Args:
            place: Of the call.
            deadline_s: How long its caller would have waited, seconds.
        """
        if not self._left:
            return
        self._left -= 1
        future = self._waiting.add(place)
        future.add_done_callback(lambda _: self._breaker.answered())
        asyncio.get_running_loop().call_later(deadline_s, self._forget, place, future)

    def _forget(self, place: Place, future: "asyncio.Future[Decision]") -> None:
        self._left += 1
        self._waiting.remove(place, future)
