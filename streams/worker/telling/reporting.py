"""Tell Redis how this worker does, and which models it runs and refuses: at once when these change, else regularly."""

import asyncio
import time
from collections.abc import Callable

import structlog
from redis.asyncio import Redis

from streams.redis.connection import Guard
from streams.redis.worker_reports import TOLD_TTL_S, WorkerReport, tell

LOOK_S = 0.25
REPEAT_S = TOLD_TTL_S / 3

log = structlog.get_logger(__name__)


class Reporting:
    """Tells of one worker, beside the stream. What Redis does not take is told again.

    Args:
        redis: client.
        guard: shared by all users of the client.
        state: what is to be told now of models; called on the event loop.
        judged: adds alarms, health and drift; asked each `repeat_s`, since that takes part of a millisecond.
        repeat_s: what stays the same is told again after so long.
    """

    def __init__(
        self,
        redis: Redis,
        guard: Guard,
        state: Callable[[], WorkerReport],
        judged: Callable[[WorkerReport], WorkerReport],
        *,
        repeat_s: float = REPEAT_S,
    ) -> None:
        self._redis = redis
        self._guard = guard
        self._state = state
        self._judged = judged
        self._repeat_s = repeat_s
        self._told: WorkerReport | None = None
        self._next_s = 0.0
        self._is_refused = False

    async def run(self) -> None:
        """Tell until cancelled; a fault of Redis never ends it."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell what changed, or what was told too long ago."""
        state, is_due = self._state(), time.monotonic() >= self._next_s
        if not is_due and state == self._told:
            return
        said = self._judged(state)
        taken = await self._guard.attempt(lambda: tell(self._redis, said))
        self._told = None if taken is None else state
        self._next_s = time.monotonic() + self._repeat_s
        if taken is False and not self._is_refused:
            log.warning("redis does not take which model runs here: renew its access list, see docs/operating.md")
        self._is_refused = taken is False
