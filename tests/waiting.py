"""Waiting in tests: until a claim holds, however slow the machine is.

A claim that never holds means that something hangs. Only then does a wait end by itself, after a time that no machine
needs, and says what never happened. pytest's own timeout (pyproject.toml) is longer still.
"""

import asyncio
import time
from collections.abc import Callable

HANG_S = 900.0
"""What takes longer hangs. Also for calls of libraries that want a number of seconds."""
LOOK_EVERY_S = 0.1
LOOK_ON_LOOP_EVERY_S = 0.01


def wait_until(claim: Callable[[], object], what: str) -> None:
    """Return once the claim holds; fail, saying what was waited for, if it never does."""
    hangs_at = time.monotonic() + HANG_S
    while not claim():
        assert time.monotonic() < hangs_at, f"it hangs, for this never happened: {what}"
        time.sleep(LOOK_EVERY_S)


async def until(claim: Callable[[], object]) -> None:
    """The same on the event loop, which goes on meanwhile."""
    async with asyncio.timeout(HANG_S):
        while not claim():  # noqa: ASYNC110 - what is claimed tells nobody
            await asyncio.sleep(LOOK_ON_LOOP_EVERY_S)
