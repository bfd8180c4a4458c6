"""Run a Faust application in this process: services around it, signals, and an end that is always reached."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import faust
import structlog
import uvloop
from mode import Service

from streams.running.failures import described

SWITCH_INTERVAL_S = 0.0003
"""How long another thread may hold the interpreter; the default of 5 ms is longer than a decision takes."""
STOP_TIMEOUT_S = 15.0
RESTART_PAUSE_S = 1.0
CANCEL_AGAIN_S = 0.25

log = structlog.get_logger(__name__)
mode_log = logging.getLogger("mode")  # services announce every start and stop to the log of their class


class Part(Protocol):
    """Something with a beginning and an end, run by `run` around the Faust application."""

    async def start(self) -> None:
        """Begin. Awaited once, on the event loop, before whatever stands behind it; what it raises ends the process."""

    async def stop(self) -> None:
        """End. Awaited once, after whatever stands behind it has ended, also when `start` failed. It must not raise."""


class Around(Service):
    """A mode service around a part that knows nothing of mode."""

    logger = mode_log

    def __init__(self, part: Part, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._part = part

    async def on_start(self) -> None:
        """Start the part before whatever comes after it. See `Part`."""
        await self._part.start()

    async def on_stop(self) -> None:
        """Stop the part after whatever came after it. See `Part`."""
        await self._part.stop()


class Background:
    """Endless jobs beside the stream. One that breaks is logged and started again: it must not stop decisions.

    Args:
        jobs: each with a name for the log. A job runs on the event loop, so it keeps its slices short. It is started
            again, after `RESTART_PAUSE_S`, whether it returned or raised, and ends when it is cancelled.
    """

    def __init__(self, jobs: Sequence[tuple[str, Callable[[], Awaitable[None]]]]) -> None:
        self._jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def start(self) -> None:
        """Start every job."""
        self._tasks = [asyncio.create_task(self._keep_running(name, job), name=name) for name, job in self._jobs]

    async def stop(self) -> None:
        """Cancel every job and wait for it; again and again, since a cancelled network call may swallow the first."""
        self._is_stopping = True
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)

    async def _keep_running(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        pause_s = 0.0
        while True:
            try:
                await asyncio.sleep(pause_s)
                pause_s = RESTART_PAUSE_S
                await job()
            except (Exception, asyncio.CancelledError) as error:  # whatever it is, the job is needed
                task = asyncio.current_task()
                if self._is_stopping or task is None:
                    raise
                while task.cancelling():  # by nobody who may: a future that it waited for was cancelled, or it was
                    task.uncancel()
                log.error("background job broke, starting it again", job=name, **described(error))  # noqa: TRY400


class Ending:
    """How the process is to end. `fail` may be called from anywhere on the loop; the first cause counts."""

    def __init__(self) -> None:
        self.cause: BaseException | None = None
        self._stop: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._task: asyncio.Task[None] | None = None

    def bind(self, stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Say how to stop; done once, by `run`, before the start."""
        self._stop = stop

    def fail(self, cause: BaseException) -> None:
        """Stop everything, and end with status 1. It returns at once; what is stopped is awaited by a task."""
        if self.cause is None:
            self.cause = cause
            log.error("stopping without acknowledging what is in flight", cause=str(cause))
            if self._stop is not None:
                self._task = asyncio.get_running_loop().create_task(self._stop())


class GuardedWorker(faust.Worker):
    """Faust's worker, with a stop that ends the process whatever hangs, and without redirecting what others print."""

    logger = mode_log

    def __init__(self, app: Any, *services: Any, loop: Any) -> None:
        super().__init__(
            app, *services, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False, loglevel="WARN"
        )
        self.spinner = None

    async def stop(self) -> None:
        """Stop; a thread ends the process with status 1 when that takes longer than `STOP_TIMEOUT_S`."""
        guard = threading.Timer(STOP_TIMEOUT_S, _give_up)
        guard.daemon = True
        guard.start()
        await super().stop()


def _give_up() -> None:
    try:
        sys.stderr.write(
            f"robocall: could not stop within {STOP_TIMEOUT_S:g} s, ending; nothing unfinished was committed\n"
        )
        sys.stderr.flush()
    finally:
        os._exit(1)  # whether or not the log's disk has room for that


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make uvloop's event loop the one of this thread."""
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def run(app: Any, services: Sequence[Part], ending: Ending, loop: asyncio.AbstractEventLoop) -> int:
    """Run until SIGTERM, SIGINT or a failure; blocks until all has stopped, which takes `STOP_TIMEOUT_S` at most.

    Called once, in the main thread. What exists by then is never looked at by the garbage collector again.

    Args:
        app: the Faust application.
        services: started before it, in order, and stopped after it, in reverse.
        ending: knows whether it failed.
        loop: from `new_event_loop`, made before `app` was.

    Returns:
        Exit status: 0 when told to stop, 1 after a failure.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()  # what exists now lives as long as the process: no collection looks at it again
    worker = GuardedWorker(app, *(Around(part) for part in services), loop=loop)
    ending.bind(worker.stop)
    try:
        worker.execute_from_commandline()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
        return 1 if ending.cause is not None else status
