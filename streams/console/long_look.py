"""A question that takes seconds: pages have what was found last, and it is asked again when that is old."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from streams.console.bench import Bench, Found
from streams.running.clock import wall_clock_ms

FRESH_S = 10.0
"""So long nobody looks again, unless told otherwise; and never sooner."""
TIMES = 20.0
"""So many times as long as a look took nobody looks again, where that is sooner than told: a quick one is no burden."""
WAIT_S = 0.1
"""That a page waits, in case it is quick."""


class LongLook:
    """Asks at most one question at a time. Used on the event loop alone.

    Args:
        bench: where it is asked.
        look: the question; it blocks.
        fresh_s: so long nobody looks again, unless a look was quick.

    Attributes:
        found_ms: the instant that the latest answer is of: when its look began, epoch milliseconds; 0 before the first.
    """

    def __init__(self, bench: Bench, look: Callable[[], Any], fresh_s: float = FRESH_S) -> None:
        self._bench, self._look, self._fresh_s = bench, look, fresh_s
        self._found: Found | None = None
        self._going: asyncio.Task[None] | None = None
        self._next_s = 0.0
        self.found_ms = 0

    async def latest(self) -> tuple[Found | None, bool]:
        """What was found last, None before the first answer; and whether somebody looks right now. Never raises."""
        if self._going is None and time.monotonic() >= self._next_s:
            self._going = asyncio.create_task(self._ask())
        if self._going is not None:
            await asyncio.wait([self._going], timeout=WAIT_S)
        return self._found, self._going is not None

    async def _ask(self) -> None:
        began_s, began_ms = time.monotonic(), wall_clock_ms()
        found = await self._bench.run(self._look)
        if found.why_not:  # it is asked again soon, and what was found before is shown beside
            self._found = Found(None if self._found is None else self._found.content, found.why_not)
        else:
            self._found, self.found_ms = found, began_ms
        ended_s = time.monotonic()
        waits_s = FRESH_S if found.why_not else max(FRESH_S, TIMES * (ended_s - began_s))
        self._next_s = ended_s + min(self._fresh_s, waits_s)
        self._going = None
