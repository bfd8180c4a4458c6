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
        self._most = min(MOST, max_waiting // 2)
        self._places: set[Place] = set()

    def __len__(self) -> int:
        """Calls that are watched."""
        return len(self._places)

    def add(self, place: Place, deadline_s: float) -> None:
        """Look out for the decision on a call; where it or many others are watched already, do nothing.

        Args:
            place: Of the call.
            deadline_s: Within which a decision is in time, seconds from now.
        """
        if place in self._places or len(self._places) >= self._most:
            return
        self._places.add(place)
        future = self._waiting.add(place)
        future.add_done_callback(lambda _: self._breaker.answered())
        asyncio.get_running_loop().call_later(deadline_s, self._forget, place, future)

    def _forget(self, place: Place, future: "asyncio.Future[Decision]") -> None:
        self._places.remove(place)
        self._waiting.remove(place, future)
