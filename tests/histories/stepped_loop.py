"""An event loop that goes on turn by turn when a schedule says so, with a time of its own. Nothing wakes it."""

import asyncio
from asyncio import events
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class SteppedLoop(asyncio.BaseEventLoop):
    """One of them is one process: what it has not done when it is dropped was never done."""

    def __init__(self) -> None:
        super().__init__()
        self._selector: Any = self
        self._now_s = 0.0
        self.problems: list[str] = []
        self.set_exception_handler(lambda _, context: self.problems.append(repr(context)))

    def time(self) -> float:
        """Seconds; it moves in `tick` only."""
        return self._now_s

    def select(self, timeout_s: float | None) -> list[Any]:
        """Wait for nothing."""
        del timeout_s
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody waits."""

    def turn(self, times: int) -> bool:
        """Run what is ready, so many times at most; False when nothing is left."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            for _ in range(times):
                if not self._ready:  # type: ignore[attr-defined]
                    return False
                self._run_once()  # type: ignore[attr-defined]
        finally:
            events._set_running_loop(before)
        return bool(self._ready)  # type: ignore[attr-defined]

    def tick(self) -> bool:
        """Let time pass until something is due; False when nothing ever will be."""
        waiting = [timer._when for timer in self._scheduled if not timer._cancelled]  # type: ignore[attr-defined]
        if not waiting:
            return False
        self._now_s = max(self._now_s, min(waiting)) + 1e-6
        self.call_soon(int)  # so that `turn` looks at the timers
        return self.turn(1)

    def vanish(self) -> None:
        """Drop everything, as kill -9 does. Whatever clean-up code does now must reach nobody."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(BaseException):
                task.get_coro().close()
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]


class InTurns:
    """Stands for `streams.running.daemon_thread.DaemonThread`: each call runs in a turn of the loop.

    Args:
        loop: of the process.
        is_alive: a process that is gone does nothing any more.
    """

    def __init__(self, loop: SteppedLoop, is_alive: Callable[[], bool]) -> None:
        self._loop = loop
        self._is_alive = is_alive

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call and return what it returns."""
        return await self.post(call, *args, **kwargs)

    def post(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[R]":
        """Have a call run."""
        answer: asyncio.Future[R] = self._loop.create_future()
        if self._is_alive():
            self._loop.call_soon(self._work, answer, lambda: call(*args, **kwargs))
        return answer

    def _work(self, answer: "asyncio.Future[Any]", call: Callable[[], Any]) -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            if not answer.done():
                answer.set_exception(error)
            return
        if not answer.done():
            answer.set_result(result)
