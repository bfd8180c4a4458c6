"""How far our wall clock is from the brokers', told by records that were fetched as soon as they had arrived.

Lateness is our clock minus the broker's time stamp, so a clock that is ahead makes every call late. A record that ends
its partition was fetched within milliseconds; the least that any of them seems to have waited is the difference of the
clocks. It needs `message.timestamp.type=LogAppendTime`: else the time stamp is that of a switch. Pure bookkeeping.
"""

from collections import deque

EVERY_S = 1.0
SAMPLES = 30
FEWEST = 5
"""Samples without which nothing is said: one may have waited for a pause of ours."""


class BrokerClock:
    """Used on the event loop alone; no method blocks or raises."""

    def __init__(self) -> None:
        self._waits_ms: deque[int] = deque(maxlen=SAMPLES)
        self._due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether another sample is wanted, at monotonic seconds."""
        return now_s >= self._due_s

    def compare(self, now_s: float, now_ms: int, arrival_ms: int) -> None:
        """Take a sample: the wall clock, and the newest arrival of records that end their partition."""
        self._due_s = now_s + EVERY_S
        self._waits_ms.append(now_ms - arrival_ms)

    @property
    def ahead_s(self) -> float:
        """Seconds that our clock is ahead, less than 0 where it is behind; 0 while too little was seen."""
        return min(self._waits_ms) / 1_000 if len(self._waits_ms) >= FEWEST else 0.0
