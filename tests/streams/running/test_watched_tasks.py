"""A task that has ended is told by name, once it was there; one that never comes is told too."""

import asyncio
from collections.abc import Callable

from streams.running.watched_tasks import MOST_ABSENT, WatchedTasks


def told(story: Callable[[dict[str, "asyncio.Future[object] | None"], WatchedTasks], None]) -> list[str]:
    """What is told while a story plays with the tasks."""
    failures: list[str] = []

    async def play() -> None:
        tasks: dict[str, asyncio.Future[object] | None] = {"reader": asyncio.Future()}
        story(tasks, WatchedTasks(lambda: tasks, lambda error: failures.append(str(error))))

    asyncio.run(play())
    return failures


def test_tasks_that_run_are_nobodys_business() -> None:
    """Nor is one that another has replaced."""

    def story(tasks: dict[str, "asyncio.Future[object] | None"], watched: WatchedTasks) -> None:
        watched.look()
        first, tasks["reader"] = tasks["reader"], asyncio.Future()
        assert first is not None
        first.cancel()
        watched.look()

    assert told(story) == []


def test_a_task_that_was_cancelled_returned_or_raised_is_told() -> None:
    """Also when it is not to be found any more."""

    def end_by(end: Callable[["asyncio.Future[object]"], object], *, is_gone: bool) -> list[str]:
        def story(tasks: dict[str, "asyncio.Future[object] | None"], watched: WatchedTasks) -> None:
            watched.look()
            task = tasks["reader"]
            assert task is not None
            end(task)
            if is_gone:
                tasks["reader"] = None
            watched.look()

        return told(story)

    ended = ["the background task reader ended: a new start is needed"]
    assert end_by(lambda task: task.cancel(), is_gone=True) == ended
    assert end_by(lambda task: task.set_result(None), is_gone=False) == ended
    raised = end_by(lambda task: task.set_exception(ValueError("+12025550123")), is_gone=False)
    assert raised == ["the background task reader ended with ValueError: a new start is needed"]


def test_a_task_that_never_comes_is_told_once_it_should_run() -> None:
    """A member that waits for its share has not begun to read."""

    def story(tasks: dict[str, "asyncio.Future[object] | None"], watched: WatchedTasks) -> None:
        tasks["reader"] = None
        for _ in range(3 * MOST_ABSENT):
            watched.look(should_run=False)
        for _ in range(MOST_ABSENT):
            watched.look()
        tasks["writer"] = asyncio.Future()

    assert told(story) == []

    def too_long(tasks: dict[str, "asyncio.Future[object] | None"], watched: WatchedTasks) -> None:
        story(tasks, watched)
        watched.look()

    assert told(too_long) == ["the background task reader ended: a new start is needed"]
