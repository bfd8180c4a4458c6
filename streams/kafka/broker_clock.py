"""How far our wall clock is from the brokers', told by records that were fetched as soon as they had arrived.

Lateness is our clock minus the broker's time stamp, so a clock that is ahead makes every call late. A record that ends
its partition was fetched within milliseconds; the least that any of them seems to have waited is the difference of the
clocks. It needs `message.timestamp.type=LogAppendTime`: else the time stamp is that of a switch. Pure bookkeeping.
"""

from collections import deque
from collections.abc import Hashable, Mapping

EVERY_S = 1.0
SAMPLES = 30
FEWEST = 5
"""Samples without which nothing is said: one may have waited for a pause of ours."""


class BrokerClock:
    """Used on the event loop alone; no method blocks or raises."""

    def __init__(self) -> None:
        self._waits_ms: deque[int] = deque(maxlen=SAMPLES)
        self._ended: set[Hashable] = set()
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether another sample is wanted, at monotonic seconds."""
        return now_s >= self._due_s

    def compare(self, now_s: float, now_ms: int, arrivals_ms: Mapping[Hashable, int]) -> None:
        """Take a sample: the wall clock, and by partition the newest arrival of what ended it.

        What ends a partition for the first time may have waited for this process to start, so it is no sample.
        """
        fresh = [arrival_ms for partition, arrival_ms in arrivals_ms.items() if partition in self._ended]
        self._ended.update(arrivals_ms)
        if fresh:
            self._due_s = now_s + EVERY_S
            self._waits_ms.append(now_ms - max(fresh))

    @property
    def ahead_s(self) -> float:
        """Seconds that our clock is ahead, less than 0 where it is behind; 0 while too little was seen."""
        return min(self._waits_ms) / 1_000 if len(self._waits_ms) >= FEWEST else 0.0
