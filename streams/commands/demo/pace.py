"""How fast history is played: a worker has about a second of work before it, so that no call waits for long.

Pure: instants are arguments. What the worker decides in a second is measured meanwhile, since nobody knows it before.
"""

from collections import deque

AHEAD_S = 1.0
"""Work that may be before the worker. Far less than its deadline: it may become slower meanwhile."""
SPAN_S = 3.0
"""Its speed is that of the latest seconds."""
FEW = 2_000
"""Events that may wait in any case, so that its speed shows."""


class Pace:
    """Says whether more events may be sent.

    Args:
        now_s: Monotonic seconds.
    """

    def __init__(self, now_s: float) -> None:
        self._sent = 0
        self._looks = deque([(now_s, 0)])
        self._is_kept = True

    def sent(self, events: int) -> None:
        """Note that so many more events were sent."""
        self._sent += events

    def looked(self, behind: int, now_s: float) -> None:
        """Note how many events were still to be decided at an instant; all that were sent until then counted."""
        self._looks.append((now_s, self._sent - behind))
        while self._looks[1][0] <= now_s - SPAN_S:
            self._looks.popleft()

    def give_up(self) -> None:
        """Let everything be sent from now on."""
        self._is_kept = False

    @property
    def may_send(self) -> bool:
        """Whether the worker has little before it, as far as was seen: look again where it has not."""
        (first_s, first), (last_s, last) = self._looks[0], self._looks[-1]
        a_second = (last - first) / (last_s - first_s) if last_s > first_s else 0.0
        return not self._is_kept or self._sent - last <= max(FEW, a_second * AHEAD_S)
