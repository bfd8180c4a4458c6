"""A worker like any other some of whose background tasks are ended from within.

    python -m tests.faults.ending_worker NAME ...

It waits until it decides, and then cancels every task whose own name, coroutine or wrapped coroutine has one of the
names. Settings come from the environment, as for `robocall worker`.
"""

import asyncio
import sys
from typing import Any

from streams.commands import worker
from streams.log import configure_log
from streams.settings import load_settings
from streams.worker.assembly import build_app

LOOK_EVERY_S = 0.1
ENDED = "tasks were ended"


def names_of(task: "asyncio.Task[Any]") -> set[str]:
    """How a task may be called."""
    wrapped = getattr(task, "__wrapped__", None)
    coroutines = (task.get_coro(), wrapped)
    return {task.get_name(), *(getattr(one, "__qualname__", "") for one in coroutines)}


async def end_tasks(app: Any, names: set[str]) -> None:
    """Wait until something was decided and committed, then cancel the tasks."""
    while not app.consumer.committed:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK_EVERY_S)
    ended = [task for task in asyncio.all_tasks() if names & names_of(task)]
    for task in ended:
        task.cancel()
    sys.stderr.write(f"{ENDED}: {len(ended)}\n")


def main() -> int:
    """Run it."""

    def build_ending(*arguments: Any) -> Any:
        assembly = build_app(*arguments)
        loop = asyncio.get_event_loop()
        vars(assembly.app)["ending_task"] = loop.create_task(end_tasks(assembly.app, set(sys.argv[1:])))
        return assembly

    vars(worker)["build_app"] = build_ending
    settings = load_settings()
    configure_log(settings.log_level)
    return worker.run_worker(settings)


if __name__ == "__main__":
    sys.exit(main())
