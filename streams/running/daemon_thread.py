"""One thread for blocking work beside the event loop, which never keeps the process from ending."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class DaemonThread:
    """Runs calls one after the other. An executor's threads are waited for at exit: a store that hangs would hang us.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]]
        self._calls = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call there and return what it returns; it goes on to its end even when this is cancelled.

        Awaited on an event loop, which goes on meanwhile. It waits for the calls before, however long they take, and
        raises what the call raises.
        """
        return await self.post(call, *args, **kwargs)

    def post(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[R]":
        """Have a call run there after those before it; nobody needs to wait for it. It never blocks.

        Returns:
            A future of the running event loop, settled with what the call returns or raises.

        Raises:
            RuntimeError: no event loop runs in this thread.
        """
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._calls.put((loop, answer, lambda: call(*args, **kwargs)))
        return answer

    def _work(self) -> None:
        while True:
            loop, answer, call = self._calls.get()
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                _report(loop, answer, answer.set_exception, error)
            else:
                _report(loop, answer, answer.set_result, result)


def _report(
    loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Any]", settle: Callable[[Any], None], value: Any
) -> None:
    def deliver() -> None:
        if not answer.done():
            settle(value)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(deliver)
