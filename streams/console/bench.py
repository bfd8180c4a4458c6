"""Blocking questions beside the event loop: one thread a place, with bounds of number and time. Knows no place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from detector.contract.errors import RobocallError
from streams.redis.connection import FAULTS
from streams.running.daemon_thread import DaemonThread
from streams.running.failures import described

MOST_WAITING = 8
"""Questions that wait for one thread; whoever comes then is told that it is busy."""
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What one place knows.

    Attributes:
        content: what the question returned.
        why_not: one sentence where it could not be asked.
    """

    content: Any = None
    why_not: str = ""


class Bench:
    """One thread for one place, a short queue before it, and a time for each question. Used on the event loop alone.

    Args:
        place: as a sentence names it.
        limit_s: that is waited for an answer.
    """

    def __init__(self, place: str, limit_s: float) -> None:
        self._place, self._limit_s = place, limit_s
        self._thread = DaemonThread(f"console {place}")
        self._waiting = 0

    async def run(self, look: Callable[[], T]) -> Found:
        """Ask in the thread; whatever goes wrong is one sentence, which pages mask. Never raises."""
        if self._waiting >= MOST_WAITING:
            return Found(why_not=f"{self._place} is busy with the questions of others: ask again in a moment")
        self._waiting += 1
        answer = self._thread.post(look)
        answer.add_done_callback(self._done)
        try:
            return Found(await asyncio.wait_for(asyncio.shield(answer), self._limit_s))
        except TimeoutError:
            return Found(why_not=f"{self._place} did not answer within {self._limit_s:g} s")
        except FAULTS as fault:
            return Found(why_not=f"{self._place} does not answer ({type(fault).__name__})")
        except RobocallError as error:
            return Found(why_not=f"{self._place}: {error}")
        except Exception as error:  # noqa: BLE001 - one part of a page; the others are shown
            log.error("a look failed", place=self._place, **described(error))  # noqa: TRY400
            return Found(why_not=f"{self._place} could not be read ({type(error).__name__}); the log says more")

    def _done(self, answer: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not answer.cancelled():
            answer.exception()  # nobody may wait for it any more
