"""An event loop of its own in a thread, for work that would keep the other one from its turn."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


class LoopThread:
    """Runs coroutines there, as many at a time as are given. Its thread never keeps the process from ending.

    Args:
        name: of the thread, which starts with the first coroutine.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine there and return what it returns. Awaited on another event loop, which goes on meanwhile.

        It raises what the coroutine raises; who cancels this cancels that.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._work, args=(self._loop,), name=self._name, daemon=True).start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self) -> None:
        """Cancel what runs there and end the thread; nobody waits for it. Nothing may be run afterwards."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended before
                self._loop.call_soon_threadsafe(self._ending.set)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_until(self._ending))


async def _until(event: asyncio.Event) -> None:
    await event.wait()
