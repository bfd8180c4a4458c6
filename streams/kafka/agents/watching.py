"""The job that ends a process where a task has ended without which calls wait for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streams.kafka.faust_app import vital_tasks
from streams.running.watched_tasks import WatchedTasks

WATCH_INTERVAL_S = 1.0


def watching(
    app: Any, has_joined: Callable[[], bool], fail: Callable[[BaseException], object]
) -> Callable[[], Awaitable[None]]:
    """Make the job; what it has seen outlives it where it is started again.

    Args:
        app: The Faust application whose tasks are looked at.
        has_joined: Whether the group has given partitions out, so that all tasks should run. Asked at every look, once
            a second.
        fail: Told which task ended; not once the application has begun to stop.
    """
    watched = WatchedTasks(lambda: vital_tasks(app), fail)

    async def watch() -> None:
        while True:
            should_run = has_joined()
            if not app.should_stop:
                watched.look(should_run=should_run)
            await asyncio.sleep(WATCH_INTERVAL_S)

    return watch
